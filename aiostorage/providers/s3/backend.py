"""S3 as a backend: build a request, send it, read the answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from aiostorage import checksums
from aiostorage._http import xml
from aiostorage._http.body import HTTPObjectBody
from aiostorage._http.client import HTTPClient
from aiostorage._http.deletes import delete_singly
from aiostorage._http.messages import Request
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    InvalidArgumentError,
    ObjectNotFoundError,
    StorageError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import PLAIN, WHOLE, DeleteOutcome, ObjectHash, ObjectRef, Page
from aiostorage.providers.s3 import config, credentials, names, presigning, requests, responses, values
from aiostorage.providers.s3.delivery import Delivery
from aiostorage.providers.s3.express import Sessions, check_listing
from aiostorage.providers.s3.routes import Routes
from aiostorage.providers.s3.shared_files import read_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiostorage._http.credentials import CredentialCache
    from aiostorage.backend import CDN, Administration, OnSent
    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        ContainerInfo,
        ContainerOptions,
        ListQuery,
        ObjectInfo,
        Part,
        PostPolicy,
        Prefix,
        PresignedPost,
        PresignedRequest,
        PresignOptions,
        ReadOptions,
        Upload,
        WriteOptions,
    )
    from aiostorage.providers.s3.credentials import S3Credentials


class S3Backend:
    """A service that speaks S3, seen as requests.

    Nothing is read and nothing is connected to before the first request. Until then the shared
    configuration files have had no say, so an endpoint that only they name is not yet known to
    ``capabilities`` and ``check_name``.

    Args:
        **options: See :class:`~aiostorage.providers.s3.config.S3Options`.

    Raises:
        InvalidArgumentError: The options contradict each other, or make no sense.
    """

    name = "s3"

    def __init__(self, **options: Unpack[config.S3Options]) -> None:
        self._settings, http_options = config.split_options(options)
        self._environ: Mapping[str, str] = os.environ
        self._site = config.make_site(self._settings, self._environ, {})
        config.keep_within(self._site.vendor, http_options)
        self._is_settled = not config.needs_files(self._settings, self._environ)
        self._routes = Routes(self._site)
        self._credentials = credentials.provider(self._settings, self._environ, http_options)
        self._sessions = Sessions(
            site=lambda: self._site, sign=self._routes.sign, credentials=self._credentials, options=http_options
        )
        self._http = HTTPClient[credentials.S3Credentials](
            provider=self.name,
            sign=self._routes.sign,
            read_error=self._routes.read_error,
            credentials=self._credentials,
            credentials_of=self._credentials_of,
            learn=self._routes.learn,
            **http_options,
        )
        self._delivery = Delivery(
            self._settings.cdn,
            credentials=self._credentials,
            region=lambda: self._site.region,
            now=self._http.now,
            http_options=http_options,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this service can do, as far as is known of its vendor."""
        found = self._site.vendor.capabilities
        return replace(found, cdn=True) if self._delivery.is_configured else found

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse what the service cannot hold."""
        names.check_container(container, self._site.vendor)
        if key is not None:
            names.check_key(container, key, self._site.vendor)

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a container. Where a service would accept one of ours again it is asked first whether it has it."""
        site = await self._ready(container)
        if site.vendor.recreates_containers and await self._has_container(container):
            raise AlreadyExistsError(
                "the container exists", provider=self.name, operation="create_container", container=container
            )
        response = await self._http.send(requests.create_container(site, container))
        return responses.container_info(container, response.headers)

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container."""
        site = await self._ready(container)
        response = await self._http.send(requests.head_container(site, container))
        return responses.container_info(container, response.headers)

    async def delete_container(self, container: str) -> None:
        """Remove an empty container."""
        site = await self._ready(container)
        await self._http.send(requests.delete_container(site, container))

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the containers of the account."""
        site = await self._ready()
        request = requests.list_containers(site, prefix=prefix, token=token)
        return responses.list_containers(request, await self._http.send(request), prefix=prefix)

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object in one request."""
        site = await self._ready(container, key)
        self._check_writing("put_object", options)
        digests, computed = await self._digests(body)
        request = requests.put_object(site, container, key, body, options, digests=digests, on_sent=on_sent)
        response = await self._http.send(request)
        return responses.put_object(request, response, options, site.vendor, computed=computed)

    async def get_object(self, container: str, key: str, options: ReadOptions) -> HTTPObjectBody:
        """Open an object for reading."""
        site = await self._ready(container, key)
        self._check_reading("get_object", options)
        request = requests.get_object(site, container, key, options)
        stream = await self._http.stream(request)
        try:
            head = responses.get_object(request, stream.status, stream.headers, options.byte_range, site.vendor)
        except StorageError:
            await stream.aclose()
            raise
        return HTTPObjectBody(stream, head)

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object."""
        site = await self._ready(container, key)
        self._check_reading("head_object", options)
        response = await self._http.send(requests.head_object(site, container, key, options))
        return responses.object_info(key, response.headers, site.vendor)

    async def delete_object(
        self,
        container: str,
        key: str,
        *,
        version_id: str | None = None,
        if_match: str | None = None,
        bypass_retention: bool = False,
    ) -> None:
        """Remove an object, or make it invisible where the container keeps versions."""
        site = await self._ready(container, key)
        self._check_version("delete_object", version_id)
        ref = ObjectRef(container=container, key=key, version_id=version_id)
        with contextlib.suppress(ObjectNotFoundError):
            await self._http.send(requests.delete_object(site, ref))

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove many objects: with one request where there is one for it and XML can carry the keys."""
        site = await self._ready(container)
        for ref in refs:
            self.check_name(container, ref.key)
        limit = site.vendor.limits.max_delete_batch
        if len(refs) > limit:
            raise InvalidArgumentError(f"more than {limit} objects to delete at once", provider=self.name)
        # The others are deleted singly, or refused so.
        bulk = [ref for ref in refs if self._is_for_bulk_delete(ref)]
        outcomes: dict[ObjectRef, DeleteOutcome] = {}
        if bulk:
            request = requests.delete_objects(site, container, bulk)
            try:
                response = await self._http.send(request)
            except UnsupportedError:
                pass
            else:
                outcomes |= zip(bulk, responses.delete_objects(request, response, bulk), strict=True)
        others = [ref for ref in refs if ref not in outcomes]
        outcomes |= await delete_singly(
            lambda ref: self.delete_object(container, ref.key, version_id=ref.version_id), others
        )
        return [outcomes[ref] for ref in refs]

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy within the service."""
        site = await self._ready(container, key)
        self.check_name(source.container, source.key)
        self._check_version("copy_object", source.version_id)
        if options is not None:
            self._require(site.vendor.replaces_metadata, "copy_object", "a copy with other metadata")
            self._check_writing("copy_object", options, also=site.vendor.conditional_copy)
        request = requests.copy_object(site, source, container, key, options)
        return responses.copy_object(request, await self._http.send(request), options, site.vendor)

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects."""
        site = await self._ready(container)
        if not site.vendor.ordered_lists:
            check_listing(query)
            query = replace(query, versions=False)  # there is one of each
        if query.versions:
            self._require(site.vendor.versioning, "list_objects", "versions")
        request = requests.list_objects(site, container, query, token=token)
        return responses.list_objects(request, await self._http.send(request), query, site.vendor)

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        site = await self._ready(container, key)
        self._check_writing("create_upload", options, also=site.vendor.conditional_complete)
        request = requests.create_upload(site, container, key, options)
        return responses.create_upload(request, await self._http.send(request))

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part."""
        site = await self._ready(upload.container, upload.key)
        digests, computed = await self._digests(body)
        request = requests.upload_part(site, upload, number, body, digests=digests, on_sent=on_sent)
        return responses.upload_part(request, await self._http.send(request), number, offset, computed=computed)

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object the service holds already."""
        site = await self._ready(upload.container, upload.key)
        self.check_name(source.container, source.key)
        self._check_version("copy_part", source.version_id)
        self._require(site.vendor.copy_part, "copy_part", "parts that are copies")
        request = requests.copy_part(site, upload, number, source, byte_range)
        return responses.copy_part(request, await self._http.send(request), number, byte_range)

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object."""
        site = await self._ready(upload.container, upload.key)
        self._check_writing("complete_upload", options, also=site.vendor.conditional_complete)
        has_crc32 = site.upload_digest == "crc32" and site.vendor.full_object_checksums
        crc32 = await asyncio.to_thread(_crc32_of, parts) if has_crc32 else None
        request = requests.complete_upload(site, upload, parts, options, crc32=crc32)
        try:
            response = await self._http.send(request)
        except UploadNotFoundError as error:
            completed = await self._completed(upload, parts, crc32) if error.attempts > 1 else None
            if completed is None:
                raise
            return completed
        return responses.complete_upload(request, response, parts, options, crc32=crc32)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and all its parts."""
        site = await self._ready(upload.container, upload.key)
        await self._http.send(requests.abort_upload(site, upload))

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads."""
        site = await self._ready(container)
        request = requests.list_uploads(site, container, prefix=prefix, token=token)
        try:
            response = await self._http.send(request)
        except UploadNotFoundError:  # rclone, where the container has never seen an upload by parts
            return Page(items=[])
        return responses.list_uploads(request, response, site.vendor)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts of an upload."""
        site = await self._ready(upload.container, upload.key)
        request = requests.list_parts(site, upload, token=token)
        return responses.list_parts(request, await self._http.send(request))

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """Sign a request for somebody else to send: for seven days at most, and no longer than the credentials live."""
        site = await self._ready(container, key)
        self._check_version("presign", options.version_id)
        url = presigning.request_url(site, method, container, key, options)
        request = Request(operation="presign", method=method, url=url, container=container, key=key)
        found = await self._signing_credentials(request)
        signer, url = self._routes.prepare(request)
        return presigning.signed_request(signer, method, url, options, found, self._http.now())

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """Sign a form for a browser to post: for seven days at most, and no longer than the credentials live."""
        site = await self._ready(container, key)
        # Access points are not among what S3 lists for forms, and a policy names a bucket.
        is_bucket = not container.startswith("arn:")
        self._require(site.vendor.presign_post and is_bucket, "presign_post", "forms for browsers")
        conditions = presigning.form_conditions(container, key, policy)
        url = requests.container_url(site, container)
        request = Request(operation="presign_post", method="POST", url=url, container=container)
        found = await self._signing_credentials(request)
        signer, url = self._routes.prepare(request)
        return presigning.signed_form(signer, url, key, policy, conditions, found, self._http.now())

    def administration(self) -> Administration:
        """What lies beside the content of objects."""
        raise UnsupportedError("there is nothing beside content here", provider=self.name, operation="administration")

    def cdn(self, container: str) -> CDN:
        """Content delivery, where it is configured: S3 itself has none."""
        return self._delivery.of(container)

    async def aclose(self) -> None:
        """Close all connections."""
        try:
            await self._delivery.aclose()
        finally:
            await self._http.aclose()
            await self._sessions.aclose()

    async def _ready(self, container: str | None = None, key: str | None = None) -> config.Site:
        """The site, once the shared files have been asked, and the names have been looked at."""
        if not self._is_settled:
            shared = await asyncio.to_thread(read_profile, self._environ, self._settings.profile)
            self._site = config.make_site(self._settings, self._environ, shared.settings)
            self._routes.settle(self._site)
            self._is_settled = True
        if container is not None:
            self.check_name(container, key)
        return self._site.for_container(container)

    def _credentials_of(self, request: Request) -> CredentialCache[S3Credentials] | None:
        """Whose name a request goes in: that of the user, or that of the user's session with a directory bucket."""
        container = request.container
        if self._credentials is None or container is None or not self._routes.has_session(request):
            return self._credentials
        return self._sessions.of(container)

    async def _signing_credentials(self, request: Request) -> S3Credentials:
        known = self._credentials_of(request)
        if known is None:
            raise AuthenticationError("anonymous access has nothing to sign with", provider=self.name)
        return await known.get()

    async def _digests(self, body: Buffer) -> tuple[dict[str, str], ObjectHash | None]:
        """Headers by which the service checks a body, and the hash in them that is cheapest to check again.

        Computed before the request is sent, so that no retry computes them once more.
        """
        site = self._site
        sha256 = await checksums.digest("sha256", body) if site.signs_payload else None
        computed = None if sha256 is None else ObjectHash(algorithm="sha256", value=sha256.hex())
        if site.upload_digest is not None:
            digest = await checksums.digest(site.upload_digest, body)
            computed = ObjectHash(algorithm=site.upload_digest, value=digest.hex())
        return requests.digest_headers(sha256, computed), computed

    async def _completed(self, upload: Upload, parts: Sequence[Part], crc32: int | None) -> ObjectInfo | None:
        """The object, if it is what these parts make: then an earlier try has completed the upload."""
        try:
            info = await self.head_object(upload.container, upload.key, WHOLE)
        except StorageError:
            return None
        is_same_etag = info.etag is not None and info.etag == values.multipart_etag(parts)
        is_same_hash = crc32 is not None and info.object_hash == values.crc32_hash(crc32)
        return info if is_same_etag or is_same_hash else None

    async def _has_container(self, container: str) -> bool:
        try:
            await self.head_container(container)
        except StorageError:  # also where it belongs to others; what is wrong the next request will tell
            return False
        return True

    def _is_for_bulk_delete(self, ref: ObjectRef) -> bool:
        vendor = self._site.vendor
        return vendor.bulk_delete and xml.is_expressible(ref.key) and (vendor.versioning or ref.version_id is None)

    def _require(self, is_possible: bool, operation: str, what: str) -> None:
        if not is_possible:
            message = f"{what} cannot be relied on here; the vendor is taken to be {self._site.vendor.name!r}"
            raise UnsupportedError(message, provider=self.name, operation=operation)

    def _check_version(self, operation: str, version_id: str | None) -> None:
        self._require(version_id is None or self._site.vendor.versioning, operation, "versions")

    def _check_reading(self, operation: str, options: ReadOptions) -> None:
        vendor = self._site.vendor
        self._check_version(operation, options.version_id)
        if options.if_match is not None or options.if_none_match is not None:
            self._require(vendor.read_conditions, operation, "conditions on reads")

    def _check_writing(self, operation: str, options: WriteOptions, *, also: bool = True) -> None:
        """Refuse conditions that the service may ignore.

        Args:
            operation: For the error.
            options: What is asked for.
            also: Whether the service obeys conditions on this operation, other than on plain writes.
        """
        vendor = self._site.vendor
        if options.if_none_match is not None:
            if options.if_none_match != "*":
                raise InvalidArgumentError('if_none_match of a write is "*"', provider=self.name, operation=operation)
            self._require(vendor.create_if_absent and also, operation, "if_none_match")
        if options.if_match is not None:
            self._require(vendor.write_if_match and also, operation, "if_match")


def _crc32_of(parts: Sequence[Part]) -> int | None:
    """The CRC-32 of the parts joined, if that of each is known."""
    combined = 0
    for part in parts:
        if part.checksum is None or part.checksum.algorithm != "crc32":
            return None
        combined = checksums.crc32_combine(combined, int(part.checksum.value, 16), part.size)
    return combined
