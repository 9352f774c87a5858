"""Who asks, as values; and how the files read in which it is written. Pure: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from aiostorage._http import json
from aiostorage._http.oauth import AccessToken
from aiostorage._http.shared_credentials import Source
from aiostorage.errors import AuthenticationError

if TYPE_CHECKING:
    from aiostorage._http.json import JSONObject
    from aiostorage.providers.gcs.credentials.impersonation import Impersonation
    from aiostorage.providers.gcs.credentials.service_account import ServiceAccount

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - no secret

TokenSource: TypeAlias = Source[AccessToken]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks.

    Attributes:
        source: Where access tokens come from.
        account: E-mail address of the service account, where it is one that is known.
        key: The key of that account, if it is there: it signs.
        impersonation: How another one acts as that account, where it is that other who may sign for it.
        project: The project that the identity belongs to, where it says so.
    """

    source: TokenSource
    account: str | None = None
    key: ServiceAccount | None = None
    impersonation: Impersonation | None = None
    project: str | None = None


def needed(document: JSONObject, name: str, *, where: str) -> str:
    """A text that has to be there.

    Raises:
        AuthenticationError: It is not.
    """
    value = json.text(document, name)
    if not value:
        raise AuthenticationError(f"{name} is missing in {where}", provider="gcs")
    return value


__all__ = ["TOKEN_URL", "AccessToken", "Identity", "TokenSource", "needed"]
