"""Azure Blob Storage as a backend: build a request, send it, read the answer."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from aiostorage import checksums
from aiostorage._http import write_ids
from aiostorage._http.body import HTTPObjectBody
from aiostorage._http.client import HTTPClient
from aiostorage._http.deletes import delete_singly
from aiostorage._tasks import clean_up, each, run_to_end
from aiostorage.errors import (
    ContainerNotEmptyError,
    InvalidArgumentError,
    NotFoundError,
    ObjectChangedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    StorageError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import (
    PLAIN,
    ByteRange,
    ObjectHash,
    ObjectRef,
    Page,
    Part,
    ReadOptions,
    Upload,
)
from aiostorage.providers.azure import batch, blocks, config, names, presigning, requests, responses, signing
from aiostorage.providers.azure.access import Access
from aiostorage.providers.azure.administration import AzureAdministration
from aiostorage.providers.azure.errors import read_error
from aiostorage.providers.azure.headers import content_headers, digest_header
from aiostorage.providers.azure.metadata import write_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aiostorage._http.messages import Request, Wire
    from aiostorage.backend import CDN, OnSent
    from aiostorage.models import (
        Buffer,
        Capabilities,
        ContainerInfo,
        ContainerOptions,
        DeleteOutcome,
        HashAlgorithm,
        ListQuery,
        ObjectInfo,
        PostPolicy,
        Prefix,
        PresignedPost,
        PresignedRequest,
        PresignOptions,
        WriteOptions,
    )
    from aiostorage.providers.azure.credentials import AzureCredential, DelegationKey

BLOCK_LISTS_AT_ONCE = 16

CURRENT_VERSION = "OperationNotAllowedOnRootBlob"
"""How Azure refuses to remove a version because it is the current one."""

MISSING_BLOCK = "InvalidBlockList"
"""How Azure says that a part is not there: somebody else has written the object meanwhile, or a replica is late."""

ARRIVAL_S = 1.0
"""How long a part that is on its way may go on when its upload is cancelled. One that is cut off is not stored."""


class AzureBackend:
    """An account of Azure Blob Storage, seen as requests.

    Nothing is connected to before the first request.

    An upload by parts is blocks under the object's name. Azure cannot remove single blocks; so
    :meth:`abort_upload` removes all that lie under the name, on the condition that no object has been
    written there and no other upload is under way. Beside an object that is there they stay, unseen
    by listings, until the object is written or removed, or for a week after the last of them; nothing
    could remove them that would not write the object anew. And of several uploads by parts of one
    name at the same time, the first to be completed removes the blocks of the others, which then fail
    with :class:`~aiostorage.errors.PreconditionFailedError`; that is Azure's way, too.

    Args:
        **options: See :class:`~aiostorage.providers.azure.config.AzureOptions`.

    Raises:
        InvalidArgumentError: The options contradict each other, or make no sense.
    """

    name = "azure"

    def __init__(self, **options: Unpack[config.AzureOptions]) -> None:
        settings, http_options = config.split_options(options)
        self._site, lasting = config.make_site(settings, os.environ)
        self._access = Access(settings, self._site, lasting)
        self._aborted = blocks.AbortedUploads()
        self._http = HTTPClient["AzureCredential"](
            provider=self.name,
            sign=self._sign,
            read_error=read_error,
            credentials=self._access.credentials,
            **http_options,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the account can do, as far as its settings tell."""
        return self._site.capabilities

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse what Azure cannot hold."""
        names.check_container(container)
        if key is not None:
            names.check_key(container, key)

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a container. One of this name that is still being removed is waited for."""
        self.check_name(container)
        response = await self._http.send(requests.create_container(self._site, container, options))
        return responses.container_info(container, response.headers)

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container."""
        self.check_name(container)
        response = await self._http.send(requests.head_container(self._site, container))
        return responses.container_info(container, response.headers)

    async def delete_container(self, container: str) -> None:
        """Remove an empty container. Azure would remove a full one, too, so it is looked into first."""
        self.check_name(container)
        request = requests.find_any(self._site, container)
        if not responses.is_empty(request, await self._http.send(request)):
            raise ContainerNotEmptyError(
                "there are objects in the container",
                provider=self.name,
                operation="delete_container",
                container=container,
            )
        await self._http.send(requests.delete_container(self._site, container))

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the containers of the account."""
        request = requests.list_containers(self._site, prefix=prefix, token=token)
        return responses.list_containers(request, await self._http.send(request))

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object in one request; Azure checks its MD5 or CRC-64, and keeps an MD5 in any case."""
        self.check_name(container, key)
        self._check_writing("put_object", options)
        computed = await _hash(body, options.checksum)
        digests = digest_header(computed)
        write_id = write_ids.new_write_id(options)
        written = write_ids.marked(options, write_id)
        request = requests.put_object(self._site, container, key, body, written, digests=digests, on_sent=on_sent)
        try:
            response = await self._http.send(request)
        except PreconditionFailedError as error:

            async def look() -> tuple[ObjectInfo, str | None]:
                asked = requests.head_object(self._site, container, key, ReadOptions(customer_key=options.customer_key))
                headers = (await self._http.send(asked)).headers
                return responses.object_info(key, headers), write_id_of(headers)

            return await write_ids.written_before(write_id, error, look)
        return responses.written(request, response.headers, options, size=len(body), object_hash=computed)

    async def get_object(self, container: str, key: str, options: ReadOptions) -> HTTPObjectBody:
        """Open an object for reading."""
        self.check_name(container, key)
        self._check_version("get_object", options.version_id)
        is_suffix = options.byte_range is not None and options.byte_range[0] < 0
        asked = await self._from_start(container, key, options) if is_suffix else options
        request = requests.get_object(self._site, container, key, asked)
        try:
            stream = await self._http.stream(request)
        except PreconditionFailedError as error:
            if is_suffix and asked.if_match != options.if_match:
                raise ObjectChangedError("the object was replaced while it was read", **error.details()) from error
            raise
        try:
            head = responses.get_object(request, stream.status, stream.headers, asked.byte_range)
        except StorageError:
            await stream.aclose()
            raise
        return HTTPObjectBody(stream, head)

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object."""
        self.check_name(container, key)
        self._check_version("head_object", options.version_id)
        response = await self._http.send(requests.head_object(self._site, container, key, options))
        return responses.object_info(key, response.headers)

    async def delete_object(
        self,
        container: str,
        key: str,
        *,
        version_id: str | None = None,
        if_match: str | None = None,
        bypass_retention: bool = False,
    ) -> None:
        """Remove an object with its snapshots, or one snapshot or version of it.

        Azure removes the current version only by making it an old one, which the object does not survive.
        """
        self.check_name(container, key)
        self._check_version("delete_object", version_id)
        ref = ObjectRef(container=container, key=key, version_id=version_id, if_match=if_match)
        try:
            await self._http.send(requests.delete_object(self._site, ref))
        except ObjectNotFoundError:
            return
        except PermissionDeniedError as error:
            if error.code != CURRENT_VERSION:
                raise
            current = replace(ref, version_id=None)
            await self._http.send(requests.delete_object(self._site, current, with_snapshots=False))
            await self._http.send(requests.delete_object(self._site, ref))

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove many objects with one request.

        Versions and snapshots go one by one: batches have been seen to remove the object instead.
        """
        self.check_name(container)
        limit = self.capabilities.limits.max_delete_batch
        if len(refs) > limit:
            raise InvalidArgumentError(f"more than {limit} objects to delete at once", provider=self.name)
        for ref in refs:
            self.check_name(container, ref.key)
        whole = [ref for ref in dict.fromkeys(refs) if ref.version_id is None]
        outcomes: dict[ObjectRef, DeleteOutcome] = {}
        if whole:
            request = requests.delete_objects(self._site, container, whole)
            outcomes |= zip(whole, batch.read(request, await self._http.send(request), whole), strict=True)
        others = [ref for ref in refs if ref not in outcomes]
        outcomes |= await delete_singly(
            lambda ref: self.delete_object(container, ref.key, version_id=ref.version_id, if_match=ref.if_match), others
        )
        return [outcomes[ref] for ref in refs]

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy within the account, whole or not at all.

        Azure keeps the headers of the source when it copies. With other ones the copy is made as an
        upload of one part, which is a copy, too.
        """
        self.check_name(container, key)
        self.check_name(source.container, source.key)
        self._check_version("copy_object", source.version_id)
        self._check_source_key("copy_object", source)
        if options is not None:
            self._check_writing("copy_object", options)
        reading = ReadOptions(version_id=source.version_id, if_match=source.if_match)
        info = await self.head_object(source.container, source.key, reading)
        if options is None:
            # Many who may read content may not read tags, so they are asked for only where there are some.
            request = requests.copy_object(self._site, source, container, key, with_tags=bool(info.tag_count))
            return responses.copy_object(request, await self._http.send(request))
        if info.tag_count and not options.tags:
            options = replace(options, tags=await self.administration().get_tags(source))
        pinned = replace(source, if_match=info.etag)
        upload = await self.create_upload(container, key, options)
        try:
            size = info.size or 0  # there are no blocks of nothing
            parts = [await self.copy_part(upload, 1, pinned, ByteRange(0, size))] if size else []
            return await self.complete_upload(upload, parts, options)
        except BaseException:
            await clean_up(self._abort_quietly(upload))
            raise

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects."""
        self.check_name(container)
        if query.versions and not self.capabilities.versioning:
            raise self._no_versions("list_objects")
        request = requests.list_objects(self._site, container, query, token=token)
        return responses.list_objects(request, await self._http.send(request), query)

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts. Azure is not told: it knows only blocks."""
        self.check_name(container, key)
        self._check_writing("create_upload", options)
        content_headers(options)  # what is wrong with them is said now, not after all parts are there
        upload_id = secrets.token_hex(blocks.ID_BYTES)
        return Upload(
            container=container,
            key=key,
            upload_id=upload_id,
            customer_key=options.customer_key,
            checksum=options.checksum,
        )

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part; Azure checks its MD5, or its CRC-64 where the upload was begun with that."""
        computed = await _hash(body, upload.checksum)
        digests = digest_header(computed)
        request = requests.upload_part(self._site, upload, number, body, digests=digests, on_sent=on_sent)
        # A part that arrives after the upload was aborted would stay: nothing tells Azure that it was.
        await run_to_end(self._http.send(request), grace_s=ARRIVAL_S)
        return Part(
            number=number,
            offset=offset,
            size=len(body),
            etag=blocks.block_name(upload.upload_id, number),
            checksum=computed,
        )

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object the account holds already."""
        self.check_name(source.container, source.key)
        self._check_version("copy_part", source.version_id)
        self._check_source_key("copy_part", source)
        await run_to_end(self._http.send(requests.copy_part(self._site, upload, number, source, byte_range)))
        start, stop = byte_range
        etag = blocks.block_name(upload.upload_id, number)
        return Part(number=number, offset=start, size=(stop or 0) - start, etag=etag)

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object; Azure keeps no hash of all of it."""
        self._check_writing("complete_upload", options)
        joined = None
        if upload.checksum is not None:
            joined = await asyncio.to_thread(checksums.joined_crc, upload.checksum, parts)
        request = requests.complete_upload(self._site, upload, [part.number for part in parts], options)
        try:
            try:
                response = await self._http.send(request)
            except PreconditionFailedError as error:
                if error.code != MISSING_BLOCK or error.attempts > 1:
                    raise
                response = await self._http.send(request)
        except PreconditionFailedError as error:
            # An earlier try may have arrived, and its answer not: then the blocks are in use.
            if (error.attempts > 1 or error.code == MISSING_BLOCK) and await self._is_made_of(upload, parts):
                reading = ReadOptions(customer_key=options.customer_key)
                return await self.head_object(upload.container, upload.key, reading)
            raise
        size = sum(part.size for part in parts)
        return responses.written(request, response.headers, options, size=size, object_hash=joined)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop the parts of an upload, as far as that is possible; see the head of this class."""
        self._aborted.add(upload)
        found = await self._unused_blocks("abort_upload", upload.container, upload.key)
        if not any(block.upload_id == upload.upload_id for block in found):
            raise self._no_upload("abort_upload", upload)
        if self._aborted.cover(upload, found):
            try:
                await self._http.send(requests.drop_blocks(self._site, upload))
            except PreconditionFailedError:  # an object is there
                pass
            else:
                return
        self._aborted.leave(upload)

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads, as far as listings show them: those of names without an object."""
        self.check_name(container)
        request = requests.list_unwritten(self._site, container, prefix=prefix, token=token)
        page = responses.list_unwritten(request, await self._http.send(request))

        async def uploads_of(info: ObjectInfo) -> list[Upload]:
            try:
                found = await self._unused_blocks("list_uploads", container, info.key)
            except NotFoundError:
                return []
            ids = dict.fromkeys(block.upload_id for block in found)
            return [
                Upload(container=container, key=info.key, upload_id=id_, started_at=info.last_modified) for id_ in ids
            ]

        found = await each(uploads_of, page.items, at_once=BLOCK_LISTS_AT_ONCE)
        return Page(items=[upload for uploads in found for upload in uploads], next_token=page.next_token)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """The parts of an upload; there is only one page."""
        is_left = self._aborted.is_left(upload)
        found = [] if is_left else await self._unused_blocks("list_parts", upload.container, upload.key)
        page = responses.list_parts(found, upload.upload_id)
        if not page.items:
            raise self._no_upload("list_parts", upload)
        return page

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """Sign a request for somebody else to send.

        With a bearer token Azure is asked for a key to sign with, which lives for a week at most. What is
        signed is what may be done with the object, and no more: whoever holds a request to write, or to
        store a part, may write the object, with other headers too.
        """
        self.check_name(container, key)
        self._check_version("presign", options.version_id)
        presigning.check(method, options)
        signing_key = await self._access.signing_key(options.expires_in_s, self._http.now(), self._delegation_key)
        return presigning.presign(self._site, method, container, key, options, signing_key, self._http.now())

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """Azure has no forms for browsers."""
        raise UnsupportedError("there are no signed forms here", provider=self.name, operation="presign_post")

    def administration(self) -> AzureAdministration:
        """Tags, tiers, retention, documents of containers; and snapshots, leases and copies, which only Azure has."""
        return AzureAdministration(self._site, self._http)

    def cdn(self, container: str) -> CDN:
        """Azure's content delivery is another service."""
        raise UnsupportedError("there is no content delivery here", provider=self.name, operation="cdn")

    async def aclose(self) -> None:
        """Close all connections; a credential that was handed in stays open."""
        await self._http.aclose()
        await self._access.aclose()

    def _sign(self, request: Request, credential: AzureCredential | None, now: datetime) -> Wire:
        version, origin = self._site.api_version, self._site.url
        if isinstance(request, requests.Batch):
            return batch.sign(request, credential, now, version=version, origin=origin)
        return signing.sign(request, credential, now, version=version, origin=origin)

    async def _delegation_key(self, start: datetime, expiry: datetime) -> DelegationKey:
        request = requests.delegation_key(self._site, start, expiry)
        return responses.delegation_key(request, await self._http.send(request))

    async def _from_start(self, container: str, key: str, options: ReadOptions) -> ReadOptions:
        """The last bytes as a range that begins at the start, of the version that is there: Azure has no other."""
        info = await self.head_object(container, key, options)
        length = options.byte_range[0] if options.byte_range is not None else 0
        if not info.size:
            raise RangeNotSatisfiableError(
                "the object has no bytes", provider=self.name, operation="get_object", container=container, key=key
            )
        byte_range = ByteRange(max(info.size + length, 0), None)
        return replace(options, byte_range=byte_range, if_match=info.etag, if_none_match=None)

    async def _unused_blocks(self, operation: str, container: str, key: str) -> list[blocks.Block]:
        request = requests.list_blocks(self._site, operation, container, key)
        return responses.list_blocks(request, await self._http.send(request))

    async def _is_made_of(self, upload: Upload, parts: Sequence[Part]) -> bool:
        """Whether the object is made of these parts, and of nothing else."""
        request = requests.list_blocks(self._site, "complete_upload", upload.container, upload.key, "committed")
        try:
            found = responses.list_blocks(request, await self._http.send(request))
        except StorageError:
            return False
        return [block.name for block in found] == _names(upload, parts) != []

    async def _abort_quietly(self, upload: Upload) -> None:
        try:
            await self.abort_upload(upload)
        except StorageError:
            return

    def _no_upload(self, operation: str, upload: Upload) -> UploadNotFoundError:
        return UploadNotFoundError(
            "there is no such upload (any more), or it has no parts",
            provider=self.name,
            operation=operation,
            container=upload.container,
            key=upload.key,
        )

    def _no_versions(self, operation: str) -> UnsupportedError:
        return UnsupportedError(
            "versions need an account that keeps them, and versioning=True", provider=self.name, operation=operation
        )

    def _check_version(self, operation: str, version_id: str | None) -> None:
        if version_id is None or self.capabilities.versioning or version_id.startswith(requests.SNAPSHOT):
            return
        raise self._no_versions(operation)

    def _check_writing(self, operation: str, options: WriteOptions) -> None:
        if options.if_none_match not in {None, "*"}:
            raise InvalidArgumentError('if_none_match of a write is "*"', provider=self.name, operation=operation)
        if (missing := self.capabilities.missing_for(options)) is not None:
            raise UnsupportedError(f"there is no {missing} here", provider=self.name, operation=operation)

    def _check_source_key(self, operation: str, source: ObjectRef) -> None:
        if source.customer_key is not None:
            raise UnsupportedError(
                "Azure does not copy what is encrypted with a key of ours", provider=self.name, operation=operation
            )


async def _hash(body: Buffer, checksum: HashAlgorithm | None) -> ObjectHash:
    algorithm = checksum or "md5"
    return ObjectHash(algorithm=algorithm, value=(await checksums.digest(algorithm, body)).hex())


def _names(upload: Upload, parts: Sequence[Part]) -> list[str]:
    return [blocks.block_name(upload.upload_id, part.number) for part in parts]
