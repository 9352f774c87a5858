"""Google Cloud Storage as a backend: build a request, send it, read the answer."""

from __future__ import annotations

import contextlib
import os
import secrets
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Unpack

from aiostorage import checksums
from aiostorage._http import json
from aiostorage._http.body import HTTPObjectBody
from aiostorage._http.canonical import quote_key
from aiostorage._http.client import HTTPClient
from aiostorage._http.headers import header_text
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    ObjectNotFoundError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import WHOLE, ObjectRef, PresignedRequest
from aiostorage.providers.gcs import config, credentials, names, parts, requests, responses, signing
from aiostorage.providers.gcs.cdn import CloudCDN
from aiostorage.providers.gcs.credentials.impersonation import account_url, ask_iam
from aiostorage.providers.gcs.errors import read_error
from aiostorage._http.tokens import try_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiostorage._http.messages import Request
    from aiostorage.backend import CDN, OnSent
    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        ContainerInfo,
        DeleteOutcome,
        ListQuery,
        ObjectInfo,
        Page,
        Part,
        Prefix,
        ReadOptions,
        Upload,
        WriteOptions,
    )

MAX_REWRITES = 10_000
"""A rewrite moves a mebibyte at least in each call; one that takes more calls than this will not end."""


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
        settings = self._settings
        is_named = settings.credentials is not None or settings.credentials_file is not None
        self._identities: credentials.Identities | None = None
        if not settings.anonymous and (is_named or not self._site.is_emulator):
            self._identities = credentials.Identities(settings, self._environ, http_options)
        self._http = HTTPClient[credentials.AccessToken](
            provider=self.name,
            sign=signing.sign,
            read_error=read_error,
            credentials=None if self._identities is None else self._identities.tokens(),
            **http_options,
        )

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

    async def create_container(self, container: str) -> ContainerInfo:
        """Make a container in the project."""
        self.check_name(container)
        request = requests.create_container(self._site, await self._in_project(), container)
        return responses.container_info(request, await self._http.send(request))

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container."""
        self.check_name(container)
        request = requests.head_container(self._site, container)
        return responses.container_info(request, await self._http.send(request))

    async def delete_container(self, container: str) -> None:
        """Remove an empty container."""
        self.check_name(container)
        await self._http.send(requests.delete_container(self._site, container))

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the containers of the project."""
        request = requests.list_containers(self._site, await self._in_project(), prefix=prefix, token=token)
        return responses.list_containers(request, await self._http.send(request))

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object in one request. The service compares it with the MD5 that goes with it."""
        self.check_name(container, key)
        request = requests.put_object(
            self._site,
            container,
            key,
            body,
            options,
            md5=await checksums.digest("md5", body),
            boundary=secrets.token_hex(16),
            on_sent=on_sent,
        )
        return responses.object_info(request, await self._http.send(request))

    async def get_object(self, container: str, key: str, options: ReadOptions) -> HTTPObjectBody:
        """Open an object for reading. Content that is stored compressed comes so."""
        self.check_name(container, key)
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
        self.check_name(container, key)
        request = requests.head_object(self._site, container, key, options)
        return responses.object_info(request, await self._http.send(request))

    async def delete_object(self, container: str, key: str, *, version_id: str | None = None) -> None:
        """Remove an object. Where the container keeps versions it becomes an old one of them."""
        self.check_name(container, key)
        ref = ObjectRef(container=container, key=key, version_id=version_id)
        with contextlib.suppress(ObjectNotFoundError):
            await self._http.send(requests.delete_object(self._site, ref))

    async def delete_objects(self, container: str, refs: Sequence[ObjectRef]) -> Sequence[DeleteOutcome]:
        """Remove at most 100 objects with one request."""
        self.check_name(container)
        for ref in refs:
            self.check_name(container, ref.key)
        limit = self.capabilities.limits.max_delete_batch
        if len(refs) > limit:
            raise InvalidArgumentError(f"more than {limit} objects to delete at once", provider=self.name)
        if not refs:
            return []
        request = requests.delete_objects(self._site, container, refs, boundary=secrets.token_hex(16))
        return responses.delete_objects(request, await self._http.send(request), refs)

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy within the service, in as many requests as it wants; cut off in between, nothing is there."""
        self.check_name(container, key)
        self.check_name(source.container, source.key)
        token: str | None = None
        for _ in range(MAX_REWRITES):
            request = requests.copy_object(self._site, source, container, key, options, token=token)
            token, copy = responses.copy_object(request, await self._http.send(request))
            if copy is not None:
                return copy
        raise UnexpectedResponseError("a copy that does not end", provider=self.name, operation="copy_object")

    async def compose_object(
        self, container: str, key: str, sources: Sequence[ObjectRef], options: WriteOptions
    ) -> ObjectInfo:
        """Join up to 32 objects of a container to one, which may be one of them. The service moves no bytes for it.

        Raises:
            ObjectNotFoundError: One of them is not there.
        """
        self.check_name(container, key)
        request = requests.compose_object(self._site, container, key, sources, options)
        return responses.object_info(request, await self._http.send(request))

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects."""
        self.check_name(container)
        page = try_token(token or "", "page")
        start = try_token(token or "", "from")
        if token is not None and page is None and start is None:
            raise InvalidArgumentError("the token does not belong to such a listing", provider=self.name)
        request = requests.list_objects(
            self._site,
            container,
            query,
            start=query.start_after if start is None else start[0],
            token=None if page is None else page[0],
        )
        return responses.list_objects(request, await self._http.send(request), query)

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        self.check_name(container, key)
        self._refuse_conditions("create_upload", options)
        request = parts.create_upload(self._site, container, key, options)
        return parts.created_upload(request, await self._http.send(request))

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part. The service compares it with the MD5 that goes with it."""
        md5 = await checksums.digest("md5", body)
        request = parts.upload_part(self._site, upload, number, body, md5=md5, on_sent=on_sent)
        return parts.uploaded_part(request, await self._http.send(request), number, offset)

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Refused: an object of any size is copied whole."""
        raise UnsupportedError("parts cannot be copies here", provider=self.name, operation="copy_part")

    async def complete_upload(self, upload: Upload, parts_: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts as one object."""
        self._refuse_conditions("complete_upload", options)
        request = parts.complete_upload(self._site, upload, parts_)
        response = await self._http.send(request)
        return parts.completed_upload(request, response, parts_, options)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and all its parts."""
        await self._http.send(parts.abort_upload(self._site, upload))

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of unfinished uploads."""
        self.check_name(container)
        request = parts.list_uploads(self._site, container, prefix=prefix, token=token)
        return parts.listed_uploads(request, await self._http.send(request))

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts of an upload."""
        request = parts.list_parts(self._site, upload, token=token)
        return parts.listed_parts(request, await self._http.send(request))

    # The rest

    async def presign(
        self, method: str, container: str, key: str, *, expires_in_s: float, headers: Mapping[str, str]
    ) -> PresignedRequest:
        """Sign a request for somebody else to send, for seven days at most.

        A service account's key signs here; for whoever else is a service account, or may act as
        ``signing_account``, IAM does.
        """
        self.check_name(container, key)
        if method not in {"GET", "HEAD", "PUT", "DELETE"}:
            raise InvalidArgumentError(f"{method} requests cannot be presigned", provider=self.name)
        self._check_expiry(expires_in_s)
        account, sign = await self._signer()
        signed = {name.lower(): header_text(name, value) for name, value in headers.items()}
        url = f"{self._site.base_url}/{container}/{quote_key(key)}"
        now = self._http.now()
        unsigned = signing.presigned(method, url, signed, account, now, int(expires_in_s), {})
        return PresignedRequest(
            method=method,
            url=unsigned.signed_url(await sign(unsigned.to_sign)),
            headers=signed,
            expires_at=now + timedelta(seconds=int(expires_in_s)),
        )

    def cdn(self, container: str) -> CDN:
        """Cloud CDN, where its URL is given."""
        self.check_name(container)
        if self._settings.cdn_url is None:
            raise UnsupportedError("content delivery needs a cdn_url", provider=self.name, operation="cdn")
        return CloudCDN(self._settings, container, now=self._http.now, purge=self._purge)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()
