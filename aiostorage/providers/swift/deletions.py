"""Deletions: many at once, and of versions in the order in which nothing older comes to light meanwhile."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aiostorage._tasks import each
from aiostorage.errors import NotFoundError, ObjectNotFoundError, StorageError, UnsupportedError
from aiostorage.models import DeleteOutcome
from aiostorage.providers.swift import requests, responses
from aiostorage.providers.swift.large_objects import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiostorage._http.client import HTTPClient
    from aiostorage.models import ObjectRef
    from aiostorage.providers.swift.cluster import Cluster
    from aiostorage.providers.swift.large_objects import LargeObjects
    from aiostorage.providers.swift.tokens import SwiftToken


class Deletions:
    """Removes objects with their segments.

    Args:
        http: Sends requests.
        large: Knows the segments.
        cluster: Tells what the cluster can do.
    """

    def __init__(self, http: HTTPClient[SwiftToken], large: LargeObjects, cluster: Callable[[], Cluster]) -> None:
        self._http = http
        self._large = large
        self._cluster = cluster

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object, or a version; the newest version that is left becomes the object that is there."""
        self._check(ref)
        if await self._delete(ref):
            await self._restore(ref)

    async def delete_many(self, container: str, refs: Sequence[ObjectRef]) -> list[DeleteOutcome]:
        """Remove objects of one container: small ones with one request, large ones and versions one by one."""
        outcomes: dict[ObjectRef, DeleteOutcome] = {}
        bulk = [ref for ref in refs if ref.version_id is None and ref.if_match is None]
        bulk = bulk if self._cluster().bulk_delete else []
        if bulk and await self._large.may_be_in(container):
            large = await self._large.large_keys(bulk)
            bulk = [ref for ref in bulk if ref.key not in large]
        if len(bulk) > 1:
            request = requests.delete_objects(container, [(ref.container, ref.key) for ref in bulk])
            with suppress(UnsupportedError):
                response = await self._http.send(request)
                outcomes |= zip(bulk, responses.delete_objects(request, response, bulk), strict=True)
        by_key: dict[str, list[ObjectRef]] = {}
        for ref in dict.fromkeys(refs):
            if ref not in outcomes:
                by_key.setdefault(ref.key, []).append(ref)
        for found in await each(self._delete_versions, list(by_key.values()), at_once=AT_ONCE):
            outcomes |= found
        return [outcomes[ref] for ref in refs]

    async def _delete_versions(self, refs: Sequence[ObjectRef]) -> dict[ObjectRef, DeleteOutcome]:
        """Remove versions of one object, those listed last, which are the oldest, first."""
        outcomes: dict[ObjectRef, DeleteOutcome] = {}
        is_without = False
        for ref in reversed(refs):
            error = None
            try:
                self._check(ref)
                is_without = await self._delete(ref)
            except StorageError as failure:
                error = failure
            outcomes[ref] = DeleteOutcome(key=ref.key, version_id=ref.version_id, error=error)
        if is_without:
            await self._restore(refs[0])
        return outcomes

    def _check(self, ref: ObjectRef) -> None:
        """Refuse what the cluster would not look at."""
        why = "deletions take no conditions here" if ref.if_match is not None else None
        if ref.version_id is not None and not self._cluster().capabilities.versioning:
            why = "the cluster has no versions"
        if why is not None:
            raise UnsupportedError(
                why, provider="swift", operation="delete_object", container=ref.container, key=ref.key
            )

    async def _delete(self, ref: ObjectRef) -> bool:
        """Remove an object or version; whether there may be older versions, and none that is current."""
        async with self._large.replacing(ref.container, ref.key, version_id=ref.version_id):
            try:
                response = await self._http.send(requests.delete_object(ref))
            except ObjectNotFoundError:
                return False
        return response.headers.get("x-object-current-version-id") == "null"

    async def _restore(self, ref: ObjectRef) -> None:
        """Make the newest version the current one, unless it says that the object is deleted.

        A cluster leaves the object deleted when the mark that says so is. Source:
        https://docs.openstack.org/swift/latest/middleware.html#object-versioning
        """
        newest = await self._large.newest_version(ref.container, ref.key)
        if newest is not None:
            with suppress(NotFoundError):  # it was deleted meanwhile
                await self._http.send(requests.restore_version(ref.container, ref.key, newest))
