"""Who asks: an account's key, a shared access signature, or the bearer token of an identity. Values; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import parse_qsl

from aiostorage._http.headers import parse_iso_date
from aiostorage.errors import AuthenticationError

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """The key of an account: it may do everything, and signs for others."""

    account_name: str
    account_key: bytes = field(repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SASToken:
    """A shared access signature, as the query of a URL without ``?``."""

    token: str = field(repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """A token of Microsoft Entra."""

    token: str = field(repr=False)
    expires_at: datetime | None = None


AzureCredential: TypeAlias = SharedKey | SASToken | BearerToken


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationKey:
    """A key that signs in the name of an identity, for at most seven days.

    Source: https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
    """

    object_id: str
    tenant_id: str
    start: str
    expiry: str
    service: str
    version: str
    value: bytes = field(repr=False)
    expires_at: datetime | None = None


class AccessToken(Protocol):
    """What :class:`TokenCredential` gives; ``azure.core.credentials.AccessToken`` is one."""

    @property
    def token(self) -> str:
        """The token."""
        ...

    @property
    def expires_on(self) -> int:
        """When it stops to work, in seconds since 1970."""
        ...


class TokenCredential(Protocol):
    """Whoever gives tokens, such as any credential of ``azure.identity.aio``."""

    async def get_token(self, *scopes: str) -> AccessToken:
        """A token for these scopes."""
        ...


class OwnedTokenCredential(TokenCredential, Protocol):
    """A credential that was made here, and is closed here."""

    async def close(self) -> None:
        """Close its connections."""
        ...


def sas_token(text: str) -> SASToken:
    """A shared access signature as it was given, with or without ``?``.

    Raises:
        AuthenticationError: It holds no signature.
    """
    token = text.strip().removeprefix("?")
    fields = dict(parse_qsl(token))
    if not fields.get("sig") or not token.isascii() or not token.isprintable() or " " in token:
        raise AuthenticationError("the shared access signature has no signature in it", provider="azure")
    return SASToken(token=token, expires_at=parse_iso_date(fields.get("se")))
