"""S3 as a backend: build a request, send it, read the answer."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from aiostorage import checksums
from aiostorage._http import write_ids, xml
from aiostorage._http.body import HTTPObjectBody
from aiostorage._http.client import HTTPClient
from aiostorage._http.deletes import delete_singly
from aiostorage._http.messages import Request
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ContainerNotFoundError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import (
    PLAIN,
    DeleteOutcome,
    ObjectHash,
    ObjectRef,
    Page,
    ReadOptions,
)
from aiostorage.providers.s3 import (
    checks,
    config,
    credentials,
    headers,
    lost_replies,
    names,
    presigning,
    requests,
    responses,
    upload_requests,
    upload_responses,
    values,
)
from aiostorage.providers.s3.administration import S3Administration
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
        HashAlgorithm,
        ListQuery,
        ObjectInfo,
        Part,
        PostPolicy,
        Prefix,
        PresignedPost,
        PresignedRequest,
        PresignOptions,
        Upload,
        WriteOptions,
    )
    from aiostorage.providers.s3.credentials import S3Credentials
    from aiostorage.providers.s3.profiles import Vendor


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
        checks.check_container(site.vendor, options)
        if site.vendor.recreates_containers and await self._has_container(container):
            raise AlreadyExistsError(
                "the container exists", provider=self.name, operation="create_container", container=container
            )
        response = await self._http.send(requests.create_container(site, container, options))
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
        checks.check_writing(site.vendor, "put_object", options)
        digests, computed = await _digests(site, body, options.checksum, is_locked=_is_locked(options))
        write_id = write_ids.new_write_id(options)
        request = requests.put_object(
            site, container, key, body, options, digests=digests, write_id=write_id, on_sent=on_sent
        )
        try:
            response = await self._http.send(request)
        except PreconditionFailedError as error:
            return await lost_replies.written_before(self._http.send, site, request, options, write_id, error)
        return responses.put_object(request, response, options, site.vendor, computed=computed)

    async def get_object(self, container: str, key: str, options: ReadOptions) -> HTTPObjectBody:
        """Open an object for reading."""
        site = await self._ready(container, key)
        checks.check_reading(site.vendor, "get_object", options)
        request = requests.get_object(site, container, key, options)
        stream = await self._http.stream(request)
        try:
            head = responses.get_object(request, stream.status, stream.headers, options, site.vendor)
        except BaseException:
            await stream.aclose()
            raise
        return HTTPObjectBody(stream, head)

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object."""
        site = await self._ready(container, key)
        checks.check_reading(site.vendor, "head_object", options)
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
        ref = ObjectRef(container=container, key=key, version_id=version_id, if_match=if_match)
        checks.check_deletion(site.vendor, "delete_object", ref, bypass_retention=bypass_retention)
        try:
            await self._http.send(requests.delete_object(site, ref, bypass_retention=bypass_retention))
        except ObjectNotFoundError:
            pass
        except PreconditionFailedError as error:
            await lost_replies.deleted_before(self._http.send, site, ref, error)

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove many objects: with one request where there is one for it and XML can carry the keys."""
        site = await self._ready(container)
        for ref in refs:
            self.check_name(container, ref.key)
        checks.require(site.vendor, not bypass_retention or site.vendor.retention, "delete_objects", "retention")
        limit = site.vendor.limits.max_delete_batch
        if len(refs) > limit:
            raise InvalidArgumentError(f"more than {limit} objects to delete at once", provider=self.name)
        # The others are deleted singly, or refused so.
        bulk = [ref for ref in refs if _is_for_bulk_delete(site.vendor, ref)]
        outcomes: dict[ObjectRef, DeleteOutcome] = {}
        if bulk:
            request = requests.delete_objects(site, container, bulk, bypass_retention=bypass_retention)
            try:
                response = await self._http.send(request)
            except UnsupportedError:
                pass
            else:
                outcomes |= zip(bulk, responses.delete_objects(request, response, bulk), strict=True)
        others = [ref for ref in refs if ref not in outcomes]

        async def delete(ref: ObjectRef) -> None:
            await self.delete_object(
                container,
                ref.key,
                version_id=ref.version_id,
                if_match=ref.if_match,
                bypass_retention=bypass_retention,
            )

        outcomes |= await delete_singly(delete, others)
        return [outcomes[ref] for ref in refs]

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy within the service."""
        site = await self._ready(container, key)
        self.check_name(source.container, source.key)
        checks.check_copying(site.vendor, source, options)
        if options is not None and site.vendor.tags and not site.vendor.options_everywhere:
            options = replace(options, tags=options.tags or await self.administration().get_tags(source))
        write_id = write_ids.new_write_id(options)
        request = requests.copy_object(site, source, container, key, options, write_id=write_id)
        try:
            response = await self._http.send(request)
        except PreconditionFailedError as error:
            return await lost_replies.written_before(self._http.send, site, request, options, write_id, error)
        info = responses.copy_object(request, response, options, site.vendor)
        return info if options is None else await self._finished(site, container, info, options)

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects."""
        site = await self._ready(container)
        if not site.vendor.ordered_lists:
            check_listing(query)
            query = replace(query, versions=False)  # there is one of each
        if query.versions:
            checks.require(site.vendor, site.vendor.versioning, "list_objects", "versions")
        request = requests.list_objects(site, container, query, token=token)
        return responses.list_objects(request, await self._http.send(request), query, site.vendor)

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        site = await self._ready(container, key)
        checks.check_writing(site.vendor, "create_upload", options, also=site.vendor.conditional_complete)
        checksum = options.checksum or ("crc32" if site.upload_digest == "crc32" else None)
        request = upload_requests.create_upload(site, container, key, options, checksum=checksum)
        return upload_responses.create_upload(request, await self._http.send(request), options, checksum=checksum)

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part."""
        site = await self._ready(upload.container, upload.key)
        # No part can have a checksum of another kind than its upload was begun with, but for the oldest one.
        digests, computed = await _digests(site, body, upload.checksum, default="md5" if site.upload_digest else None)
        request = upload_requests.upload_part(site, upload, number, body, digests=digests, on_sent=on_sent)
        return upload_responses.upload_part(request, await self._http.send(request), number, offset, computed=computed)

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object the service holds already."""
        site = await self._ready(upload.container, upload.key)
        self.check_name(source.container, source.key)
        checks.check_version(site.vendor, "copy_part", source.version_id)
        checks.require(site.vendor, site.vendor.copy_part, "copy_part", "parts that are copies")
        request = upload_requests.copy_part(site, upload, number, source, byte_range)
        return upload_responses.copy_part(request, await self._http.send(request), upload, number, byte_range)

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object."""
        site = await self._ready(upload.container, upload.key)
        checks.check_writing(site.vendor, "complete_upload", options, also=site.vendor.conditional_complete)
        checksum = None
        if upload.checksum is not None and await checksums.load(upload.checksum):
            kind = site.vendor.checksum_type(upload.checksum)
            checksum = await asyncio.to_thread(values.joined_hash, upload.checksum, parts, kind)
        request = upload_requests.complete_upload(site, upload, parts, options, checksum=checksum)
        try:
            response = await self._http.send(request)
        except (UploadNotFoundError, PreconditionFailedError) as error:
            return await lost_replies.completed_before(self._http.send, site, upload, parts, checksum, error)
        info = upload_responses.complete_upload(request, response, parts, options, checksum=checksum)
        return await self._finished(site, upload.container, info, options)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and all its parts."""
        site = await self._ready(upload.container, upload.key)
        await self._http.send(upload_requests.abort_upload(site, upload))

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads."""
        site = await self._ready(container)
        request = upload_requests.list_uploads(site, container, prefix=prefix, token=token)
        try:
            response = await self._http.send(request)
        except UploadNotFoundError:  # rclone, where the container has never seen an upload by parts
            return Page(items=[])
        return upload_responses.list_uploads(request, response, site.vendor)

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts of an upload."""
        site = await self._ready(upload.container, upload.key)
        request = upload_requests.list_parts(site, upload, token=token)
        return upload_responses.list_parts(request, await self._http.send(request), upload)

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """Sign a request for somebody else to send: for seven days at most, and no longer than the credentials live."""
        site = await self._ready(container, key)
        checks.check_version(site.vendor, "presign", options.version_id)
        url = presigning.request_url(site, method, container, key, options)
        request = Request(operation="presign", method=method, url=url, container=container, key=key)
        found = await self._signing_credentials(request)
        signer, url = self._routes.prepare(request)
        return presigning.signed_request(signer, method, url, options, found, self._http.now())

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """Sign a form for a browser to post: for seven days at most, and no longer than the credentials live."""
        site = await self._ready(container, key)
        # Access points are not among what S3 lists for forms, and a policy names a bucket.
        is_possible = site.vendor.presign_post and not container.startswith("arn:")
        checks.require(site.vendor, is_possible, "presign_post", "forms for browsers")
        conditions = presigning.form_conditions(container, key, policy)
        url = requests.container_url(site, container)
        request = Request(operation="presign_post", method="POST", url=url, container=container)
        found = await self._signing_credentials(request)
        signer, url = self._routes.prepare(request)
        return presigning.signed_form(signer, url, key, policy, conditions, found, self._http.now())

    def administration(self) -> Administration:
        """What lies beside the content of objects."""
        return S3Administration(self._ready, self._http.send)

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

    async def _finished(self, site: config.Site, container: str, info: ObjectInfo, options: WriteOptions) -> ObjectInfo:
        """An object that was made by parts or by a copy, with what the service takes only afterwards.

        Where that fails the object is there, without it.
        """
        if site.vendor.options_everywhere:
            return info
        written = ObjectRef(container=container, key=info.key, version_id=info.version_id)
        extras = self.administration()
        if options.tags:
            await extras.set_tags(written, options.tags)
        if options.retention is not None:
            await extras.set_retention(written, options.retention)
        if options.legal_hold is not None:
            await extras.set_legal_hold(written, is_held=options.legal_hold)
        return info

    async def _has_container(self, container: str) -> bool:
        try:
            await self.head_container(container)
        except (ContainerNotFoundError, PermissionDeniedError):  # of one that belongs to others the next request tells
            return False
        return True


async def _digests(
    site: config.Site,
    body: Buffer,
    wanted: HashAlgorithm | None,
    *,
    default: HashAlgorithm | None = None,
    is_locked: bool = False,
) -> tuple[dict[str, str], ObjectHash | None]:
    """Headers by which the service checks a body, and the hash in them that is cheapest to check again.

    Computed before the request is sent, so that no retry computes them once more.

    Args:
        site: Where it is sent.
        body: What is sent.
        wanted: What the caller asks for.
        default: What goes with it where the caller asks for nothing, and the signature is not checked.
        is_locked: Whether the service takes nothing without a digest that is not part of the signature.
    """
    algorithm = wanted or default or site.upload_digest or ("md5" if is_locked else None)
    sha256 = await checksums.digest("sha256", body) if site.signs_payload else None
    computed = None if sha256 is None else ObjectHash(algorithm="sha256", value=sha256.hex())
    if algorithm is None:
        return headers.digest_headers(sha256), computed
    if computed is None or computed.algorithm != algorithm:
        computed = ObjectHash(algorithm=algorithm, value=(await checksums.digest(algorithm, body)).hex())
    return headers.digest_headers(sha256, computed), computed


def _is_locked(options: WriteOptions) -> bool:
    return options.retention is not None or options.legal_hold is not None


def _is_for_bulk_delete(vendor: Vendor, ref: ObjectRef) -> bool:
    is_offered = (vendor.versioning or ref.version_id is None) and (vendor.delete_if_match or ref.if_match is None)
    return vendor.bulk_delete and xml.is_expressible(ref.key) and is_offered
