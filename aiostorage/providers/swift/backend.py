"""Swift as a backend: build a request, send it, read the answer."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Unpack

from aiostorage._http.body import HTTPObjectBody
from aiostorage._http.client import HTTPClient
from aiostorage._http.headers import header_text
from aiostorage._tasks import each
from aiostorage.checksums import INLINE_BYTES
from aiostorage.errors import (
    AlreadyExistsError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidArgumentError,
    NotFoundError,
    ObjectNotFoundError,
    StorageError,
    UnsupportedError,
)
from aiostorage.models import (
    PLAIN,
    DeleteOutcome,
    ListQuery,
    ObjectHash,
    ObjectRef,
    Page,
    PresignOptions,
    WriteOptions,
)
from aiostorage.providers.swift import config, credentials, names, requests, responses
from aiostorage.providers.swift.administration import SwiftAdministration
from aiostorage.providers.swift.cluster import UNKNOWN, read_info
from aiostorage.providers.swift.deletions import Deletions
from aiostorage.providers.swift.delivery import Delivery
from aiostorage.providers.swift.errors import read_error
from aiostorage.providers.swift.large_objects import AT_ONCE, LargeObjects, digests_of
from aiostorage.providers.swift.presigning import KEY_NAMES, FormPost, Presigner
from aiostorage.providers.swift.signing import sign
from aiostorage.providers.swift.tokens import SwiftToken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiostorage._http.messages import Response
    from aiostorage.backend import CDN, Administration, OnSent
    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        ContainerInfo,
        ContainerOptions,
        ObjectInfo,
        Part,
        PostPolicy,
        Prefix,
        PresignedPost,
        PresignedRequest,
        ReadOptions,
        Upload,
    )
    from aiostorage.providers.swift.cluster import Cluster

_AS_IT_WAS: Final = WriteOptions()
_ONE_HOUR: Final = PresignOptions()
_ANY_FILE: Final = FormPost()


class SwiftBackend:
    """An account of a Swift cluster, seen as requests.

    Nothing is connected to before the first request. Until then :attr:`capabilities` are those that hold
    nearly everywhere; :meth:`read_info` asks the cluster for its own.

    Args:
        **options: See :class:`~aiostorage.providers.swift.config.SwiftOptions`.

    Raises:
        InvalidArgumentError: The options contradict each other, or make no sense.
    """

    name = "swift"

    def __init__(self, **options: Unpack[config.SwiftOptions]) -> None:
        self._settings, http_options = config.split_options(options, os.environ)
        self._credentials = credentials.provider(self._settings, http_options)
        self._http = HTTPClient[SwiftToken](
            provider=self.name,
            sign=sign,
            read_error=read_error,
            credentials=self._credentials,
            **http_options,
        )
        self._cluster: Cluster | None = None
        self._asking = asyncio.Lock()
        self._large = LargeObjects(self._http, self._known)
        self._presigner = Presigner(
            self._http, self._credentials, self._settings, lambda: self._known().temp_url_digests
        )
        self._deletions = Deletions(self._http, self._large, self._known)
        self._delivery = Delivery(self._http, self._settings.cdn)
        self._administration = SwiftAdministration(self._http, self._large)

    @property
    def capabilities(self) -> Capabilities:
        """What this cluster can do, as far as it was asked."""
        capabilities = self._known().capabilities
        return replace(capabilities, cdn=True) if self._delivery.is_configured else capabilities

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse what the cluster cannot hold."""
        names.check_name(container, key)

    async def read_info(self) -> Capabilities:
        """Ask the cluster what it can do, once; the first call of any other method does it, too."""
        await self._ready()
        return self.capabilities

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a container. A cluster accepts one that is there, so it is asked first."""
        headers = requests.container_headers(options)
        await self._ready(container)
        with suppress(ContainerNotFoundError):
            await self._http.send(requests.head_container(container, operation="create_container"))
            raise AlreadyExistsError(
                "the container exists", provider=self.name, operation="create_container", container=container
            )
        response = await self._http.send(requests.create_container(container, headers))
        return responses.container_info(container, response.headers)

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container, with the number of objects and bytes."""
        await self._ready(container)
        response = await self._http.send(requests.head_container(container))
        return responses.container_info(container, response.headers)

    async def delete_container(self, container: str) -> None:
        """Remove an empty container, after that of its segments: whoever gets no further can begin again.

        Where it seems not to be empty it is tried first, so that nothing is taken from one that is in use.
        """
        await self._ready(container)
        request = requests.head_container(container, operation="delete_container")
        state = (await self._http.send(request)).headers
        is_empty = not responses.container_info(container, state).object_count
        if is_empty:
            await self._large.remove_container(container)
        try:
            await self._http.send(requests.delete_container(container))
        except ContainerNotEmptyError:
            if not await self._stop_versions(container, state):
                raise
            await self._http.send(requests.delete_container(container))
        if not is_empty:
            await self._large.remove_container(container)

    async def _stop_versions(self, container: str, state: Mapping[str, str]) -> bool:
        """Have a container without objects and versions keep none: before, it cannot be removed."""
        if state.get("x-versions-enabled", "").lower() != "true":
            return False
        page = await self.list_objects(container, ListQuery(versions=True, page_size=1), token=None)
        if page.items:
            return False
        await self._http.send(requests.update_container(container, {"x-versions-enabled": "false"}))
        return True

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the containers of the account, but for those that hold the segments of others."""
        await self._ready()
        request = requests.list_containers(prefix=prefix, token=token)
        page = responses.list_containers(request, await self._http.send(request))
        known = {item.name for item in page.items}

        async def is_own(item: ContainerInfo) -> bool:
            owner = item.name.removesuffix(names.SEGMENTS)
            if owner in {item.name, ""}:
                return True
            return owner not in known and not await self._has_container(owner)

        shown = await each(is_own, page.items, at_once=AT_ONCE)
        items = [item for item, is_shown in zip(page.items, shown, strict=True) if is_shown]
        return Page(items=items, next_token=page.next_token)

    async def _has_container(self, container: str) -> bool:
        try:
            await self._http.send(requests.head_container(container, operation="list_containers"))
        except NotFoundError:
            return False
        return True

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object in one request; the cluster compares it with its MD5."""
        self._check_writing("put_object", options)
        await self._ready(container, key)
        md5, _ = await _digests(body)
        request = requests.put_object(container, key, body, options, md5=md5, on_sent=on_sent)
        object_hash = ObjectHash(algorithm="md5", value=md5.hex())
        async with self._large.replacing(container, key):
            response = await self._http.send(request)
            return responses.written(request, response, options, size=len(body), object_hash=object_hash)

    async def get_object(self, container: str, key: str, options: ReadOptions) -> HTTPObjectBody:
        """Open an object for reading; a large one is joined by the cluster."""
        await self._ready(container, key)
        self._check_reading("get_object", options)
        request = requests.get_object(container, key, options)
        stream = await self._http.stream(request)
        try:
            head = responses.get_object(request, stream.status, stream.headers, options.byte_range)
        except StorageError:
            await stream.aclose()
            raise
        return HTTPObjectBody(stream, head)

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object."""
        await self._ready(container, key)
        self._check_reading("head_object", options)
        response = await self._http.send(requests.head_object(container, key, options))
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
        """Remove an object with its segments; or make it invisible where the container keeps versions.

        The version that is the newest after one was deleted becomes the object that is there.
        """
        await self._ready(container, key)
        self._require(not bypass_retention, "delete_object", "retention to bypass")
        ref = ObjectRef(container=container, key=key, version_id=version_id, if_match=if_match)
        await self._deletions.delete(ref)

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove many objects: small ones with one request, large ones and versions one by one."""
        await self._ready(container)
        self._require(not bypass_retention, "delete_objects", "retention to bypass")
        for ref in refs:
            self.check_name(container, ref.key)
        limit = self.capabilities.limits.max_delete_batch
        if len(refs) > limit:
            raise InvalidArgumentError(f"more than {limit} objects to delete at once", provider=self.name)
        return await self._deletions.delete_many(container, refs)

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy within the account. A large object becomes one in one piece, which shares nothing with its source."""
        if options is not None:
            self._check_writing("copy_object", options)
        await self._ready(container, key)
        self.check_name(source.container, source.key)
        self._check_version("copy_object", source.version_id)
        request = requests.copy_object(source, container, key, options)
        try:
            async with self._large.replacing(container, key):
                response = await self._http.send(request)
                return responses.written(request, response, options or _AS_IT_WAS, size=None)
        except ObjectNotFoundError as error:
            if not await self._has_container(container):
                raise ContainerNotFoundError("there is no such container", **error.details()) from None
            raise

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects."""
        await self._ready(container)
        if query.versions:
            self._require(self.capabilities.versioning, "list_objects", "versions")
        page_size = min(query.page_size or self._max_page(), self._max_page())
        marker = None if token is None else responses.read_token(token)
        request = requests.list_objects(container, query, token=marker, page_size=page_size)
        response = await self._http.send(request)
        tells_sizes = self._known().tells_large or not await self._large.may_be_in(container)
        full = page_size if self._known().fills_pages else 1
        return responses.list_objects(request, response, query, full, tells_sizes=tells_sizes)

    def _max_page(self) -> int:
        return self.capabilities.limits.max_page_size

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        self._check_writing("create_upload", options)
        await self._ready(container, key)
        return await self._large.create_upload(container, key, options)

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part; the cluster compares it with its MD5."""
        await self._ready(upload.container, upload.key)
        digests = await _digests(body)
        return await self._large.upload_part(upload, number, offset, body, digests=digests, on_sent=on_sent)

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object the cluster holds already."""
        await self._ready(upload.container, upload.key)
        self.check_name(source.container, source.key)
        self._check_version("copy_part", source.version_id)
        return await self._large.copy_part(upload, number, source, byte_range)

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object."""
        self._check_writing("complete_upload", options)
        await self._ready(upload.container, upload.key)
        return await self._large.complete_upload(upload, parts, options)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and all its parts."""
        await self._ready(upload.container, upload.key)
        await self._large.abort_upload(upload)

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads, and of whatever others have left behind."""
        await self._ready(container)
        return await self._large.list_uploads(container, prefix=prefix, token=token)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts of an upload."""
        await self._ready(upload.container, upload.key)
        return await self._large.list_parts(upload, token=token)

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """Sign a request for somebody else to send. The signature covers method, object and time, but no header."""
        await self._ready(container, key)
        if options.upload is not None and options.part_number is not None:
            container, key = self._large.place_of(options.upload, options.part_number)
        return await self._presigner.request(method, container, key, options)

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """Refused: a cluster's forms can fix neither name nor type of the file; :meth:`form_post` makes them."""
        raise UnsupportedError("there are no such forms here", provider=self.name, operation="presign_post")

    async def form_post(self, container: str, prefix: str, form: FormPost = _ANY_FILE) -> PresignedPost:
        """Sign a form by which a browser stores a file under its own name, with ``prefix`` before it.

        Source: https://docs.openstack.org/swift/latest/api/form_post_middleware.html

        Raises:
            UnsupportedError: The cluster does not know of signatures, or there is no key.
        """
        await self._ready(container, prefix or None)
        return await self._presigner.form(container, prefix, form)

    async def temp_url(
        self,
        method: str,
        container: str,
        key: str,
        options: PresignOptions = _ONE_HOUR,
        *,
        prefix: str | None = None,
        ip_range: str | None = None,
        filename: str | None = None,
        is_inline: bool = False,
    ) -> PresignedRequest:
        """Sign a request that works for all objects whose keys begin so, or from some addresses only.

        Args:
            method: ``GET``, ``HEAD``, ``PUT``, ``POST`` or ``DELETE``.
            container: The container.
            key: The object.
            options: How long it shall work, and with which headers.
            prefix: What the keys begin with for which the signature holds; None for this one only.
            ip_range: An address, or a range like ``10.0.0.0/8``, from which alone it works.
            filename: As what browsers save it; else the last segment of its key.
            is_inline: Whether browsers show it rather than save it.

        Raises:
            UnsupportedError: The cluster does not know of signatures, or there is no key.
            InvalidArgumentError: The method cannot be signed, or the time makes no sense.
        """
        await self._ready(container, key)
        return await self._presigner.request(
            method, container, key, options, prefix=prefix, ip_range=ip_range, filename=filename, is_inline=is_inline
        )

    async def set_temp_url_key(self, key: str, *, container: str | None = None, is_second: bool = False) -> None:
        """Set the key that requests are signed with: the account's, or a container's.

        There are two of each, so that one can be replaced while what the other has signed still works.
        """
        await self._ready(container)
        of = "account" if container is None else "container"
        headers = {f"x-{of}-meta-{KEY_NAMES[is_second]}": header_text("a key", key)}
        update = requests.update_account(headers)
        if container is not None:
            update = requests.update_container(container, headers)
        await self._http.send(update)
        self._presigner.forget_keys()

    def administration(self) -> Administration:
        """What lies beside the content of objects."""
        return self._administration

    def cdn(self, container: str) -> CDN:
        """Content delivery, where it is configured, or :meth:`read_cdn` has found it."""
        return self._delivery.of(container)

    async def read_cdn(self, container: str) -> CDN:
        """Ask the CDN of the account, where it has one, whether and where it delivers a container.

        Raises:
            UnsupportedError: The account has no CDN, or it does not deliver this container.
        """
        await self._ready(container)
        return await self._delivery.read(container)

    async def enable_cdn(self, container: str, *, ttl_s: int | None = None) -> CDN:
        """Have the CDN of the account deliver a container; edges keep what they have for ``ttl_s`` seconds."""
        await self._ready(container)
        return await self._delivery.enable(container, ttl_s)

    async def disable_cdn(self, container: str) -> None:
        """Have the CDN of the account deliver a container no more."""
        await self._ready(container)
        await self._delivery.disable(container)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def _known(self) -> Cluster:
        return self._cluster or UNKNOWN

    async def _ready(self, container: str | None = None, key: str | None = None) -> None:
        """Look at the names, and have asked the cluster what it can do."""
        if container is not None:
            self.check_name(container, key)
        if self._cluster is None:
            async with self._asking:
                if self._cluster is None:
                    self._cluster = await self._ask_cluster()

    async def _ask_cluster(self) -> Cluster:
        token = await self._credentials.get()
        root, found, _ = token.storage_url.rpartition("/v1")
        if not found:
            return UNKNOWN
        try:
            response: Response = await self._http.send(requests.info(root))
        except StorageError as error:
            if error.retryable:
                raise
            return UNKNOWN  # many do not tell
        return read_info(response.body)

    def _require(self, is_possible: bool, operation: str, what: str) -> None:
        if not is_possible:
            raise UnsupportedError(f"the cluster has no {what}", provider=self.name, operation=operation)

    def _check_version(self, operation: str, version_id: str | None) -> None:
        self._require(version_id is None or self.capabilities.versioning, operation, "versions")

    def _check_reading(self, operation: str, options: ReadOptions) -> None:
        self._check_version(operation, options.version_id)
        self._require(options.part_number is None, operation, "reading of one part")
        self._require(options.customer_key is None, operation, "encryption with a customer's key")

    def _check_writing(self, operation: str, options: WriteOptions) -> None:
        """Refuse conditions: a cluster ignores the one, and two writers that try at once may both meet the other."""
        if options.if_none_match is not None or options.if_match is not None:
            raise UnsupportedError("writes take no conditions here", provider=self.name, operation=operation)
        if options.storage_class is not None:
            message = "a storage policy belongs to the container, not to an object"
            raise UnsupportedError(message, provider=self.name, operation=operation)
        if (missing := self.capabilities.missing_for(options)) is not None:
            raise UnsupportedError(f"there is no {missing} here", provider=self.name, operation=operation)


async def _digests(body: Buffer) -> tuple[bytes, int]:
    """Hashes of a body, computed in a thread where that takes a while."""
    return digests_of(body) if len(body) <= INLINE_BYTES else await asyncio.to_thread(digests_of, body)
