"""The places where credentials are looked for, in order.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from aiostorage._http.credentials import given_by
from aiostorage.errors import AuthenticationError
from aiostorage.providers.s3.credentials.asking import Network, network_of
from aiostorage.providers.s3.credentials.cache import renewing, shared_cache
from aiostorage.providers.s3.credentials.values import S3Credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiostorage._http.credentials import CredentialCache
    from aiostorage._http.options import HTTPOptions
    from aiostorage.providers.s3.config import Settings
    from aiostorage.providers.s3.credentials.cache import SharedCache
    from aiostorage.providers.s3.credentials.values import Found


class Place(NamedTuple):
    """Where credentials may be configured: its name, for errors, and a look at what is there."""

    name: str
    look: Callable[[], Awaitable[Found | None]]


def provider(
    settings: Settings, environ: Mapping[str, str], options: HTTPOptions
) -> CredentialCache[S3Credentials] | None:
    """The credentials of a driver, renewed as needed; None for one that signs nothing."""
    if settings.anonymous:
        return None
    places = chain(settings, environ, network_of(options))
    return renewing(lambda last: find(places, other_than=last))


def chain(settings: Settings, environ: Mapping[str, str], network: Network | None = None) -> Sequence[Place]:
    """The places to look at, in order. What the user named explicitly is the only one."""
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        given = S3Credentials(
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
            session_token=settings.session_token,
        )
        return [Place("the arguments", _already(given))]
    if settings.credentials is not None:
        ask = partial(given_by, settings.credentials, S3Credentials, provider="s3")
        return [Place("the credentials function", ask)]
    # What knows all of these places is a third of what a driver imports; whoever has given keys needs none of it.
    from aiostorage.providers.s3.credentials.places import Places  # noqa: PLC0415

    places = Places(settings, environ, network or Network())
    name = settings.profile or environ.get("AWS_PROFILE") or "default"
    profile = Place(f"the profile {name!r} of the shared files", places.profile)
    if settings.profile is not None:
        return [profile]
    return [
        Place("the environment (AWS_ACCESS_KEY_ID)", places.environment),
        Place("the environment (AWS_WEB_IDENTITY_TOKEN_FILE)", places.web_identity),
        profile,
        Place("the container's agent (AWS_CONTAINER_CREDENTIALS_...)", places.container),
        Place("the metadata service of the machine", places.instance),
    ]


async def find(
    places: Sequence[Place], *, other_than: S3Credentials | None = None, cache: SharedCache[S3Credentials] | None = None
) -> S3Credentials:
    """The first credentials that are found.

    Args:
        places: Where to look.
        other_than: What was found before, and is to be replaced.
        cache: Where temporary ones are kept; by default that of the event loop.

    Raises:
        AuthenticationError: There are none.
        StorageError: The place that has them cannot give them.
    """
    for place in places:
        found = await place.look()
        if found is not None and not isinstance(found, S3Credentials):
            found = await (cache or shared_cache()).get(found, other_than=other_than)
        if found is not None:
            return found
    looked_in = "; ".join(place.name for place in places)
    raise AuthenticationError(
        f"no credentials found; looked in: {looked_in}. Pass anonymous=True to go without", provider="s3"
    )


def _already(found: Found) -> Callable[[], Awaitable[Found]]:
    async def look() -> Found:
        return found

    return look
