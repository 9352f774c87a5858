"""What S3 can do besides moving content; an :class:`~aiostorage.backend.Administration`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiostorage.errors import InvalidArgumentError, StorageError, UnsupportedError
from aiostorage.providers.s3 import subresources
from aiostorage.providers.s3.checks import check_version, require
from aiostorage.providers.s3.settings import SETTINGS, Setting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiostorage._http.messages import Request, Response
    from aiostorage.models import ObjectInfo, ObjectRef, Retention, WriteOptions
    from aiostorage.providers.s3.config import Site


class Ready(Protocol):
    """Where requests go, once that is known; a name that cannot be is refused."""

    async def __call__(self, container: str, key: str | None = None, /) -> Site:
        """The site."""
        ...


class S3Administration:
    """The subresources of a service that speaks S3.

    Args:
        ready: Where requests go.
        send: Sends one, and returns its answer, which is no error.
    """

    def __init__(self, ready: Ready, send: Callable[[Request], Awaitable[Response]]) -> None:
        self._ready = ready
        self._send = send

    async def update_object(self, ref: ObjectRef, options: WriteOptions) -> ObjectInfo:
        """S3 changes nothing in place; see ``capabilities.update_in_place``."""
        raise UnsupportedError("nothing changes in place here", provider="s3", operation="update_object")

    async def get_tags(self, ref: ObjectRef) -> Mapping[str, str]:
        """The tags of an object."""
        site = await self._site("get_tags", ref)
        require(site.vendor, site.vendor.tags, "get_tags", "tagging of objects")
        request = subresources.of_object(site, "get_tags", "GET", ref, "tagging")
        return subresources.tags(request, await self._send(request))

    async def set_tags(self, ref: ObjectRef, tags: Mapping[str, str]) -> None:
        """Replace the tags of an object; none removes them."""
        site = await self._site("set_tags", ref)
        require(site.vendor, site.vendor.tags, "set_tags", "tagging of objects")
        if tags:
            await self._send(subresources.set_tags(site, ref, tags))
        else:
            await self._send(subresources.of_object(site, "set_tags", "DELETE", ref, "tagging"))

    async def set_acl(self, ref: ObjectRef, acl: str) -> None:
        """Give an object a canned ACL."""
        site = await self._site("set_acl", ref)
        require(site.vendor, site.vendor.acl, "set_acl", "acl of objects")
        await self._send(subresources.set_acl(site, ref, acl))

    async def set_retention(
        self, ref: ObjectRef, retention: Retention | None, *, bypass_retention: bool = False
    ) -> None:
        """Set until when an object is kept; None lifts it, where the service can do that."""
        site = await self._site("set_retention", ref)
        vendor = site.vendor
        require(vendor, vendor.retention, "set_retention", "retention")
        require(vendor, retention is not None or vendor.lifts_retention, "set_retention", "lifting of a retention")
        await self._send(subresources.set_retention(site, ref, retention, bypass_retention=bypass_retention))

    async def set_legal_hold(self, ref: ObjectRef, *, is_held: bool) -> None:
        """Hold an object, or let it go."""
        site = await self._site("set_legal_hold", ref)
        require(site.vendor, site.vendor.retention, "set_legal_hold", "legal hold")
        await self._send(subresources.set_legal_hold(site, ref, is_held=is_held))

    async def restore_object(self, ref: ObjectRef, *, days: int | None, tier: str | None) -> None:
        """Begin to make an archived object readable. That it has begun already is no error."""
        site = await self._site("restore_object", ref)
        require(site.vendor, site.vendor.restore, "restore_object", "archive")
        try:
            await self._send(subresources.restore_object(site, ref, days=days, tier=tier))
        except StorageError as error:
            if error.code != "RestoreAlreadyInProgress":
                raise

    async def get_setting(self, container: str, name: str) -> str | None:
        """A document of a container, as text; None where it has none."""
        site = await self._ready(container)
        setting = _setting(site, "get_setting", name)
        request = subresources.of_container(site, "get_setting", "GET", container, setting.subresource)
        try:
            response = await self._send(request)
        except StorageError as error:
            if error.code is not None and error.code == setting.missing_code:
                return None
            raise
        return subresources.setting_text(request, response, setting)

    async def set_setting(self, container: str, name: str, document: str) -> None:
        """Replace a document of a container."""
        site = await self._ready(container)
        setting = _setting(site, "set_setting", name)
        await self._send(subresources.set_setting(site, container, setting, document))

    async def delete_setting(self, container: str, name: str) -> None:
        """Remove a document of a container, or put the one that stands for none in its place."""
        site = await self._ready(container)
        setting = _setting(site, "delete_setting", name)
        require(site.vendor, setting.is_removable, "delete_setting", f"removal of the {name} of a container")
        if setting.none is None:
            request = subresources.of_container(site, "delete_setting", "DELETE", container, setting.subresource)
        else:
            request = subresources.set_setting(site, container, setting, setting.none)
        try:
            await self._send(request)
        except StorageError as error:
            if error.code is None or error.code != setting.missing_code:
                raise

    async def get_versioning(self, container: str) -> bool:
        """Whether a container keeps versions."""
        site = await self._ready(container)
        require(site.vendor, site.vendor.versioning, "get_versioning", "keeping of versions")
        request = subresources.of_container(site, "get_versioning", "GET", container, "versioning")
        return subresources.versioning(request, await self._send(request))

    async def set_versioning(self, container: str, *, is_kept: bool) -> None:
        """Make a container keep versions, or make no more of them."""
        site = await self._ready(container)
        require(site.vendor, site.vendor.versioning, "set_versioning", "keeping of versions")
        await self._send(subresources.set_versioning(site, container, is_kept=is_kept))

    async def get_container_tags(self, container: str) -> Mapping[str, str]:
        """The tags of a container."""
        site = await self._ready(container)
        require(site.vendor, site.vendor.container_tags, "get_container_tags", "tagging of containers")
        request = subresources.of_container(site, "get_container_tags", "GET", container, "tagging")
        try:
            response = await self._send(request)
        except StorageError as error:
            if error.code == "NoSuchTagSet":
                return {}
            raise
        return subresources.tags(request, response)

    async def set_container_tags(self, container: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of a container; none removes them."""
        site = await self._ready(container)
        require(site.vendor, site.vendor.container_tags, "set_container_tags", "tagging of containers")
        if tags:
            await self._send(subresources.set_container_tags(site, container, tags))
        else:
            await self._send(subresources.of_container(site, "set_container_tags", "DELETE", container, "tagging"))

    async def _site(self, operation: str, ref: ObjectRef) -> Site:
        site = await self._ready(ref.container, ref.key)
        check_version(site.vendor, operation, ref.version_id)
        return site


def _setting(site: Site, operation: str, name: str) -> Setting:
    """The row of a document. A service that does not know it may take the request for one on the container itself."""
    if name not in SETTINGS:
        message = f"a container has no document {name!r}; it may have {', '.join(sorted(site.vendor.settings))}"
        raise InvalidArgumentError(message, provider="s3", operation=operation)
    require(site.vendor, name in site.vendor.settings, operation, f"{name} of containers")
    return SETTINGS[name]
