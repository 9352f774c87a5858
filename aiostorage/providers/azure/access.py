"""Who asks, found out when the first request is made, and with what others are let in."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from aiostorage.errors import AuthenticationError, InvalidArgumentError
from aiostorage.providers.azure import credentials, signing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from aiostorage._http.credentials import CredentialCache
    from aiostorage.providers.azure.config import Settings, Site
    from aiostorage.providers.azure.credentials import AzureCredential, DelegationKey, OwnedTokenCredential

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
            self.credentials = credentials.fixed(lasting)
        else:
            self.credentials = credentials.from_identity(self._identity, credentials.SCOPE)

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
            self._owned = await asyncio.to_thread(credentials.make_default_credential)
        return self._owned
