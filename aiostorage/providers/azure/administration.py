"""What lies beside content in Azure: tags, tiers, retention; and what only Azure has: snapshots, leases, copies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import uuid4

from aiostorage._http import xml
from aiostorage._http.failures import scrub
from aiostorage._http.headers import header_text, unquote_etag
from aiostorage._tasks import clean_up
from aiostorage.errors import InvalidArgumentError, StorageError, UnexpectedResponseError, UnsupportedError
from aiostorage.models import ObjectRef, ReadOptions
from aiostorage.providers.azure import errors, requests, responses
from aiostorage.providers.azure.headers import extra_headers, property_headers, public_access, retention_headers
from aiostorage.providers.azure.metadata import from_headers, to_headers
from aiostorage.providers.azure.signing import COPY_SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.client import HTTPClient
    from aiostorage._http.messages import Response
    from aiostorage.models import ObjectInfo, Page, Retention, WriteOptions
    from aiostorage.providers.azure.config import Site
    from aiostorage.providers.azure.credentials import AzureCredential

LeaseAction: TypeAlias = Literal["acquire", "renew", "change", "release", "break"]

_POLL_S = 0.5
_MAX_POLL_S = 15.0


class AzureAdministration:
    """See :class:`aiostorage.backend.Administration`; what only Azure has comes last.

    Args:
        site: Where requests go.
        http: Sends them.
    """

    def __init__(self, site: Site, http: HTTPClient[AzureCredential]) -> None:
        self._site = site
        self._http = http

    # Objects

    async def update_object(self, ref: ObjectRef, options: WriteOptions) -> ObjectInfo:
        """Change headers, metadata and tier in place: a request for each, which depends on the one before.

        Source: https://learn.microsoft.com/rest/api/storageservices/set-blob-properties,
        https://learn.microsoft.com/rest/api/storageservices/set-blob-metadata
        """
        extra = extra_headers(options.extra)
        reading = ReadOptions(if_match=ref.if_match, customer_key=ref.customer_key)
        request = requests.head_object(self._site, ref.container, ref.key, reading)
        current = (await self._http.send(request)).headers
        etag = unquote_etag(current.get("etag"))
        # All properties are set together, so the MD5 would be forgotten if it were not said again.
        md5 = {"x-ms-blob-content-md5": current["content-md5"]} if "content-md5" in current else {}
        changes = [
            ("properties", {**property_headers(options), **md5}),
            ("metadata", to_headers(options.metadata)),
        ]
        for component, headers in changes:
            pinned = ObjectRef(container=ref.container, key=ref.key, if_match=etag, customer_key=ref.customer_key)
            response = await self._on("update_object", "PUT", pinned, ("comp", component), headers={**headers, **extra})
            etag = unquote_etag(response.headers.get("etag"))
        if options.storage_class is not None:
            await self._set_tier("update_object", ref, options.storage_class, extra)
        reading = ReadOptions(customer_key=ref.customer_key)
        request = requests.head_object(self._site, ref.container, ref.key, reading)
        return responses.object_info(ref.key, (await self._http.send(request)).headers)

    async def get_tags(self, ref: ObjectRef) -> Mapping[str, str]:
        """The tags of an object. Source: https://learn.microsoft.com/rest/api/storageservices/get-blob-tags."""
        request = requests.on_object(self._site, "get_tags", "GET", ref, ("comp", "tags"))
        return responses.tags(request, await self._http.send(request))

    async def set_tags(self, ref: ObjectRef, tags: Mapping[str, str]) -> None:
        """Replace the tags of an object. Source: https://learn.microsoft.com/rest/api/storageservices/set-blob-tags."""
        entries = "".join([
            f"<Tag>{xml.element('Key', name)}{xml.element('Value', value)}</Tag>" for name, value in tags.items()
        ])
        body = xml.document("Tags", f"<TagSet>{entries}</TagSet>")
        await self._on("set_tags", "PUT", ref, ("comp", "tags"), body=body)

    async def set_acl(self, ref: ObjectRef, acl: str) -> None:
        """Azure has no rights of single objects."""
        raise self._unsupported("set_acl", "access rights of single objects")

    async def set_retention(
        self, ref: ObjectRef, retention: Retention | None, *, bypass_retention: bool = False
    ) -> None:
        """Set until when an object is kept; None lifts that, unless it is locked.

        Source: https://learn.microsoft.com/rest/api/storageservices/set-blob-immutability-policy
        """
        method, headers = ("PUT", retention_headers(retention)) if retention is not None else ("DELETE", {})
        await self._on("set_retention", method, ref, ("comp", "immutabilityPolicies"), headers=headers)

    async def set_legal_hold(self, ref: ObjectRef, *, is_held: bool) -> None:
        """Hold an object, or let it go.

        Source: https://learn.microsoft.com/rest/api/storageservices/set-blob-legal-hold
        """
        headers = {"x-ms-legal-hold": str(is_held).lower()}
        await self._on("set_legal_hold", "PUT", ref, ("comp", "legalhold"), headers=headers)

    async def restore_object(self, ref: ObjectRef, *, days: int | None, tier: str | None) -> None:
        """Begin to move an object out of the archive: ``Hot`` (as it is without ``tier``), ``Cool`` or ``Cold``.

        Raises:
            UnsupportedError: ``days`` is given: it stays in its new tier.
        """
        if days is not None:
            raise self._unsupported("restore_object", "readable copies for some days")
        await self._set_tier("restore_object", ref, tier or "Hot", {})

    async def _set_tier(self, operation: str, ref: ObjectRef, tier: str, extra: Mapping[str, str]) -> None:
        """Source: https://learn.microsoft.com/rest/api/storageservices/set-blob-tier."""
        plain = ObjectRef(container=ref.container, key=ref.key, version_id=ref.version_id)
        headers = {**extra, "x-ms-access-tier": header_text("a tier", tier)}
        await self._on(operation, "PUT", plain, ("comp", "tier"), headers=headers)

    # Containers

    async def get_setting(self, container: str, name: str) -> str | None:
        """``public_access``: None, ``blob`` or ``container``. ``acl``: the stored access policies, as XML.

        Source: https://learn.microsoft.com/rest/api/storageservices/get-container-acl
        """
        response = await self._get_acl(container, "get_setting")
        if name == "public_access":
            return response.headers.get("x-ms-blob-public-access")
        text = response.body.decode("utf-8-sig")
        return text if "<SignedIdentifier>" in text else None

    async def set_setting(self, container: str, name: str, document: str) -> None:
        """Replace one of the two and keep the other: Azure sets them together.

        Source: https://learn.microsoft.com/rest/api/storageservices/set-container-acl
        """
        current = await self._get_acl(container, "set_setting")
        level, body = current.headers.get("x-ms-blob-public-access") or "private", current.body
        if name == "public_access":
            level = document
        else:
            body = document.encode()
        headers = {**public_access(level), "content-type": "application/xml"}
        await self._http.send(
            requests.on_container(
                self._site, "set_setting", "PUT", container, ("comp", "acl"), headers=headers, body=body
            )
        )

    async def delete_setting(self, container: str, name: str) -> None:
        """Close a container to the public, or remove its stored access policies."""
        document = "private" if name == "public_access" else xml.document("SignedIdentifiers", "").decode()
        await self.set_setting(container, name, document)

    async def get_versioning(self, container: str) -> bool:
        """Refused: the account keeps versions, or does not, and only its management knows."""
        raise self._unsupported("get_versioning", "versions of a single container")

    async def set_versioning(self, container: str, *, is_kept: bool) -> None:
        """Refused, as above."""
        raise self._unsupported("set_versioning", "versions of a single container")

    async def get_container_tags(self, container: str) -> Mapping[str, str]:
        """The metadata of a container, which is what Azure has for tags."""
        response = await self._http.send(requests.head_container(self._site, container))
        return from_headers(response.headers)

    async def set_container_tags(self, container: str, tags: Mapping[str, str]) -> None:
        """Replace the metadata of a container.

        Source: https://learn.microsoft.com/rest/api/storageservices/set-container-metadata
        """
        headers = to_headers(tags)
        await self._http.send(
            requests.on_container(
                self._site, "set_container_tags", "PUT", container, ("comp", "metadata"), headers=headers
            )
        )

    # What only Azure has

    async def create_snapshot(self, ref: ObjectRef) -> str:
        """The id of a new snapshot of an object; it is read and deleted as a version is.

        Source: https://learn.microsoft.com/rest/api/storageservices/snapshot-blob
        """
        parameters = "comp", "snapshot"
        request = requests.on_object(self._site, "create_snapshot", "PUT", ref, parameters, is_repeatable=False)
        response = await self._http.send(request)
        moment = response.headers.get("x-ms-snapshot")
        if not moment:
            raise errors.unexpected(request, response, "a snapshot without an id")
        return f"{requests.SNAPSHOT}{moment}"

    async def list_snapshots(self, container: str, *, prefix: str = "", token: str | None = None) -> Page[ObjectInfo]:
        """One page of the snapshots in a container."""
        request = requests.list_snapshots(self._site, container, prefix=prefix, token=token)
        return responses.list_snapshots(request, await self._http.send(request))

    async def find_by_tags(
        self, expression: str, *, container: str | None = None, token: str | None = None
    ) -> Page[ObjectRef]:
        """One page of the objects whose tags are such; Azure takes some seconds to know of new ones.

        Args:
            expression: Such as ``"stage" = 'draft' AND "year" >= '2026'``.
            container: Where to look; None for all containers.
            token: From the page before.

        Source: https://learn.microsoft.com/rest/api/storageservices/find-blobs-by-tags
        """
        request = requests.find_by_tags(self._site, expression, container=container, token=token)
        return responses.find_by_tags(request, await self._http.send(request))

    async def lease(
        self, ref: ObjectRef, action: LeaseAction, *, lease_id: str | None = None, duration_s: int | None = None
    ) -> str | None:
        """Acquire, renew, release or break the lease of an object; the lease's id, if there still is one.

        While there is a lease, writes name it: ``extra={"lease_id": ...}``.

        Args:
            ref: The object.
            action: What to do with the lease.
            lease_id: That which is meant; of a new one, to choose it.
            duration_s: 15 to 60, or -1 for ever (where it is not given); of a broken one, how long it goes on.

        Source: https://learn.microsoft.com/rest/api/storageservices/lease-blob
        """
        headers: dict[str, str] = {"x-ms-lease-action": action}
        if lease_id is None and action == "acquire":
            lease_id = str(uuid4())  # so that what is sent again, because an answer was lost, meets a lease of its own
        if lease_id is not None:
            name = "x-ms-proposed-lease-id" if action == "acquire" else "x-ms-lease-id"
            headers[name] = header_text("an id", lease_id)
        if action == "acquire":
            headers["x-ms-lease-duration"] = str(-1 if duration_s is None else duration_s)
        elif action == "break" and duration_s is not None:
            headers["x-ms-lease-break-period"] = str(duration_s)
        response = await self._on("lease", "PUT", ref, ("comp", "lease"), headers=headers)
        return response.headers.get("x-ms-lease-id")

    async def copy_from_url(self, url: str, container: str, key: str) -> ObjectInfo:
        """Have Azure copy from any URL that it can read, and wait until it has; also from another account.

        While it copies, what is under the name is not whole. A cancellation ends the copy, and leaves
        an empty object, as Azure does. A URL with a signature in it is a secret: it is in no error.

        Raises:
            UnexpectedResponseError: Azure has given up; its reason is in the message.

        Source: https://learn.microsoft.com/rest/api/storageservices/copy-blob
        """
        if not url.startswith(("https://", "http://")) or not url.isascii():
            raise InvalidArgumentError("a URL begins with https://, and is encoded", provider="azure")
        ref = ObjectRef(container=container, key=key)
        source = {COPY_SOURCE: header_text("a URL", url)}
        begin = requests.on_object(self._site, "copy_from_url", "PUT", ref, headers=source, is_repeatable=False)
        response = await self._http.send(begin)
        copy_id, wait_s = response.headers.get("x-ms-copy-id", ""), _POLL_S
        request = requests.head_object(self._site, container, key, ReadOptions())
        try:
            while True:
                headers = (await self._http.send(request)).headers
                match headers.get("x-ms-copy-status") if headers.get("x-ms-copy-id") == copy_id else "replaced":
                    case "success":
                        return responses.object_info(key, headers)
                    case "pending":
                        await asyncio.sleep(wait_s)
                        wait_s = min(wait_s * 2, _MAX_POLL_S)
                    case status:
                        reason = scrub(headers.get("x-ms-copy-status-description", "no reason is given"))
                        raise UnexpectedResponseError(
                            f"the copy is {status}: {reason}",
                            provider="azure",
                            operation="copy_from_url",
                            container=container,
                            key=key,
                        )
        except asyncio.CancelledError:
            await clean_up(self._end_copy(ref, copy_id))
            raise

    async def _end_copy(self, ref: ObjectRef, copy_id: str) -> None:
        """Source: https://learn.microsoft.com/rest/api/storageservices/abort-copy-blob."""
        parameters = ("comp", "copy"), ("copyid", copy_id)
        try:
            await self._on("copy_from_url", "PUT", ref, *parameters, headers={"x-ms-copy-action": "abort"})
        except StorageError:  # it has ended by itself
            return

    async def _on(
        self,
        operation: str,
        method: str,
        ref: ObjectRef,
        *parameters: tuple[str, str | None],
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        request = requests.on_object(self._site, operation, method, ref, *parameters, headers=headers or {}, body=body)
        return await self._http.send(request)

    async def _get_acl(self, container: str, operation: str) -> Response:
        return await self._http.send(requests.on_container(self._site, operation, "GET", container, ("comp", "acl")))

    def _unsupported(self, operation: str, what: str) -> UnsupportedError:
        return UnsupportedError(f"Azure has no {what}", provider="azure", operation=operation)
