"""What lies beside the content of objects: their headers in place, and what a container can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from aiostorage._http.headers import header_text, unquote_etag
from aiostorage._http.metadata import from_headers, to_headers
from aiostorage.errors import InvalidArgumentError, ObjectChangedError, UnsupportedError
from aiostorage.models import WHOLE
from aiostorage.providers.swift import errors, names, requests, responses
from aiostorage.providers.swift.cluster import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.client import HTTPClient
    from aiostorage.models import ObjectInfo, ObjectRef, Retention, WriteOptions
    from aiostorage.providers.swift.large_objects import LargeObjects
    from aiostorage.providers.swift.tokens import SwiftToken

_META = "x-container-meta-"
_KEPT = ("x-delete-at", "x-object-manifest", "x-robots-tag", "expires", requests.METADATA + requests.CRC32)
_REPLACED = ("cache-control", "content-disposition", "content-encoding", "content-language")
_OWN_META = ("temp-url-key", "quota-", "web-", "access-control-")
"""Metadata of a container that the cluster reads itself, and that so is no tag."""


class SwiftAdministration:
    """The :class:`~aiostorage.backend.Administration` of a cluster.

    Args:
        http: Sends requests.
        large: Knows where the segments are.
    """

    def __init__(self, http: HTTPClient[SwiftToken], large: LargeObjects) -> None:
        self._http = http
        self._large = large

    async def update_object(self, ref: ObjectRef, options: WriteOptions) -> ObjectInfo:
        """Replace the headers and the metadata of an object. An expiry stays, unless another is given."""
        if ref.version_id is not None:
            self._refuse("update_object", "change of an older version")
        request = requests.head_object(ref.container, ref.key, WHOLE, is_newest=True)
        found = (await self._http.send(request)).headers
        if ref.if_match is not None and unquote_etag(found.get("etag")) != ref.if_match:
            raise ObjectChangedError("the object was replaced meanwhile", container=ref.container, key=ref.key)
        named = {name.lower() for name in options.extra}
        named |= {"x-delete-at"} if "x-delete-after" in named else set()
        kept = {name: found[name] for name in _KEPT if name in found and name not in named}
        headers = {**kept, **requests.content_headers(options)}
        updated = await self._post_object(ref, headers)
        # Ceph keeps what is not named; an empty header is as good as none.
        stale = {name: "" for name in _REPLACED if updated.get(name) and name not in headers}
        if stale:
            updated = await self._post_object(ref, {**headers, **stale})
        return responses.object_info(ref.key, updated)

    async def _post_object(self, ref: ObjectRef, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Replace the headers of an object, and say which it has now."""
        change = requests.update_object(ref.container, ref.key, headers)
        response = await self._http.send(change)
        if response.status != 202:  # somebody in between has answered
            raise errors.unexpected(change, response, "what changes an object is accepted with 202")
        request = requests.head_object(ref.container, ref.key, WHOLE, is_newest=True)
        return (await self._http.send(request)).headers

    async def get_setting(self, container: str, name: str) -> str | None:
        """What a container was told; None where it was told nothing."""
        return (await self._head(container)).get(SETTINGS[name]) or None

    async def set_setting(self, container: str, name: str, document: str) -> None:
        """Tell a container something. Who may read it may read the segments of its objects, too."""
        headers = {SETTINGS[name]: header_text(name, document)}
        await self._http.send(requests.update_container(container, headers))
        if name == "read-acl" and await self._large.may_be_in(container):
            await self._http.send(requests.update_container(names.segments_container(container), headers))

    async def delete_setting(self, container: str, name: str) -> None:
        """Take back what a container was told."""
        await self.set_setting(container, name, "")

    async def get_versioning(self, container: str) -> bool:
        """Whether a container keeps what is written over or deleted."""
        return (await self._head(container)).get("x-versions-enabled", "").lower() == "true"

    async def set_versioning(self, container: str, *, is_kept: bool) -> None:
        """Make a container keep what is written over or deleted, or keep no more of it.

        Source: https://docs.openstack.org/swift/latest/api/object_versioning.html
        """
        headers = {"x-versions-enabled": "true" if is_kept else "false"}
        await self._http.send(requests.update_container(container, headers))

    async def get_container_tags(self, container: str) -> Mapping[str, str]:
        """The metadata of a container, but for what the cluster reads itself."""
        found = from_headers(_META, await self._head(container))
        return {name: value for name, value in found.items() if not name.startswith(_OWN_META)}

    async def set_container_tags(self, container: str, tags: Mapping[str, str]) -> None:
        """Replace the metadata of a container, but for what the cluster reads itself."""
        headers = to_headers(_META, tags)
        if any(name.removeprefix(_META).startswith(_OWN_META) for name in headers):
            raise InvalidArgumentError(f"a tag does not begin with {', '.join(_OWN_META)}", provider="swift")
        old = {_META + name: "" for name in await self.get_container_tags(container)}
        await self._http.send(requests.update_container(container, {**old, **headers}))

    async def get_tags(self, ref: ObjectRef) -> Mapping[str, str]:
        """Objects have none."""
        self._refuse("get_tags", "tagging of objects")

    async def set_tags(self, ref: ObjectRef, tags: Mapping[str, str]) -> None:
        """Objects have none."""
        self._refuse("set_tags", "tagging of objects")

    async def set_acl(self, ref: ObjectRef, acl: str) -> None:
        """Objects have none; their container has."""
        self._refuse("set_acl", "acl of objects")

    async def set_retention(
        self, ref: ObjectRef, retention: Retention | None, *, bypass_retention: bool = False
    ) -> None:
        """Objects have none."""
        self._refuse("set_retention", "retention")

    async def set_legal_hold(self, ref: ObjectRef, *, is_held: bool) -> None:
        """Objects have none."""
        self._refuse("set_legal_hold", "legal hold")

    async def restore_object(self, ref: ObjectRef, *, days: int | None, tier: str | None) -> None:
        """There is no archive."""
        self._refuse("restore_object", "archive")

    async def _head(self, container: str) -> Mapping[str, str]:
        return (await self._http.send(requests.head_container(container))).headers

    def _refuse(self, operation: str, what: str) -> NoReturn:
        raise UnsupportedError(f"there is no {what} here", provider="swift", operation=operation)
