"""What is configured in the environment, the shared files, and around the machine.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiostorage.errors import AuthenticationError
from aiostorage.providers.s3.credentials.container import container
from aiostorage.providers.s3.credentials.instance import instance
from aiostorage.providers.s3.credentials.profile import Profiles, environment_identity, environment_keys
from aiostorage.providers.s3.credentials.sts import service_of
from aiostorage.providers.s3.shared_files import SharedFiles, read_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.providers.s3.config import Settings
    from aiostorage.providers.s3.credentials.asking import Network
    from aiostorage.providers.s3.credentials.values import Found


class Places:
    """The places of one driver: each a look at what is configured there."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], network: Network) -> None:
        self._settings = settings
        self._environ = environ
        self._network = network

    async def environment(self) -> Found | None:
        """Keys in the environment."""
        return environment_keys(self._environ)

    async def web_identity(self) -> Found | None:
        """A role, by a token in a file that the environment names."""
        if not self._environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
            return None
        shared = (await self._files()).profile(self._settings.profile).settings
        settings = self._settings
        service = service_of(settings.region, self._environ, shared, self._network, fips=settings.fips)
        return environment_identity(self._environ, service)

    async def profile(self) -> Found | None:
        """A profile of the shared files."""
        files = await self._files()
        shared = files.profile(self._settings.profile)
        asked_for = self._settings.profile or self._environ.get("AWS_PROFILE")
        if asked_for and not shared.is_present:
            looked_in = " or ".join(map(str, shared.files))
            raise AuthenticationError(f"there is no profile {asked_for!r} in {looked_in}", provider="s3")
        profiles = Profiles(
            files=files,
            environ=self._environ,
            network=self._network,
            region=self._settings.region,
            fips=self._settings.fips,
            mfa_code=self._settings.mfa_code,
        )
        return profiles.follow(shared.name)

    async def container(self) -> Found | None:
        """The agent of a container."""
        return container(self._environ)

    async def instance(self) -> Found | None:
        """The metadata service of the machine."""
        shared = (await self._files()).profile(self._settings.profile).settings
        return instance(self._environ, shared)

    async def _files(self) -> SharedFiles:
        return await asyncio.to_thread(read_files, self._environ)
