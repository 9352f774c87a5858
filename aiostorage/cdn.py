"""Content delivery for the objects of a container."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Unpack

from aiostorage.errors import InvalidArgumentError
from aiostorage.models import CDNPolicy, check_lifetime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiostorage.backend import CDN
    from aiostorage.container import Container
    from aiostorage.models import PresignedRequest, SignedCookies
    from aiostorage.object import Object
    from aiostorage.options import CDNOptions


class ContainerCDN:
    """Where the objects of a container are delivered from; ``container.cdn``.

    Where a method takes an object, its name will do. A CDN delivers the latest version.
    """

    __slots__ = ("_cdn", "_container")

    def __init__(self, container: Container, cdn: CDN) -> None:
        self._container = container
        self._cdn = cdn

    def __repr__(self) -> str:
        return f"<CDN of {self._container!r}>"

    def url(self, obj: str | Object) -> str:
        """The public URL of an object. Whether it is open to all the CDN decides, and is not asked.

        Raises:
            InvalidNameError: The provider cannot hold an object of this name.
        """
        return self._cdn.url(self._name(obj))

    async def signed_url(
        self, obj: str | Object, *, prefix: str | None = None, **options: Unpack[CDNOptions]
    ) -> PresignedRequest:
        """A URL by which whoever holds it can read an object, for a while.

        Args:
            obj: The object.
            prefix: Let the query of the URL open all objects whose names begin with this; the object's does.
            **options: See :class:`~aiostorage.options.CDNOptions`.

        Raises:
            UnsupportedError: The CDN is not set up to sign, or has no such restriction.
        """
        name = self._name(obj)
        if prefix is not None and not name.startswith(prefix):
            raise InvalidArgumentError(f"{name!r} does not begin with {prefix!r}")
        return await self._cdn.signed_url(name, replace(_policy(options), prefix=prefix))

    async def signed_cookies(
        self, obj: str | Object | None = None, *, prefix: str | None = None, **options: Unpack[CDNOptions]
    ) -> SignedCookies:
        """Cookies by which a browser can read an object, or many, by their public URLs, for a while.

        Args:
            obj: The object; or else
            prefix: The beginning of the names of all objects to open, ``""`` for all there are.
            **options: See :class:`~aiostorage.options.CDNOptions`.

        Raises:
            UnsupportedError: The CDN is not set up to sign, or has no such restriction.
        """
        if (obj is None) == (prefix is None):
            raise InvalidArgumentError("cookies are for an object or for a prefix")
        name = None if obj is None else self._name(obj)
        return await self._cdn.signed_cookies(name, replace(_policy(options), prefix=prefix))

    async def purge(self, objects: Iterable[str | Object] = (), *, prefixes: Iterable[str] = ()) -> None:
        """Have the edges drop their copies of objects, and of all that begin with one of the prefixes.

        It returns when the CDN has accepted that; the edges follow within minutes.

        Raises:
            UnsupportedError: The CDN is not set up to be purged.
            RateLimitedError: Too much is being purged already.
        """
        if isinstance(objects, str) or isinstance(prefixes, str):
            raise InvalidArgumentError("objects and prefixes are several, not one string")
        names = list(dict.fromkeys(self._name(obj) for obj in objects))
        beginnings = list(dict.fromkeys(prefixes))
        if names or beginnings:
            await self._cdn.purge(names, prefixes=beginnings)

    def _name(self, obj: str | Object) -> str:
        container = self._container
        if isinstance(obj, str):
            return container.object(obj).name
        if obj.container.driver is not container.driver or obj.container.name != container.name:
            raise InvalidArgumentError(f"{obj!r} is not in {container!r}")
        if obj.requested_version_id is not None:
            raise InvalidArgumentError(f"a CDN delivers the latest version of {obj!r}, and no other")
        return obj.name


def _policy(options: CDNOptions) -> CDNPolicy:
    """The options as a backend wants them.

    Raises:
        InvalidArgumentError: They make no sense.
    """
    policy = CDNPolicy(**options)
    check_lifetime(policy.expires_in_s)
    if policy.starts_at is not None and policy.starts_at.tzinfo is None:
        raise InvalidArgumentError("starts_at needs a time zone")
    if policy.ip_range is None:
        return policy
    try:
        return replace(policy, ip_range=str(ip_network(policy.ip_range)))
    except ValueError as error:
        raise InvalidArgumentError(f"ip_range: {error}") from None
