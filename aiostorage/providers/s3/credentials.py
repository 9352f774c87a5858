"""Who asks: the places where credentials are looked for, one small source for each.

:func:`chain` is the one list of them. A new source (a role, the metadata service, a login) is one
more class with the two members of :class:`Source`, and one more line there.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aiostorage.errors import AuthenticationError
from aiostorage.providers.s3.shared_files import read_profile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from aiostorage.providers.s3.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Credentials:
    """A key pair, with a token and an end if it is a temporary one."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


class Source(Protocol):
    """A place where credentials may be found."""

    async def load(self) -> S3Credentials | None:
        """The credentials, or None where this place has none."""
        ...

    def where(self) -> str:
        """The place, for the message that nothing was found."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """Credentials that the user passed."""

    credentials: S3Credentials

    async def load(self) -> S3Credentials | None:
        """The credentials."""
        return self.credentials

    def where(self) -> str:
        """The place."""
        return "the arguments"


@dataclass(frozen=True, slots=True)
class Called:
    """Credentials from a function of the user."""

    function: Callable[[], Awaitable[S3Credentials]]

    async def load(self) -> S3Credentials | None:
        """What the function returns."""
        return await self.function()

    def where(self) -> str:
        """The place."""
        return "the credentials function"


@dataclass(frozen=True, slots=True)
class Environment:
    """Credentials from AWS_ACCESS_KEY_ID and its companions."""

    environ: Mapping[str, str]

    async def load(self) -> S3Credentials | None:
        """The credentials, if both halves are set."""
        return _pair(
            self.environ.get("AWS_ACCESS_KEY_ID"),
            self.environ.get("AWS_SECRET_ACCESS_KEY"),
            self.environ.get("AWS_SESSION_TOKEN"),
            where=self.where(),
        )

    def where(self) -> str:
        """The place."""
        return "the environment (AWS_ACCESS_KEY_ID)"


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """Credentials from the shared configuration files."""

    environ: Mapping[str, str]
    profile: str | None

    async def load(self) -> S3Credentials | None:
        """The credentials of the profile, read in a thread."""
        shared = await asyncio.to_thread(read_profile, self.environ, self.profile)
        asked_for = self.profile or self.environ.get("AWS_PROFILE")
        if asked_for and not shared.is_present:
            files = " or ".join(map(str, shared.files))
            raise AuthenticationError(f"there is no profile {asked_for!r} in {files}", provider="s3")
        settings = shared.settings
        return _pair(
            settings.get("aws_access_key_id"),
            settings.get("aws_secret_access_key"),
            settings.get("aws_session_token"),
            where=self.where(),
        )

    def where(self) -> str:
        """The place."""
        name = self.profile or self.environ.get("AWS_PROFILE") or "default"
        return f"the profile {name!r} of the shared files (keys only; roles and logins are not followed)"


def chain(settings: Settings, environ: Mapping[str, str]) -> Sequence[Source]:
    """The sources to ask, in order. What the user named explicitly is the only one."""
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        return [
            Given(
                S3Credentials(
                    access_key_id=settings.access_key_id,
                    secret_access_key=settings.secret_access_key,
                    session_token=settings.session_token,
                )
            )
        ]
    if settings.credentials is not None:
        return [Called(settings.credentials)]
    if settings.profile is not None:
        return [SharedFiles(environ, settings.profile)]
    return [Environment(environ), SharedFiles(environ, None)]


async def find(sources: Sequence[Source]) -> S3Credentials:
    """The first credentials that a source has.

    Raises:
        AuthenticationError: None of them has any.
    """
    for source in sources:
        credentials = await source.load()
        if credentials is not None:
            return credentials
    looked_in = "; ".join(source.where() for source in sources)
    raise AuthenticationError(
        f"no credentials found; looked in: {looked_in}. Pass anonymous=True to go without", provider="s3"
    )


def _pair(key_id: str | None, secret: str | None, token: str | None, *, where: str) -> S3Credentials | None:
    if not key_id and not secret:
        return None
    if not key_id or not secret:
        raise AuthenticationError(f"only half of a key pair is in {where}", provider="s3")
    return S3Credentials(access_key_id=key_id, secret_access_key=secret, session_token=token or None)
