"""Google Cloud Storage as a backend: build a request, send it, read the answer."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Unpack

from aiostorage import checksums
from aiostorage._http import write_ids
from aiostorage._http.body import HTTPObjectBody
from aiostorage._http.canonical import quote_key
from aiostorage._http.client import HTTPClient
from aiostorage._http.deletes import delete_singly
from aiostorage._http.delivery import PublicCDN
from aiostorage._http.headers import signed_headers
from aiostorage._http.tokens import try_token
from aiostorage.body import open_body
from aiostorage.errors import (
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import PLAIN, WHOLE, ObjectRef, PresignedPost, PresignedRequest, ReadOptions
from aiostorage.providers.gcs import (
    config,
    credentials,
    names,
    requests,
    responses,
    resumable,
    resuming,
    signers,
    signing,
    uploads,
)
from aiostorage.providers.gcs.administration import GCSAdministration
from aiostorage.providers.gcs.cdn import CloudCDNDelivery
from aiostorage.providers.gcs.errors import read_error
from aiostorage.providers.gcs.rewriting import rewrite
from aiostorage.providers.gcs.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiostorage._http.messages import Request
    from aiostorage.backend import CDN, Administration, OnSent
    from aiostorage.body import Source
    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        ContainerInfo,
        ContainerOptions,
        CustomerKey,
        DeleteOutcome,
        ListQuery,
        ObjectInfo,
        Page,
        Part,
        PostPolicy,
        Prefix,
        PresignOptions,
        Upload,
        WriteOptions,
    )
    from aiostorage.providers.gcs.resumable import Session


class GCSBackend:
    """Google Cloud Storage, seen as requests.

    Etags and version ids are generations: numbers that change with each write, and are what conditions
    are about. Nothing is read and nothing is connected to before the first request.

    Args:
        **options: See :class:`~aiostorage.providers.gcs.config.GCSOptions`.

    Raises:
        InvalidArgumentError: The options contradict each other, or make no sense.
    """

    name = "gcs"

    def __init__(self, **options: Unpack[config.GCSOptions]) -> None:
        self._settings, http_options = config.split_options(options)
        self._environ: Mapping[str, str] = os.environ
        self._site = config.make_site(self._settings, self._environ)
        self._project = config.project_of(self._settings, self._environ)
        self._identities: credentials.Identities | None = None
        if not self._site.is_anonymous:
            self._identities = credentials.Identities(self._settings, self._environ, http_options)
        self._http = HTTPClient[credentials.AccessToken](
            provider=self.name,
            sign=signing.sign,
            read_error=read_error,
            credentials=None if self._identities is None else self._identities.tokens(),
            **http_options,
        )
        self._send = Turns(self._http.send).send

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do."""
        return self._site.capabilities

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse what the service cannot hold."""
        names.check_container(container)
        if key is not None:
            names.check_key(container, key)

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a container in the project."""
        self.check_name(container)
        request = requests.create_container(self._site, await self._in_project(), container, options)
        return responses.container_info(request, await self._send(request))

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container."""
        self.check_name(container)
        request = requests.head_container(self._site, container)
        return responses.container_info(request, await self._send(request))

    async def delete_container(self, container: str) -> None:
        """Remove an empty container."""
        self.check_name(container)
        await self._send(requests.delete_container(self._site, container))

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the containers of the project."""
        request = requests.list_containers(self._site, await self._in_project(), prefix=prefix, token=token)
        return responses.list_containers(request, await self._send(request))

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object in one request. The service compares it with the MD5 that goes with it."""
        self.check_name(container, key)
        write_id = write_ids.new_write_id(options)
        request = requests.put_object(
            self._site,
            container,
            key,
            body,
            write_ids.marked(options, write_id),
            md5=await checksums.digest("md5", body),
            boundary=secrets.token_hex(16),
            on_sent=on_sent,
        )
        try:
            return responses.object_info(request, await self._send(request))
        except PreconditionFailedError as error:

            async def look() -> tuple[ObjectInfo, str | None]:
                reading = ReadOptions(customer_key=options.customer_key)
                asked = requests.head_object(self._site, container, key, reading)
                response = await self._send(asked)
                return responses.object_info(asked, response), responses.write_id(asked, response)

            return await write_ids.written_before(write_id, error, look)

    async def get_object(self, container: str, key: str, options: ReadOptions) -> HTTPObjectBody:
        """Open an object for reading. Content that is stored compressed comes so."""
        self._check_reading(container, key, options)
        request = requests.get_object(self._site, container, key, options)
        stream = await self._http.stream(request)
        try:
            head = responses.get_object(request, stream.status, stream.headers, options.byte_range)
        except StorageError:
            await stream.aclose()
            raise
        return HTTPObjectBody(stream, head)

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object."""
        self._check_reading(container, key, options)
        request = requests.head_object(self._site, container, key, options)
        return responses.object_info(request, await self._send(request))

    async def delete_object(
        self,
        container: str,
        key: str,
        *,
        version_id: str | None = None,
        if_match: str | None = None,
        bypass_retention: bool = False,
    ) -> None:
        """Remove an object. Where the container keeps versions it becomes an old one of them."""
        self.check_name(container, key)
        ref = ObjectRef(container=container, key=key, version_id=version_id, if_match=if_match)
        request = requests.delete_object(self._site, ref)
        with contextlib.suppress(ObjectNotFoundError):
            try:
                await self._send(request)
            except PermissionDeniedError:
                if not bypass_retention or not await self._lift_retention(ref):
                    raise
                await self._send(request)

    async def _lift_retention(self, ref: ObjectRef) -> bool:
        """End the retention of an object, whether there was one; what is held besides would stay nevertheless.

        No deletion passes a retention, so it takes two requests. Source:
        https://cloud.google.com/storage/docs/access-control/iam-xml (of all methods, only that which changes a
        retention asks for the permission to override it).
        """
        info = await self.head_object(
            ref.container, ref.key, ReadOptions(version_id=ref.version_id, if_match=ref.if_match)
        )
        if info.retention is None or info.legal_hold:
            return False
        await self.administration().set_retention(replace(ref, if_match=info.etag), None, bypass_retention=True)
        return True

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove at most 100 objects with one request; past a retention, with some for each."""
        self.check_name(container)
        for ref in refs:
            self.check_name(container, ref.key)
        limit = self.capabilities.limits.max_delete_batch
        if len(refs) > limit:
            raise InvalidArgumentError(f"more than {limit} objects to delete at once", provider=self.name)
        if bypass_retention:
            outcomes = await delete_singly(
                lambda ref: self.delete_object(
                    container, ref.key, version_id=ref.version_id, if_match=ref.if_match, bypass_retention=True
                ),
                refs,
            )
            return [outcomes[ref] for ref in refs]
        if not refs:
            return []
        request = requests.delete_objects(self._site, container, refs, boundary=secrets.token_hex(16))
        return responses.delete_objects(request, await self._send(request), refs)

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy within the service, in as many requests as it wants; cut off in between, nothing is there."""
        self.check_name(container, key)
        self.check_name(source.container, source.key)
        return await rewrite(self._site, self._send, source, container, key, options)

    async def compose_object(
        self, container: str, key: str, sources: Sequence[ObjectRef], options: WriteOptions
    ) -> ObjectInfo:
        """Join up to 32 objects of a container to one, which may be one of them. The service moves no bytes for it.

        Raises:
            ObjectNotFoundError: One of them is not there.
        """
        self.check_name(container, key)
        request = requests.compose_object(self._site, container, key, sources, options)
        return responses.object_info(request, await self._send(request))

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects. All versions of a name are on one page, however many that makes."""
        self.check_name(container)
        page, start = try_token(token or "", "page"), try_token(token or "", "from")
        if token is not None and page is None and start is None:
            raise InvalidArgumentError("the token does not belong to such a listing", provider=self.name)
        first = query.start_after if start is None else start[0]
        found = await self._list(container, query, first, None if page is None else page[0])
        while query.versions and found.is_one_name():
            more = await self._list(container, query, first, found.token)
            if more.token == found.token:
                raise UnexpectedResponseError(
                    "the listing does not advance: a continuation token came twice",
                    provider=self.name,
                    operation="list_objects",
                    container=container,
                )
            found = responses.Listed(found.objects + more.objects, found.prefixes + more.prefixes, more.token)
        return found.page(query)

    async def _list(self, container: str, query: ListQuery, start: str, token: str | None) -> responses.Listed:
        request = requests.list_objects(self._site, container, query, start=start, token=token)
        return responses.list_objects(request, await self._send(request))

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        self.check_name(container, key)
        self._refuse_conditions("create_upload", options)
        request = uploads.create_upload(self._site, container, key, options)
        return uploads.created_upload(request, await self._send(request), options)

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part. The service compares it with the MD5 that goes with it."""
        md5 = await checksums.digest("md5", body)
        request = uploads.upload_part(self._site, upload, number, body, md5=md5, on_sent=on_sent)
        return uploads.uploaded_part(request, await self._send(request), number, offset)

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Refused: an object of any size is copied whole."""
        raise UnsupportedError("parts cannot be copies here", provider=self.name, operation="copy_part")

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object. Its etag is asked for, because the service does not tell it."""
        self._refuse_conditions("complete_upload", options)
        request = uploads.complete_upload(self._site, upload, parts)
        try:
            response = await self._send(request)
        except UploadNotFoundError as error:
            completed = await self._completed(upload, parts) if error.attempts > 1 else None
            if completed is None:
                raise
            return completed
        info = uploads.completed_upload(request, response, parts, options)
        # Nobody else's object is taken for ours, and ours is there whatever becomes of the question.
        return info if info.etag is not None else await self._completed(upload, parts) or info

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and all its parts."""
        await self._send(uploads.abort_upload(self._site, upload))

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads by parts. Resumable uploads cannot be listed."""
        self.check_name(container)
        request = uploads.list_uploads(self._site, container, prefix=prefix, token=token)
        return uploads.listed_uploads(request, await self._send(request))

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts of an upload."""
        request = uploads.list_parts(self._site, upload, token=token)
        return uploads.listed_parts(request, await self._send(request))

    # Resumable uploads

    async def begin_resumable(
        self, container: str, key: str, options: WriteOptions, *, size: int | None = None
    ) -> Session:
        """Begin an upload of one stream, which lives for a week and takes conditions whatever its size.

        A later process can go on with it: what it needs to know is in the session, whose URL is a secret.

        Args:
            container: Name of the container.
            key: Name of the object.
            options: How to store it.
            size: Bytes of the whole object, if that is known.
        """
        self.check_name(container, key)
        return await self._begin(resumable.start(self._site, container, key, options, size=size), options.customer_key)

    async def send_resumable(
        self,
        session: Session,
        source: Source,
        *,
        piece_size_bytes: int = 8 << 20,
        is_continued: bool = False,
        on_sent: OnSent | None = None,
    ) -> ObjectInfo:
        """Send a source through a resumable upload, and return the object.

        What breaks off goes on from the byte that the service has kept. A session that is lost in the
        middle is begun anew, once, if the source can be read again. A cancellation leaves the session
        open: it can be continued, or be given up with :meth:`cancel_resumable`.

        Args:
            session: From :meth:`begin_resumable`.
            source: The whole content, from its start.
            piece_size_bytes: Bytes of a piece, a multiple of 256 KiB; a stream has two in memory.
            is_continued: Whether something may have been sent before: then the service is asked first.
            on_sent: Told how many bytes have moved.

        Raises:
            UploadNotFoundError: The session is over.
            PreconditionFailedError: The condition does not hold.
            InvalidArgumentError: The source is shorter than what was sent of it before.
        """
        body = await open_body(source)
        begun_by = session.begun_by
        try:
            begun = await resuming.ask(self._send, session) if is_continued else resumable.Progress(persisted=0)
            if begun.object is not None:
                return begun.object
            return await resuming.send_all(
                self._send,
                session,
                body,
                piece_size=piece_size_bytes,
                persisted=begun.persisted,
                on_sent=on_sent,
                begin_again=None if begun_by is None else partial(self._begin, begun_by, session.customer_key),
            )
        finally:
            await body.aclose()

    async def cancel_resumable(self, session: Session) -> None:
        """Give a resumable upload up."""
        await self._send(resumable.cancel(session))

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """Sign a request for somebody else to send, for seven days at most.

        A service account's key signs here; for whoever else is a service account, or may act as
        ``signing_account``, IAM does, and then twelve hours are certain.
        """
        self.check_name(container, key)
        if method not in {"GET", "HEAD", "PUT", "DELETE"}:
            raise InvalidArgumentError(f"{method} requests cannot be presigned", provider=self.name)
        expires_in_s = self._lifetime(options.expires_in_s)
        signed = signed_headers(options.headers)
        query = signing.presigned_query(method, options)
        signer = await signers.find_signer(self._identities, self._settings.signing_account)
        now = self._http.now().replace(microsecond=0)  # the service counts from the second that is signed
        url = f"{self._site.base_url}/{container}/{quote_key(key)}"
        unsigned = signing.presigned(method, url, signed, signer.email, now, expires_in_s, query)
        return PresignedRequest(
            method=method,
            url=unsigned.signed_url(await signer.sign(unsigned.to_sign)),
            headers=signed,
            expires_at=now + timedelta(seconds=signers.lasts_s(signer, expires_in_s)),
        )

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """Sign a form for a browser to post, for seven days at most."""
        self.check_name(container, key)
        expires_in_s = self._lifetime(policy.expires_in_s)
        signer = await signers.find_signer(self._identities, self._settings.signing_account)
        now = self._http.now().replace(microsecond=0)  # the service counts from the second that is signed
        url = f"{self._site.base_url}/{container}/"
        unsigned = signing.post_policy(url, container, key, policy, signer.email, now, expires_in_s)
        return PresignedPost(
            url=url,
            fields=unsigned.signed_fields(await signer.sign(unsigned.to_sign)),
            expires_at=now + timedelta(seconds=signers.lasts_s(signer, expires_in_s)),
        )

    def administration(self) -> Administration:
        """What lies beside the content of objects."""
        return GCSAdministration(self._site, self._send)

    def cdn(self, container: str) -> CDN:
        """Cloud CDN, or another public URL, where one is given."""
        self.check_name(container)
        named = self._settings.cdn or {}
        distribution = named.get(container, named.get(""))
        if distribution is None:
            raise UnsupportedError(
                "no CDN is configured for the container", provider=self.name, operation="cdn", container=container
            )
        if isinstance(distribution, str):
            return PublicCDN(self.name, container, distribution)
        return CloudCDNDelivery(container, distribution, now=self._http.now, purge=self._purge)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _begin(self, request: Request, customer_key: CustomerKey | None) -> Session:
        return resumable.started(request, await self._send(request), self._site, customer_key)

    async def _in_project(self) -> str:
        """The project in which containers are."""
        if self._project is None and self._identities is not None:
            self._project = await self._identities.project()
        if self._project is None:
            if self._site.is_anonymous:
                return "test"  # an emulator does not care, and Google says no in any case
            raise InvalidArgumentError("name the project: project=, or GOOGLE_CLOUD_PROJECT", provider=self.name)
        return self._project

    async def _purge(self, request: Callable[[str], Request]) -> None:
        await self._send(request(await self._in_project()))

    async def _completed(self, upload: Upload, parts: Sequence[Part]) -> ObjectInfo | None:
        """The object, if it is what these parts make: then it is that of this upload."""
        crc32c = checksums.joined_crc("crc32c", parts)
        if crc32c is None:
            return None
        try:
            info = await self.head_object(
                upload.container, upload.key, replace(WHOLE, customer_key=upload.customer_key)
            )
        except StorageError:
            return None
        return info if info.object_hash == crc32c else None

    def _check_reading(self, container: str, key: str, options: ReadOptions) -> None:
        self.check_name(container, key)
        if options.part_number is not None:
            raise UnsupportedError("objects are not read by their parts here", provider=self.name)

    def _refuse_conditions(self, operation: str, options: WriteOptions) -> None:
        if options.if_match is not None or options.if_none_match is not None:
            raise UnsupportedError(
                "an upload by parts takes no conditions; one request does (part_size_bytes up to 5 GiB), "
                "and so does a resumable upload",
                provider=self.name,
                operation=operation,
            )

    def _lifetime(self, expires_in_s: float) -> int:
        if not 1 <= expires_in_s <= signing.MAX_PRESIGN_S:
            raise InvalidArgumentError(
                f"a signed request lives for 1 to {signing.MAX_PRESIGN_S} seconds", provider=self.name
            )
        return int(expires_in_s)
