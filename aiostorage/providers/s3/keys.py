"""Keys as values. It imports nothing, because users make them, too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Credentials:
    """A key pair, with a token and an end if it is a temporary one."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    @property
    def identity(self) -> object:
        """What tells them from others of the same source."""
        return self.access_key_id, self.session_token
