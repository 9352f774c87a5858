"""Who asks, found out when the first request is made, and with what others are let in."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiostorage._http.credentials import CredentialCache, given_by
from aiostorage.errors import AuthenticationError, InvalidArgumentError
from aiostorage.providers.azure import credentials, signing
from aiostorage.providers.azure.credentials import AzureCredential

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiostorage.providers.azure.config import Settings, Site
    from aiostorage.providers.azure.credentials import DelegationKey, OwnedTokenCredential, TokenCredential

SCOPE = "https://storage.azure.com/.default"

CLOCK_TOLERANCE = timedelta(minutes=15)


class Access:
    """The credentials of one driver.

    Args:
        settings: What the user has given.
        site: Where requests go.
        lasting: The key or signature among the settings, if there is one.
    """

    def __init__(
        self, settings: Settings, site: Site, lasting: credentials.SharedKey | credentials.SASToken | None
    ) -> None:
        self._given = settings.credential
        self._site = site
        self._owned: OwnedTokenCredential | None = None
        self._delegation: DelegationKey | None = None
        self.credentials: CredentialCache[AzureCredential] | None
        if settings.anonymous:
            self.credentials = None
        elif lasting is not None:
            self.credentials = _fixed(lasting)
        else:
            self.credentials = _from_identity(self._identity)

    async def signing_key(
        self, life_s: float, now: datetime, fetch: Callable[[datetime, datetime], Awaitable[DelegationKey]]
    ) -> credentials.SharedKey | DelegationKey:
        """What can sign for others: the account's key, or one that Azure gives to an identity.

        Args:
            life_s: How long what is signed shall work.
            now: The time.
            fetch: Asks Azure for a key with a start and an end.

        Raises:
            AuthenticationError: There is nothing to sign with.
            InvalidArgumentError: No key works as long as that.
        """
        if self.credentials is None:
            raise AuthenticationError("anonymous access has nothing to sign with", provider="azure")
        match await self.credentials.get():
            case credentials.SharedKey() as key:
                return key
            case credentials.SASToken():
                raise AuthenticationError(
                    "a shared access signature cannot sign others; the account's key or a bearer token can",
                    provider="azure",
                )
            case credentials.BearerToken():
                pass
        if life_s > signing.MAX_DELEGATION_S:
            raise InvalidArgumentError(
                f"what is signed with a bearer token lives for {signing.MAX_DELEGATION_S} seconds at most",
                provider="azure",
            )
        known = self._delegation
        if known is None or known.expires_at is None or known.expires_at < now + timedelta(seconds=life_s):
            known = self._delegation = await fetch(
                now - CLOCK_TOLERANCE, now + timedelta(seconds=signing.MAX_DELEGATION_S)
            )
        return known

    async def aclose(self) -> None:
        """Close the credential that was made here, if any; one that was handed in stays open."""
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.close()

    async def _identity(self) -> credentials.TokenCredential:
        if self._given is not None:
            return self._given
        if self._site.scheme != "https":
            raise AuthenticationError("no credentials are given, and tokens are sent over https only", provider="azure")
        if self._owned is None:
            self._owned = await asyncio.to_thread(_make_default_credential)
        return self._owned


def _fixed(credential: AzureCredential) -> CredentialCache[AzureCredential]:
    """A credential that nothing can renew."""

    async def fetch() -> AzureCredential:
        return credential

    return CredentialCache[AzureCredential](fetch, renew_before=timedelta(0))


def _from_identity(find: Callable[[], Awaitable[TokenCredential]]) -> CredentialCache[AzureCredential]:
    """Tokens of an identity, renewed early."""

    async def ask() -> credentials.BearerToken:
        found = await (await find()).get_token(SCOPE)
        return credentials.BearerToken(token=found.token, expires_at=datetime.fromtimestamp(found.expires_on, UTC))

    async def fetch() -> AzureCredential:
        return await given_by(ask, credentials.BearerToken, provider="azure")

    return CredentialCache[AzureCredential](fetch)


def _make_default_credential() -> OwnedTokenCredential:
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
