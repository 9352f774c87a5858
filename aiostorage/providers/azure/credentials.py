"""Who asks: an account's key, a shared access signature, or the bearer token of an identity."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import parse_qsl

from aiostorage._http.credentials import CredentialCache
from aiostorage._http.headers import parse_iso_date
from aiostorage.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SCOPE = "https://storage.azure.com/.default"


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


def fixed(credential: AzureCredential) -> CredentialCache[AzureCredential]:
    """A credential that nothing can renew."""

    async def fetch() -> AzureCredential:
        return credential

    return CredentialCache[AzureCredential](fetch, renew_before=timedelta(0))


def from_identity(find: Callable[[], Awaitable[TokenCredential]], scope: str) -> CredentialCache[AzureCredential]:
    """Tokens of an identity, renewed early."""

    async def fetch() -> AzureCredential:
        try:
            found = await (await find()).get_token(scope)
        except asyncio.CancelledError:
            raise
        except AuthenticationError:
            raise
        except Exception as error:
            message = f"the credential gave no token: {type(error).__name__}"
            raise AuthenticationError(message, provider="azure") from error
        return BearerToken(token=found.token, expires_at=datetime.fromtimestamp(found.expires_on, UTC))

    return CredentialCache[AzureCredential](fetch)


def make_default_credential() -> OwnedTokenCredential:
    """The chain of ``azure-identity``: environment, workload, managed identity, developer tools. It imports much.

    Raises:
        AuthenticationError: The package is not installed.
    """
    try:
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise AuthenticationError(
            "no credentials are given, and azure-identity (aiostorage[azure]) is not installed to look for some",
            provider="azure",
        ) from None
    return DefaultAzureCredential()
