"""Tokens as values. It imports nothing, because users make them, too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwiftToken:
    """What opens an account, and where the account is.

    Attributes:
        value: Goes into ``X-Auth-Token``; empty for nobody in particular.
        storage_url: The account's URL, without a slash at its end.
        cdn_url: Its CDN management URL, where it has one that the token may be sent to.
        expires_at: When it stops to work; None for never, or for nobody knows.
    """

    value: str = field(repr=False)
    storage_url: str
    cdn_url: str | None = None
    expires_at: datetime | None = None
