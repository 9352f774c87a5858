"""A driver for any WebDAV server, as an example of how one is written: ``aiostorage.backend`` leads through it.

    async with webdav_driver("https://dav.example.com/files", username="ada", password="...") as driver:
        photos = await driver.create_container("photos")
        await photos.upload_object("cat.jpg", "2026/cat.jpg")

Containers are folders, objects are files, and what nothing may see yet lies in a hidden folder of the container.
Whatever is written is put there and then moved, so that it is there whole or not at all; but some servers remove
what lies under a name before they move something there (RFC 4918 section 9.9.3 asks them to), and then a reader may
find nothing for a moment. WebDAV has no parts: each is a hidden file, and completing an upload joins them in a
temporary file on this machine. Folders stay when they are empty, and are shown as prefixes.

Source: https://www.rfc-editor.org/rfc/rfc4918
"""

from __future__ import annotations

import asyncio
import base64
import mmap
import re
import secrets
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Unpack
from urllib.parse import unquote, urlsplit

import anyio
from aiofiles.tempfile import TemporaryFile

import aiostorage
from aiostorage import (
    ContainerInfo,
    ContainerOptions,
    ListQuery,
    ObjectInfo,
    ObjectRef,
    Page,
    Part,
    Prefix,
    ReadOptions,
    Upload,
    WriteOptions,
    http,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime

    from aiostorage import Buffer, ByteRange, DeleteOutcome, PostPolicy, PresignedPost, PresignedRequest, PresignOptions
    from aiostorage.backend import CDN, Administration, OnSent

HIDDEN = ".aiostorage"
GRACE_S = 10.0
TIB = 1 << 40
PLAIN = ContainerOptions()
EMPTY: Mapping[str, str] = {}

# Of all that could be asked for; to tell a content type some servers read in each file.
PROPERTIES = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getetag/><getlastmodified/></prop></propfind>"""

# 1. What the provider can do. All of it is False unless it is said here, and is refused before the backend is asked.

CAPABILITIES = aiostorage.Capabilities(
    limits=aiostorage.Limits(
        max_object_size_bytes=TIB,
        max_put_size_bytes=TIB,
        max_copy_size_bytes=TIB,
        min_part_size_bytes=1,
        max_part_size_bytes=TIB,
        max_parts=99_999,
        max_delete_batch=100,
        max_page_size=1000,
    ),
    server_side_copy=True,
    object_headers=False,
    object_metadata=False,
    replaces_metadata=False,
)


# 2. Which names it can hold. What it cannot is refused, never changed into something else.


def is_segment(text: str) -> bool:
    """Whether a file or folder can be named so on any server."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return 1 <= size <= 255 and text not in {".", ".."} and not re.search(r"[\x00-\x1f\x7f/]", text)


def is_key(text: str) -> bool:
    """Whether an object can be named so: it is the path of a file."""
    segments = text.split("/")
    return all(map(is_segment, segments)) and len(text.encode()) <= 1024 and segments[0] != HIDDEN


# 3. What needs no network, as plain functions: how a request is signed, what an answer means, and what is in it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user of the server; see RFC 7617."""

    username: str
    password: str = field(repr=False)
    expires_at: datetime | None = None


def sign(request: http.Request, login: Login | None, now: datetime) -> http.Wire:
    """What goes over the wire. It is asked for in each attempt, so a signature may be made of the time, too."""
    if login is None:
        return http.Wire(request.url, request.headers)
    token = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    return http.Wire(request.url, {**request.headers, "authorization": f"Basic {token}"})


def read_error(request: http.Request, response: http.Response) -> aiostorage.StorageError | None:
    """The error that an answer is, or None; what was being done, and to what, the client adds."""
    status = response.status
    if status == 207 and request.method in {"DELETE", "COPY", "MOVE"}:
        return read_refusals(response)
    if status < 300:
        return None
    if status in {404, 409}:  # 409: the folder that it would be in is not there
        if request.operation in UPLOADS:
            return aiostorage.UploadNotFoundError("there is no such upload (any more)")
        missing = aiostorage.ContainerNotFoundError if request.key is None else aiostorage.ObjectNotFoundError
        return missing("it is not there")
    if status == 405:  # what is there is not what this can be done to
        taken = aiostorage.AlreadyExistsError("there is something of this name")
        return taken if request.method == "MKCOL" else aiostorage.ObjectNotFoundError("there is a folder of this name")
    if status == 423:  # another write at the same time
        return aiostorage.PreconditionFailedError("somebody has locked it", retryable=True)
    unknown = (aiostorage.ServiceUnavailableError if status >= 500 else aiostorage.UnexpectedResponseError, False)
    error, is_retryable = http.BY_STATUS.get(status, unknown)
    return error("the server refused", retryable=is_retryable)


def read_refusals(response: http.Response) -> aiostorage.StorageError | None:
    """The error in an answer that names what of a folder was left as it was: RFC 4918 section 9.6.1."""
    statuses = {status for _, record in read_records(response) for status in record.get("status", "").split()[1:2]}
    if "423" in statuses:
        return aiostorage.PreconditionFailedError("somebody has locked what is in it", retryable=True)
    refusals = sorted(status for status in statuses if not status.startswith("2"))
    return aiostorage.UnexpectedResponseError(f"a part of it failed: {', '.join(refusals)}") if refusals else None


UPLOADS = {"upload_part", "complete_upload", "abort_upload", "list_parts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or folder; its path has no slash at its ends."""

    path: str
    is_folder: bool
    size: int | None
    etag: str | None
    last_modified: datetime | None

    def info(self, key: str) -> ObjectInfo:
        """The same, as an object."""
        return ObjectInfo(key=key, size=self.size, etag=self.etag, last_modified=self.last_modified)


def read_records(response: http.Response) -> list[tuple[str, dict[str, str]]]:
    """What an answer of status 207 holds: a record for each file or folder, however deep its properties lie."""
    try:
        return http.parse_xml(response.body, wrappers={"propstat", "prop", "resourcetype"}).records
    except http.MalformedXMLError as error:
        raise aiostorage.UnexpectedResponseError(f"the answer is no XML: {error}") from error


def read_entries(response: http.Response) -> list[Entry]:
    """What an answer to PROPFIND shows."""
    return [
        Entry(
            path=unquote(urlsplit(record.get("href", "").strip()).path.strip("/")),
            is_folder="collection" in record,
            size=http.content_length({"content-length": record.get("getcontentlength", "")}),
            etag=http.unquote_etag(record.get("getetag")),
            last_modified=http.parse_http_date(record.get("getlastmodified")),
        )
        for name, record in read_records(response)
        if name == "response"
    ]


def folder_of(upload: Upload) -> str:
    """Where the parts of an upload are."""
    if not re.fullmatch("[0-9a-f]{32}", upload.upload_id):  # it may come from a checkpoint that somebody wrote
        raise aiostorage.UploadNotFoundError("there is no such upload", container=upload.container, key=upload.key)
    return f"{upload.container}/{HIDDEN}/{upload.upload_id}/"


def common_prefix(key: str, query: ListQuery) -> str | None:
    """The beginning under which a listing folds a key; None where it shows the key itself."""
    at = key.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
    return None if at < 0 else key[: at + len(query.delimiter)]


# 4. The backend: one coroutine for one thing asked.


class Asked(NamedTuple):
    """What a request is made for; it is in every error."""

    operation: str
    container: str | None = None
    key: str | None = None


class WebDAVBackend:
    """A WebDAV server, as requests. Implements ``aiostorage.Backend``.

    Args:
        url: A folder on the server, in which containers are folders.
        username: For basic authentication, if the server wants it.
        password: The same. Use https, or it can be read on the way.
        **options: See ``aiostorage.HTTPOptions``.
    """

    name = "webdav"
    capabilities = CAPABILITIES

    def __init__(
        self, url: str, *, username: str | None = None, password: str = "", **options: Unpack[http.HTTPOptions]
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.username is not None or parts.query:
            raise aiostorage.InvalidArgumentError("the url is http or https, and has no password and no query in it")
        self._url = url.rstrip("/")
        self._changing = asyncio.Lock()

        async def login() -> Login:
            return Login(username=username or "", password=password)

        credentials = None if username is None else http.CredentialCache(login)
        self._http = http.HTTPClient(
            provider=self.name, sign=sign, read_error=read_error, credentials=credentials, **options
        )

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse what is no name of a folder, and no path of a file in it."""
        if not is_segment(container) or container.startswith("."):
            raise aiostorage.InvalidNameError("a container is named like a folder", container=container)
        if key is not None and not is_key(key):
            raise aiostorage.InvalidNameError("a key is the path of a file", container=container, key=key)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a folder."""
        self._require_plain("create_container", options, PLAIN)
        await self._call(Asked("create_container", container), "MKCOL", f"{container}/", is_repeatable=False)
        return ContainerInfo(name=container)

    async def head_container(self, container: str) -> ContainerInfo:
        """Look whether there is a folder."""
        await self._find_container(Asked("head_container", container))
        return ContainerInfo(name=container)

    async def delete_container(self, container: str) -> None:
        """Remove a folder, if there is no object in it; unfinished uploads go with it."""
        async with aclosing(self._walk(container, ListQuery(), "")) as objects:
            async for key, _ in objects:
                raise aiostorage.ContainerNotEmptyError("there are objects in it", container=container, key=key)
        await self._call(Asked("delete_container", container), "DELETE", f"{container}/")

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """All of them: WebDAV knows no pages."""
        names = [name for name, entry in await self._children(Asked("list_containers"), "") if entry.is_folder]
        shown = sorted(name for name in names if name.startswith(prefix) and not name.startswith("."))
        return Page(items=[ContainerInfo(name=name) for name in shown])

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object: under a hidden name, and then under its own."""
        asked = Asked("put_object", container, key)
        self._check_writing(asked, options)
        async with self._hidden(asked, container) as path:
            await self._put(asked, path, body, on_sent)
            await self._publish(asked, path, container, key)
        return ObjectInfo(key=key, size=len(body))

    async def get_object(self, container: str, key: str, options: ReadOptions) -> http.HTTPObjectBody:
        """Open an object for reading."""
        self._check_reading("get_object", options)
        headers = {} if options.byte_range is None else {"range": http.range_header(*options.byte_range)}
        stream = await self._open(Asked("get_object", container, key), f"{container}/{key}", headers)
        try:
            start, stop, size = http.which_bytes(stream.status, stream.headers, options.byte_range)
        except ValueError as error:
            await stream.aclose()
            if stream.headers.get("content-range", "").endswith("/0"):  # a server in Go answers "bytes 0--1/0"
                raise aiostorage.RangeNotSatisfiableError("the object is empty") from error
            raise aiostorage.UnexpectedResponseError(str(error), container=container, key=key) from error
        info = ObjectInfo(
            key=key,
            size=size,
            etag=http.unquote_etag(stream.headers.get("etag")),
            last_modified=http.parse_http_date(stream.headers.get("last-modified")),
        )
        return http.HTTPObjectBody(stream, http.Head(info, start, stop))

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object. Unlike HEAD, PROPFIND tells a file from a folder on every server."""
        self._check_reading("head_object", options)
        for entry in await self._look(Asked("head_object", container, key), f"{container}/{key}"):
            if not entry.is_folder:
                return entry.info(key)
        raise aiostorage.ObjectNotFoundError("there is a folder of this name", container=container, key=key)

    async def delete_object(
        self,
        container: str,
        key: str,
        *,
        version_id: str | None = None,
        if_match: str | None = None,
        bypass_retention: bool = False,
    ) -> None:
        """Remove an object, if there is one; never a folder, with which all that is in it would go."""
        self._require_plain("delete_object", (version_id, if_match, bypass_retention), (None, None, False))
        with suppress(aiostorage.ObjectNotFoundError):
            await self.head_object(container, key, ReadOptions())
            await self._call(Asked("delete_object", container, key), "DELETE", f"{container}/{key}")

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove objects, with a request for each."""

        async def delete(ref: ObjectRef) -> None:
            await self.delete_object(container, ref.key, version_id=ref.version_id, if_match=ref.if_match)

        outcomes = await http.delete_singly(delete, refs)
        return [outcomes[ref] for ref in refs]

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy an object to a hidden name, and move it: a COPY onto the key could be seen half done."""
        asked = Asked("copy_object", container, key)
        self._check_writing(asked, options or WriteOptions())
        info = await self.head_object(source.container, source.key, ReadOptions(version_id=source.version_id))
        async with self._hidden(asked, container) as path:
            headers = {"destination": self._address(path), "overwrite": "T"}
            await http.run_to_end(self._call(asked, "COPY", f"{source.container}/{source.key}", headers))
            await self._publish(asked, path, container, key)
        return ObjectInfo(key=key, size=info.size)

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects; the token is the last name of the page before."""
        self._require_plain("list_objects", query.versions, plain=False)
        limit = min(query.page_size or CAPABILITIES.limits.max_page_size, CAPABILITIES.limits.max_page_size)
        folded = token if token is not None and common_prefix(token, query) == token else None
        items: list[ObjectInfo | Prefix] = []
        last = ""
        async with aclosing(self._walk(container, query, max(token or "", query.start_after))) as found:
            async for key, entry in found:
                prefix = common_prefix(key, query)
                if prefix is not None and prefix == folded:
                    continue
                if len(items) == limit:
                    return Page(items=items, next_token=last)
                folded, last = prefix, prefix or key
                items.append(entry.info(key) if prefix is None else Prefix(name=prefix))
        return Page(items=items)

    # Uploads by parts: a hidden folder for each, with a file of the key's name and a file for each part.

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        asked = Asked("create_upload", container, key)
        self._check_writing(asked, options)
        upload = Upload(container=container, key=key, upload_id=secrets.token_hex(16))
        async with self._hidden(asked, container, f"{upload.upload_id}/") as folder:
            await http.run_to_end(self._call(asked, "MKCOL", folder))
            await self._put(asked, f"{folder}key", key.encode())
        return upload

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part."""
        asked = Asked("upload_part", upload.container, upload.key)
        response = await self._put(asked, f"{folder_of(upload)}{number:05}", body, on_sent)
        etag = http.unquote_etag(response.headers.get("etag")) or ""
        return Part(number=number, offset=offset, size=len(body), etag=etag)

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Refused, and not needed: a COPY has no largest size."""
        self._refuse("copy_part")

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Join the parts in a hidden file, and move it."""
        asked, folder = Asked("complete_upload", upload.container, upload.key), folder_of(upload)
        self._check_writing(asked, options)
        held = {part.number: part.size for part in (await self.list_parts(upload, token=None)).items}
        numbers = [part.number for part in parts if held.get(part.number) == part.size]
        if not parts or numbers != sorted({part.number for part in parts}):
            raise aiostorage.InvalidArgumentError("the parts are not there as they are named", key=upload.key)
        size = sum(part.size for part in parts)
        async with TemporaryFile() as file:
            for number in numbers:
                async with aclosing(await self._open(asked, f"{folder}{number:05}", {})) as stream:
                    async for chunk in stream:
                        await file.write(chunk)
            await file.flush()
            if await file.tell() != size:
                raise aiostorage.UnexpectedResponseError("a part is not as it was sent", key=upload.key)
            # Mapped, and not read: what of it is in memory the system may drop.
            body = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if size else b""
            await self._put(asked, f"{folder}whole", body)
        await self._publish(asked, f"{folder}whole", upload.container, upload.key)
        with suppress(aiostorage.StorageError):  # the object is there
            await self.abort_upload(upload)
        return ObjectInfo(key=upload.key, size=size)

    async def abort_upload(self, upload: Upload) -> None:
        """Remove the folder of an upload."""
        await self._call(Asked("abort_upload", upload.container, upload.key), "DELETE", folder_of(upload))

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """All unfinished uploads, in the order of their keys."""
        asked = Asked("list_uploads", container)
        found: list[Upload] = []
        for name, entry in await self._children_if_any(asked, container, f"{HIDDEN}/"):
            if entry.is_folder:
                with suppress(aiostorage.NotFoundError):  # it has gone meanwhile, or has only just begun
                    answer = await self._call(asked, "GET", f"{container}/{HIDDEN}/{name}/key")
                    key, begun = answer.body.decode(errors="replace"), entry.last_modified
                    found.append(Upload(container=container, key=key, upload_id=name, started_at=begun))
        found.sort(key=lambda upload: (upload.key, upload.upload_id))
        return Page(items=[upload for upload in found if upload.key.startswith(prefix)])

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """All parts of an upload."""
        children = await self._children(Asked("list_parts", upload.container, upload.key), folder_of(upload))
        parts = [
            Part(number=int(name), offset=-1, size=entry.size or 0, etag=entry.etag or "")
            for name, entry in children
            if re.fullmatch("[0-9]{5}", name)
        ]
        return Page(items=sorted(parts, key=lambda part: part.number))

    # What WebDAV does not have. The capabilities say so, and the driver does not ask.

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """Refused: there are no signed requests."""
        self._refuse("presign")

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """Refused: there are no signed forms."""
        self._refuse("presign_post")

    def administration(self) -> Administration:
        """Refused: there is nothing beside the content of objects."""
        self._refuse("administration")

    def cdn(self, container: str) -> CDN:
        """Refused: there is no content delivery."""
        self._refuse("cdn")

    def _refuse(self, operation: str) -> NoReturn:
        raise aiostorage.UnsupportedError("WebDAV has nothing like it", provider=self.name, operation=operation)

    def _require_plain(self, operation: str, given: object, plain: object) -> None:
        """Refuse what the capabilities do not name, and what may come in later years."""
        if given != plain:
            self._refuse(operation)

    def _check_writing(self, asked: Asked, options: WriteOptions) -> None:
        self._require_plain(asked.operation, options, WriteOptions())

    def _check_reading(self, operation: str, options: ReadOptions) -> None:
        self._require_plain(operation, options, ReadOptions(byte_range=options.byte_range))

    # Requests. A path is relative to the url, and that of a folder ends with a slash.

    def _address(self, path: str) -> str:
        return f"{self._url}/{http.quote_key(path)}"

    def _request(self, asked: Asked, method: str, path: str, headers: Mapping[str, str]) -> http.Request:
        operation, container, key = asked
        url = self._address(path)
        return http.Request(operation=operation, method=method, url=url, headers=headers, container=container, key=key)

    async def _call(
        self, asked: Asked, method: str, path: str, headers: Mapping[str, str] = EMPTY, *, is_repeatable: bool = True
    ) -> http.Response:
        request = self._request(asked, method, path, headers)
        return await self._http.send(replace(request, is_repeatable=is_repeatable))

    async def _open(self, asked: Asked, path: str, headers: Mapping[str, str]) -> http.ResponseStream:
        return await self._http.stream(self._request(asked, "GET", path, headers))

    async def _put(self, asked: Asked, path: str, body: Buffer, on_sent: OnSent | None = None) -> http.Response:
        """Write a hidden file. Cut off in the middle it could still come after it was removed, so it is waited for."""
        request = replace(self._request(asked, "PUT", path, {}), body=body, on_sent=on_sent)
        return await http.run_to_end(self._http.send(request), grace_s=GRACE_S)

    async def _look(self, asked: Asked, path: str, depth: int = 0) -> list[Entry]:
        request = self._request(asked, "PROPFIND", path, {"depth": str(depth), "content-type": "application/xml"})
        return read_entries(await self._http.send(replace(request, body=PROPERTIES)))

    async def _find_container(self, asked: Asked) -> None:
        if not any(entry.is_folder for entry in await self._look(asked, f"{asked.container}/")):
            raise aiostorage.ContainerNotFoundError("it is not a folder", container=asked.container)

    async def _children(self, asked: Asked, path: str) -> list[tuple[str, Entry]]:
        """The names of what is in a folder, and what is known of it; the folder itself is in the answer, too."""
        own = unquote(urlsplit(self._address(path)).path).strip("/")
        found = [(entry.path.rpartition("/"), entry) for entry in await self._look(asked, path, 1)]
        return [(name, entry) for (folder, _, name), entry in found if folder == own and is_segment(name)]

    async def _children_if_any(self, asked: Asked, container: str, folder: str) -> list[tuple[str, Entry]]:
        """The same; nothing where nobody has made the folder in the container, or it went meanwhile."""
        try:
            return await self._children(asked, f"{container}/{folder}")
        except aiostorage.NotFoundError:
            await self._find_container(Asked(asked.operation, container))
            return []

    # Writing

    async def _make_folder(self, asked: Asked, path: str) -> None:
        """Have a folder. One at a time: a server locks what it makes, and refuses who comes meanwhile."""
        async with self._changing:
            with suppress(aiostorage.AlreadyExistsError):
                await self._call(asked, "MKCOL", path)

    @asynccontextmanager
    async def _hidden(self, asked: Asked, container: str, name: str | None = None) -> AsyncGenerator[str, None]:
        """A path that no listing shows, to write under; when the block fails or is cancelled, what is there goes."""
        try:
            await self._look(asked, f"{container}/{HIDDEN}/")
        except aiostorage.NotFoundError:
            await self._make_folder(Asked(asked.operation, container), f"{container}/{HIDDEN}/")
        path = f"{container}/{HIDDEN}/{name or secrets.token_hex(16)}"
        try:
            yield path
        except BaseException:
            with anyio.move_on_after(GRACE_S, shield=True), suppress(aiostorage.StorageError):
                await self._call(asked, "DELETE", path)
            raise

    async def _publish(self, asked: Asked, path: str, container: str, key: str) -> None:
        """Move a hidden file onto a key. Folders on the way are made; none is replaced, or all in it would be lost."""
        overwrite, has_folders = "F", False
        while True:
            headers = {"destination": self._address(f"{container}/{key}"), "overwrite": overwrite}
            try:
                async with self._changing:  # of two that replace one file, the second may find none, and say so
                    await http.run_to_end(self._call(asked, "MOVE", path, headers, is_repeatable=False))
            except aiostorage.PreconditionFailedError:
                if overwrite == "T":
                    raise
                if any(entry.is_folder for entry in await self._look(asked, f"{container}/{key}")):
                    raise aiostorage.AlreadyExistsError("there is a folder of this name", key=key) from None
                overwrite = "T"
            except (aiostorage.NotFoundError, aiostorage.PermissionDeniedError):  # a folder is missing; servers differ
                if has_folders:
                    raise
                has_folders = True
                for slash in re.finditer("/", key):
                    await self._make_folder(asked, f"{container}/{key[: slash.end()]}")
            else:
                return

    # Listing

    async def _walk(self, container: str, query: ListQuery, after: str) -> AsyncGenerator[tuple[str, Entry], None]:
        """Objects in the order of their keys, and folders that need not be opened; others are when they are reached."""
        pending = await self._below(container, query.prefix[: query.prefix.rfind("/") + 1])
        while pending:
            key, entry = pending.pop()
            if not key.startswith(query.prefix):
                continue
            if entry.is_folder and query.delimiter != "/":
                if key > after or after.startswith(key):
                    pending += await self._below(container, key)
            elif key > after or (entry.is_folder and after.startswith(key)):
                yield key, entry

    async def _below(self, container: str, folder: str) -> list[tuple[str, Entry]]:
        """What is in a folder, last key first: that of a folder ends with a slash, as do the keys in it begin."""
        asked = Asked("list_objects", container)
        if folder and not is_key(folder[:-1]):
            await self._find_container(asked)
            return []
        children = await self._children_if_any(asked, container, folder)
        found = [(f"{folder}{name}{'/' if entry.is_folder else ''}", entry) for name, entry in children]
        return sorted([child for child in found if child[0] != f"{HIDDEN}/"], key=lambda child: child[0], reverse=True)


def webdav_driver(
    url: str, *, username: str | None = None, password: str = "", **options: Unpack[http.HTTPOptions]
) -> aiostorage.Driver:
    """A driver for a folder of a WebDAV server, whose folders are containers."""
    return aiostorage.Driver(WebDAVBackend(url, username=username, password=password, **options))
