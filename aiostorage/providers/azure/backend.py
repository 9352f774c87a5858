"""Azure Blob Storage as a backend: build a request, send it, read the answer."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, Unpack

from aiostorage import checksums
from aiostorage._http.body import HTTPObjectBody
from aiostorage._http.client import HTTPClient
from aiostorage._tasks import clean_up
from aiostorage.errors import (
    AuthenticationError,
    ContainerNotEmptyError,
    InvalidArgumentError,
    NotFoundError,
    ObjectChangedError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    StorageError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import WHOLE, ByteRange, ObjectHash, ObjectRef, Page, Part, PresignedRequest, Upload
from aiostorage.providers.azure import batch, blocks, config, credentials, names, requests, responses, signing
from aiostorage.providers.azure.errors import read_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aiostorage._http.credentials import CredentialCache
    from aiostorage._http.messages import Request, Wire
    from aiostorage.backend import CDN, OnSent
    from aiostorage.models import (
        Buffer,
        Capabilities,
        ContainerInfo,
        DeleteOutcome,
        ListQuery,
        ObjectInfo,
        Prefix,
        ReadOptions,
        WriteOptions,
    )
    from aiostorage.providers.azure.credentials import AzureCredential, DelegationKey, OwnedTokenCredential

_Name: TypeAlias = tuple[str, str, str]
"""Container, key and id of an upload."""

MAX_ABORTED = 10_000
"""How many aborted uploads are remembered, so that their blocks are no obstacle to the removal of others."""

BLOCK_LISTS_AT_ONCE = 16

_SKEW = timedelta(minutes=15)
_PERMISSIONS = {"GET": "r", "HEAD": "r", "PUT": "cw", "DELETE": "d"}


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
        self._settings, http_options = config.split_options(options)
        self._site, self._lasting = config.make_site(self._settings, os.environ)
        self._owned: OwnedTokenCredential | None = None
        self._credentials = self._find_credentials()
        self._delegation: DelegationKey | None = None
        self._aborted: dict[_Name, bool] = {}  # and whether blocks had to be left; a dict keeps the order
        self._http = HTTPClient["AzureCredential"](
            provider=self.name,
            sign=self._sign,
            read_error=read_error,
            credentials=self._credentials,
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

    async def create_container(self, container: str) -> ContainerInfo:
        """Make a container. One of this name that is still being removed is waited for."""
        self.check_name(container)
        response = await self._http.send(requests.create_container(self._site, container))
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
        """Store an object in one request; Azure checks its MD5, and keeps it."""
        self.check_name(container, key)
        self._check_writing("put_object", options)
        md5 = await checksums.digest("md5", body)
        digests = requests.md5_header(md5)
        request = requests.put_object(self._site, container, key, body, options, digests=digests, on_sent=on_sent)
        response = await self._http.send(request)
        computed = ObjectHash(algorithm="md5", value=md5.hex())
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

    async def delete_object(self, container: str, key: str, *, version_id: str | None = None) -> None:
        """Remove an object with its snapshots, or one snapshot or version of it."""
        self.check_name(container, key)
        self._check_version("delete_object", version_id)
        ref = ObjectRef(container=container, key=key, version_id=version_id)
        try:
            await self._http.send(requests.delete_object(self._site, ref))
        except ObjectNotFoundError:
            return

    async def delete_objects(self, container: str, refs: Sequence[ObjectRef]) -> Sequence[DeleteOutcome]:
        """Remove many objects with one request."""
        self.check_name(container)
        limit = self.capabilities.limits.max_delete_batch
        if len(refs) > limit:
            raise InvalidArgumentError(f"more than {limit} objects to delete at once", provider=self.name)
        refused: dict[ObjectRef, StorageError] = {}
        for ref in refs:
            self.check_name(container, ref.key)
            try:
                self._check_version("delete_objects", ref.version_id)
            except UnsupportedError as error:
                refused[ref] = error
        unique = [ref for ref in dict.fromkeys(refs) if ref not in refused]
        results: dict[ObjectRef, StorageError | None] = {**refused}
        if unique:
            request = requests.delete_objects(self._site, container, unique)
            response = await self._http.send(request)
            results |= zip(unique, batch.read(request, response), strict=True)
        return [batch.outcome(ref, results[ref]) for ref in refs]

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
        if options is None:
            request = requests.copy_object(self._site, source, container, key)
            return responses.copy_object(request, await self._http.send(request))
        self._check_writing("copy_object", options)
        info = await self.head_object(source.container, source.key, replace(WHOLE, version_id=source.version_id))
        upload = await self.create_upload(container, key, options)
        parts: list[Part] = []
        try:
            if info.size:
                whole = ByteRange(0, info.size)
                parts.append(await self._copy_part(upload, 1, source, whole, if_match=info.etag))
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
        requests.content_headers(options)  # what is wrong with them is said now, not after all parts are there
        return Upload(container=container, key=key, upload_id=secrets.token_hex(blocks.ID_BYTES))

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part; Azure checks its MD5."""
        md5 = await checksums.digest("md5", body)
        digests = requests.md5_header(md5)
        request = requests.upload_part(self._site, upload, number, body, digests=digests, on_sent=on_sent)
        await self._http.send(request)
        return Part(
            number=number,
            offset=offset,
            size=len(body),
            etag=blocks.block_name(upload.upload_id, number),
            checksum=ObjectHash(algorithm="md5", value=md5.hex()),
        )

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object the account holds already."""
        self.check_name(source.container, source.key)
        self._check_version("copy_part", source.version_id)
        return await self._copy_part(upload, number, source, byte_range, if_match=None)

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object."""
        self._check_writing("complete_upload", options)
        request = requests.complete_upload(self._site, upload, [part.number for part in parts], options)
        try:
            response = await self._http.send(request)
        except PreconditionFailedError as error:
            # An earlier try may have arrived, and its answer not: then the blocks are in use.
            if error.attempts > 1 and await self._is_made_of(upload, parts):
                return await self.head_object(upload.container, upload.key, WHOLE)
            raise
        size = sum(part.size for part in parts)
        return responses.written(request, response.headers, options, size=size, object_hash=None)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop the parts of an upload, as far as that is possible; see the head of this class."""
        name = _name(upload)
        self._aborted[name] = False
        if len(self._aborted) > MAX_ABORTED:
            del self._aborted[next(iter(self._aborted))]
        found = await self._unused_blocks("abort_upload", upload.container, upload.key)
        owners = {(upload.container, upload.key, block.upload_id) for block in found}
        if name not in owners:
            raise UploadNotFoundError(
                "there is no such upload (any more)",
                provider=self.name,
                operation="abort_upload",
                container=upload.container,
                key=upload.key,
            )
        if all(owner in self._aborted for owner in owners):
            try:
                await self._http.send(requests.drop_blocks(self._site, upload))
            except PreconditionFailedError:
                pass
            else:
                return
        self._aborted[name] = True

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads, as far as listings show them: those of names without an object."""
        self.check_name(container)
        request = requests.list_unwritten(self._site, container, prefix=prefix, token=token)
        page = responses.list_unwritten(request, await self._http.send(request))
        room = asyncio.Semaphore(BLOCK_LISTS_AT_ONCE)

        async def uploads_of(info: ObjectInfo) -> list[Upload]:
            async with room:
                try:
                    found = await self._unused_blocks("list_uploads", container, info.key)
                except NotFoundError:
                    return []
            ids = dict.fromkeys(block.upload_id for block in found)
            return [
                Upload(container=container, key=info.key, upload_id=id_, started_at=info.last_modified) for id_ in ids
            ]

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(uploads_of(info)) for info in page.items]
        return Page(items=[upload for task in tasks for upload in task.result()], next_token=page.next_token)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """The parts of an upload; there is only one page."""
        is_left = self._aborted.get(_name(upload), False)
        found = [] if is_left else await self._unused_blocks("list_parts", upload.container, upload.key)
        page = responses.list_parts(found, upload.upload_id)
        if not page.items:
            raise UploadNotFoundError(
                "there is no such upload (any more), or it has no parts yet",
                provider=self.name,
                operation="list_parts",
                container=upload.container,
                key=upload.key,
            )
        return page

    # The rest

    async def presign(
        self, method: str, container: str, key: str, *, expires_in_s: float, headers: Mapping[str, str]
    ) -> PresignedRequest:
        """Sign a request for somebody else to send.

        With a bearer token Azure is asked for a key to sign with, which lives for a week at most.
        """
        self.check_name(container, key)
        if method not in _PERMISSIONS:
            raise InvalidArgumentError(f"{method} requests cannot be presigned", provider=self.name)
        if expires_in_s < 1:
            raise InvalidArgumentError("a presigned request lives for a second at least", provider=self.name)
        signed = requests.presigned_headers(method, headers)
        signing_key = await self._signing_key(expires_in_s)
        expires_at = (self._http.now() + timedelta(seconds=expires_in_s)).replace(microsecond=0)
        if signing_key.expires_at is not None:
            expires_at = min(expires_at, signing_key.expires_at)
        token = signing.blob_sas(
            signing_key,
            self._site.account,
            container,
            key,
            permissions=_PERMISSIONS[method],
            expires_at=expires_at,
            https_only=self._site.scheme == "https",
        )
        url = signing.with_token(requests.object_url(self._site, container, key), token)
        return PresignedRequest(method=method, url=url, headers=signed, expires_at=expires_at)

    def cdn(self, container: str) -> CDN:
        """Azure's content delivery is another service."""
        raise UnsupportedError("there is no content delivery here", provider=self.name, operation="cdn")

    async def aclose(self) -> None:
        """Close all connections; a credential that was handed in stays open."""
        await self._http.aclose()
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.close()

    def _find_credentials(self) -> CredentialCache[AzureCredential] | None:
        if self._settings.anonymous:
            return None
        if self._lasting is not None:
            return credentials.fixed(self._lasting)
        return credentials.from_identity(self._identity, credentials.SCOPE)

    async def _identity(self) -> credentials.TokenCredential:
        if self._settings.credential is not None:
            return self._settings.credential
        if self._site.scheme != "https":
            raise AuthenticationError("no credentials are given, and tokens are sent over https only", provider="azure")
        if self._owned is None:
            self._owned = await asyncio.to_thread(credentials.make_default_credential)
        return self._owned

    def _sign(self, request: Request, credential: AzureCredential | None, now: datetime) -> Wire:
        version, origin = self._site.api_version, self._site.url
        if isinstance(request, requests.Batch):
            return batch.sign(request, credential, now, version=version, origin=origin)
        return signing.sign(request, credential, now, version=version, origin=origin)

    async def _signing_key(self, life_s: float) -> credentials.SharedKey | DelegationKey:
        """What can sign for others: the account's key, or one that Azure gives to an identity."""
        if self._credentials is None:
            raise AuthenticationError("anonymous access has nothing to sign with", provider=self.name)
        match await self._credentials.get():
            case credentials.SharedKey() as key:
                return key
            case credentials.SASToken():
                raise AuthenticationError(
                    "a shared access signature cannot sign others; the account's key or a bearer token can",
                    provider=self.name,
                )
            case credentials.BearerToken():
                if life_s > signing.MAX_DELEGATION_S:
                    raise InvalidArgumentError(
                        f"a request presigned with a bearer token lives for {signing.MAX_DELEGATION_S} seconds at most",
                        provider=self.name,
                    )
        now = self._http.now()
        known = self._delegation
        if known is None or known.expires_at is None or known.expires_at < now + timedelta(seconds=life_s):
            expiry = now + timedelta(seconds=signing.MAX_DELEGATION_S)
            request = requests.delegation_key(self._site, now - _SKEW, expiry)
            known = self._delegation = responses.delegation_key(request, await self._http.send(request))
        return known

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

    async def _copy_part(
        self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange, *, if_match: str | None
    ) -> Part:
        request = requests.copy_part(self._site, upload, number, source, byte_range, if_match=if_match)
        await self._http.send(request)
        start, stop = byte_range
        return Part(
            number=number,
            offset=start,
            size=(stop or 0) - start,
            etag=blocks.block_name(upload.upload_id, number),
        )

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
        return [block.name for block in found] == [part.etag for part in parts] != []

    async def _abort_quietly(self, upload: Upload) -> None:
        try:
            await self.abort_upload(upload)
        except StorageError:
            return

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


def _name(upload: Upload) -> _Name:
    return upload.container, upload.key, upload.upload_id
