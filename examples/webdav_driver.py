"""Write a driver in an afternoon: this one stores objects on any WebDAV server.

    async with webdav_driver("https://dav.example.com/files", username="ada", password="...") as driver:
        photos = await driver.create_container("photos")
        await photos.upload_object("cat.jpg", "2026/cat.jpg")

A driver is ``aiostorage.Driver`` over a class that fills in ``aiostorage.Backend``; nothing is inherited. Pages,
parts, ranges, readers, writers, cancellation and concurrency are done by ``Driver``, once for all providers. A
backend makes the request that it is asked to make. The steps, in the order of this file:

1.  **Write down what the provider can do**: ``CAPABILITIES``. All of it is False unless you say otherwise, and
    ``Driver`` refuses most of what is False before it asks you. WebDAV copies, and can do nothing else.
2.  **Say which names it can hold**: ``check_name``. Here containers are folders and keys are paths of files, so an
    empty segment, ``..`` or a control character is refused, never changed into something else.
3.  **Write what needs no network as functions**: reading an answer (``read_entry``), choosing an error (``error_for``).
    They are short, and easy to test. What a server sends is not to be trusted: its XML has a largest size, and no
    document type, with which entities come.
4.  **Have one place where requests are made** (``_send``) and one where whatever goes wrong becomes a
    ``StorageError`` that says what was being done (``doing``). No class of aiohttp gets out.
5.  **Fill in the protocol**, a coroutine for each thing asked. Two promises need thought with every provider. *Whole
    or not at all*: here everything is written under a name that no listing shows, and then moved. *Nothing left
    behind*: whatever is begun is undone when it fails or is cancelled (``_undone``), and a write that was cancelled is
    waited for a moment, as nobody can undo what the server is still about to do (``_to_end``).
6.  **Run the contract**: ``tests/examples/test_webdav.py`` gives ``aiostorage.testing.DriverContract`` the driver and a
    witness that sees the same files by other means, and gets 300 tests. What your provider does otherwise is a
    ``Deviation`` with a reason.

What WebDAV does not have: conditions that all servers obey, metadata, versions, parts. Parts are files in a folder of
their upload, and completing joins them through here. The protocol has a server remove what lies under the new name
before a MOVE (RFC 4918, 9.9.3), so where it takes that literally a reader may find nothing there for a moment. A folder
is removed with all that is in it, also what somebody puts there just then. Folders stay when they are empty, and are
shown as prefixes.

Source: https://www.rfc-editor.org/rfc/rfc4918
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree as ET

import aiohttp
import anyio
from yarl import URL

import aiostorage
from aiostorage import ContainerInfo, ContainerOptions, ObjectInfo, Page, Part, Prefix, ReadOptions, Upload, WriteOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Mapping, Sequence
    from datetime import datetime
    from typing import NoReturn

NAME = "webdav"
HIDDEN = ".aiostorage"  # a folder in each container: what is being written, and a folder for each upload by parts
MAX_SEGMENT_BYTES = 255
MAX_KEY_BYTES = 1024
MAX_LISTING_BYTES = 64 << 20  # of one folder: WebDAV lists it whole
PIECE_BYTES = 64 << 10
GRACE_S = 10.0
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)

PROPFIND = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/>'
    b"<getetag/><getlastmodified/><getcontenttype/></prop></propfind>"
)

T = TypeVar("T")

# 1. What the provider can do

CAPABILITIES = aiostorage.Capabilities(
    limits=aiostorage.Limits(
        max_object_size_bytes=1 << 40,
        max_put_size_bytes=1 << 40,
        max_copy_size_bytes=1 << 40,
        min_part_size_bytes=1,
        max_part_size_bytes=1 << 40,
        max_parts=99_999,
        max_delete_batch=1,  # there is no request for many, so the driver makes several at once
        max_page_size=10_000,
    ),
    server_side_copy=True,
    object_headers=False,
    object_metadata=False,
    replaces_metadata=False,
)

# 2. Which names it can hold


def is_segment(text: str) -> bool:
    """Whether a file or folder can be named so on any server."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return 1 <= size <= MAX_SEGMENT_BYTES and text not in {".", ".."} and not re.search(r"[\x00-\x1f\x7f/]", text)


def is_key(text: str) -> bool:
    """Whether an object can be named so."""
    segments = text.split("/")
    return all(map(is_segment, segments)) and len(text.encode()) <= MAX_KEY_BYTES and segments[0] != HIDDEN


# 3. What needs no network


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the server tells of one file or folder; ``path`` has no slash at its ends."""

    path: str
    is_folder: bool
    size: int | None = None
    etag: str | None = None
    last_modified: datetime | None = None
    content_type: str | None = None

    def info(self, key: str) -> ObjectInfo:
        """The same, as what is known of an object."""
        return ObjectInfo(
            key=key,
            size=self.size,
            etag=self.etag,
            last_modified=self.last_modified,
            content_type=self.content_type,
        )


class NoDoctype(ET.TreeBuilder):
    """Builds the tree of an answer that declares no entities."""

    def doctype(self, name: str, public: str | None, system: str | None) -> NoReturn:
        """Refuse it: the parser calls this before it reads any declaration."""
        raise aiostorage.UnexpectedResponseError("the answer has a document type declaration")


def read_entry(response: ET.Element) -> Entry:
    """One file or folder of an answer to PROPFIND.

    Raises:
        ValueError: It is none.
    """
    href = response.findtext("{DAV:}href", "").strip()
    props = [
        prop
        for propstat in response.iterfind("{DAV:}propstat")
        if " 200" in propstat.findtext("{DAV:}status", "")
        for prop in propstat.iterfind("{DAV:}prop/*")
    ]
    found = {prop.tag: (prop.text or "").strip() for prop in props}
    size, modified = found.get("{DAV:}getcontentlength"), found.get("{DAV:}getlastmodified")
    return Entry(
        path=unquote(urlsplit(href).path.strip("/")),
        is_folder=any(prop.find("{DAV:}collection") is not None for prop in props),
        size=int(size) if size else None,
        etag=read_etag(found.get("{DAV:}getetag")),
        last_modified=parsedate_to_datetime(modified) if modified else None,
        content_type=found.get("{DAV:}getcontenttype") or None,
    )


def read_etag(header: str | None) -> str | None:
    """An etag without its quotes."""
    return header.removeprefix("W/").strip('"') if header else None


def read_content_range(header: str) -> tuple[int, int, int | None]:
    """Where the body of a 206 begins and ends, and the size of the whole where the server tells it.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-content-range
    """
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", header)
    if match is None:
        raise aiostorage.UnexpectedResponseError(f"the answer to a range has the content range {header!r}")
    return int(match[1]), int(match[2]) + 1, None if match[3] == "*" else int(match[3])


def range_header(wanted: aiostorage.ByteRange) -> str:
    """A range as HTTP has it, whose stop is inclusive."""
    start, stop = wanted
    return f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"


ERRORS: Mapping[int, type[aiostorage.StorageError]] = {
    401: aiostorage.AuthenticationError,
    403: aiostorage.PermissionDeniedError,
    416: aiostorage.RangeNotSatisfiableError,
    423: aiostorage.ServiceUnavailableError,  # somebody has locked it
    429: aiostorage.RateLimitedError,
}


def error_for(status: int, missing: type[aiostorage.StorageError]) -> aiostorage.StorageError:
    """What a status that was not hoped for means; ``missing`` is the error for what is not there."""
    if status in {404, 409}:  # 409: the folder that it would be in is not there
        return missing("it is not there", status=status)
    default = aiostorage.ServiceUnavailableError if status >= 500 else aiostorage.UnexpectedResponseError
    retryable = status in {423, 429, 500, 502, 503, 504}
    return ERRORS.get(status, default)("the server refused", status=status, retryable=retryable)


def require_plain(options: object, plain: object) -> None:
    """Refuse what the capabilities do not name: conditions, versions, metadata, and what may come in later years."""
    if options != plain:
        raise aiostorage.UnsupportedError("a WebDAV server has no conditions, versions, headers or metadata to set")


# 4. Where requests are made, and errors become ours


@contextmanager
def doing(operation: str, container: str | None = None, key: str | None = None) -> Generator[None, None, None]:
    """Have every error that is raised within be one of aiostorage's, and say what was being done."""
    try:
        try:
            yield
        except aiostorage.StorageError:
            raise
        except TimeoutError as error:
            raise aiostorage.StorageTimeoutError("the server kept us waiting", retryable=True) from error
        except aiohttp.ClientError as error:
            message = f"the connection failed ({type(error).__name__})"
            raise aiostorage.StorageConnectionError(message, retryable=True) from error
    except aiostorage.StorageError as error:
        error.provider, error.operation, error.container, error.key = NAME, operation, container, key
        raise


async def _to_end(work: Coroutine[object, None, T]) -> T:
    """Do what cannot be undone half-way: when we are cancelled it has some seconds left to end."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            await asyncio.wait({task}, timeout=GRACE_S)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        raise
    return task.result()


async def _pieces(body: aiostorage.Buffer) -> AsyncIterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(view), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])


class WebDAVBody:
    """An ``aiostorage.ObjectBody``: an answer whose content is still to come."""

    def __init__(self, info: ObjectInfo, start: int, stop: int | None, answer: aiohttp.ClientResponse) -> None:
        self.info = info
        self.start = start
        self.stop = stop
        self._answer = answer
        self._doing: Callable[[], object] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks as they arrive."""
        while chunk := await self._next():
            yield chunk

    async def read(self) -> bytes:
        """All that is left."""
        return b"".join([chunk async for chunk in self])

    async def aclose(self) -> None:
        """Give up the connection, unless it has been read to the end."""
        self._answer.close()

    async def _next(self) -> bytes:
        with doing("get_object", key=self.info.key):
            return await self._answer.content.readany()


# 5. The protocol


class WebDAVBackend:
    """A WebDAV server, as requests. Implements ``aiostorage.Backend``.

    Args:
        url: A folder on the server, in which containers are folders.
        username: For basic authentication, if the server wants it.
        password: The same. Use https, or it can be read on the way.
    """

    def __init__(self, url: str, *, username: str | None = None, password: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.username is not None or parts.query:
            raise aiostorage.InvalidArgumentError("the url is http or https, and has no password and no query in it")
        self._url = url.rstrip("/")
        self._headers = {"Accept-Encoding": "identity"}
        if username is not None:
            token = base64.b64encode(f"{username}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    @property
    def name(self) -> str:
        """``"webdav"``."""
        return NAME

    @property
    def capabilities(self) -> aiostorage.Capabilities:
        """What any WebDAV server can do."""
        return CAPABILITIES

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse what is no name of a folder, and no path of a file in it."""
        with doing("check_name", container, key):
            if not is_segment(container) or container.startswith("."):
                raise aiostorage.InvalidNameError("a container is named like a folder, and not with a dot in front")
            if key is not None and not is_key(key):
                raise aiostorage.InvalidNameError(
                    f"a key is the path of a file: {MAX_KEY_BYTES} bytes, without control characters, and no segment "
                    f"of it is empty, '.', '..', or longer than {MAX_SEGMENT_BYTES} bytes"
                )

    # Containers

    async def create_container(self, container: str, options: ContainerOptions | None = None) -> ContainerInfo:
        """Make a folder."""
        with doing("create_container", container):
            require_plain(options or ContainerOptions(), ContainerOptions())
            if await self._call("MKCOL", f"{container}/", {201, 405}) == 405:
                raise aiostorage.AlreadyExistsError("there is a container of this name", status=405)
            return ContainerInfo(name=container)

    async def head_container(self, container: str) -> ContainerInfo:
        """Look whether there is a folder."""
        with doing("head_container", container):
            await self._require_container(container)
            return ContainerInfo(name=container)

    async def delete_container(self, container: str) -> None:
        """Remove a folder, if there is no object in it; unfinished uploads go with it."""
        with doing("delete_container", container):
            async with aclosing(self._walk(container, aiostorage.ListQuery(), "")) as found:
                async for _ in found:
                    raise aiostorage.ContainerNotEmptyError("there are objects in the container")
            await self._call("DELETE", f"{container}/", {200, 204}, missing=aiostorage.ContainerNotFoundError)

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """All of them: WebDAV knows no pages."""
        with doing("list_containers"):
            names = [name for name, entry in await self._children("") if entry.is_folder]
            return Page(items=[ContainerInfo(name=name) for name in names if name[0] != "." and name.startswith(prefix)])

    # Objects

    async def put_object(
        self,
        container: str,
        key: str,
        body: aiostorage.Buffer,
        options: WriteOptions,
        *,
        on_sent: Callable[[int], None] | None = None,
    ) -> ObjectInfo:
        """Store an object: a PUT under a hidden name, and a MOVE."""
        with doing("put_object", container, key):
            require_plain(options, WriteOptions())
            async with self._fresh_file(container) as path:
                await _to_end(self._put(path, _pieces(body), len(body)))
                await _to_end(self._publish(path, container, key))
        if on_sent is not None:
            on_sent(len(body))
        return ObjectInfo(key=key, size=len(body))  # what else the server would tell may change with the MOVE

    async def get_object(self, container: str, key: str, options: ReadOptions) -> WebDAVBody:
        """Open an object for reading."""
        with doing("get_object", container, key):
            require_plain(replace(options, byte_range=None), ReadOptions())
            headers = {} if options.byte_range is None else {"Range": range_header(options.byte_range)}
            answer = await self._send("GET", f"{container}/{key}", headers)
            try:
                return self._read_answer(key, answer)
            except BaseException:
                answer.close()
                raise

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object. Unlike HEAD, PROPFIND tells a file from a folder on every server."""
        with doing("head_object", container, key):
            require_plain(replace(options, byte_range=None), ReadOptions())
            entry = await self._look(f"{container}/{key}")
            if entry is None or entry.is_folder:
                raise aiostorage.ObjectNotFoundError("there is no such object")
            return entry.info(key)

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
        with doing("delete_object", container, key):
            require_plain((version_id, if_match, bypass_retention), (None, None, False))
            entry = await self._look(f"{container}/{key}")
            if entry is not None and not entry.is_folder:
                await self._call("DELETE", f"{container}/{key}", {200, 204, 404})

    async def delete_objects(
        self, container: str, refs: Sequence[aiostorage.ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[aiostorage.DeleteOutcome]:
        """Remove objects; one outcome for each, in order."""
        outcomes: list[aiostorage.DeleteOutcome] = []
        for ref in refs:
            failure: aiostorage.StorageError | None = None
            try:
                await self.delete_object(
                    container,
                    ref.key,
                    version_id=ref.version_id,
                    if_match=ref.if_match,
                    bypass_retention=bypass_retention,
                )
            except aiostorage.StorageError as error:
                failure = error
            outcomes.append(aiostorage.DeleteOutcome(key=ref.key, version_id=ref.version_id, error=failure))
        return outcomes

    async def copy_object(
        self, source: aiostorage.ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy an object to a hidden name, and move it: a COPY onto the key could be seen half done."""
        with doing("copy_object", container, key):
            require_plain(options or WriteOptions(), WriteOptions())
            info = await self.head_object(source.container, source.key, ReadOptions(version_id=source.version_id))
            async with self._fresh_file(container) as path:
                headers = {"Destination": self._address(path), "Overwrite": "F"}
                copying = self._call(
                    "COPY",
                    f"{source.container}/{source.key}",
                    {201, 204},
                    headers=headers,
                    missing=aiostorage.ObjectNotFoundError,
                )
                await _to_end(copying)
                await _to_end(self._publish(path, container, key))
            return ObjectInfo(key=key, size=info.size)

    async def list_objects(
        self, container: str, query: aiostorage.ListQuery, *, token: str | None
    ) -> Page[ObjectInfo | Prefix]:
        """One page of objects; the token is the last name of the page before."""
        with doing("list_objects", container):
            require_plain(query.versions, plain=False)
            limit = min(query.page_size or CAPABILITIES.limits.max_page_size, CAPABILITIES.limits.max_page_size)
            items: list[ObjectInfo | Prefix] = []
            name = ""
            async with aclosing(self._fold(container, query, token)) as found:
                async for item in found:
                    if len(items) == limit:
                        return Page(items=items, next_token=name)
                    items.append(item)
                    name = item.name if isinstance(item, Prefix) else item.key
            return Page(items=items)

    # Uploads by parts: a folder for each, with a file of the key's name and a file for each part

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts."""
        with doing("create_upload", container, key):
            require_plain(options, WriteOptions())
            upload = Upload(container=container, key=key, upload_id=secrets.token_hex(16))
            folder = self._folder(upload)
            await self._make_hidden(container)
            async with self._undone(folder):
                await self._call("MKCOL", folder, {201})
                await self._put(f"{folder}key", _pieces(key.encode()), len(key.encode()))
            return upload

    async def upload_part(
        self,
        upload: Upload,
        number: int,
        offset: int,
        body: aiostorage.Buffer,
        *,
        on_sent: Callable[[int], None] | None = None,
    ) -> Part:
        """Store a part."""
        with doing("upload_part", upload.container, upload.key):
            etag = await _to_end(self._put(f"{self._folder(upload)}{number:05}", _pieces(body), len(body)))
        if on_sent is not None:
            on_sent(len(body))
        return Part(number=number, offset=offset, size=len(body), etag=etag)

    async def copy_part(
        self, upload: Upload, number: int, source: aiostorage.ObjectRef, byte_range: aiostorage.ByteRange
    ) -> Part:
        """Not there, and not needed: a COPY has no largest size."""
        with doing("copy_part", upload.container, upload.key):
            raise aiostorage.UnsupportedError("WebDAV copies whole files")

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Join the parts, through here and piece by piece, in a hidden file, and move it."""
        with doing("complete_upload", upload.container, upload.key):
            require_plain(options, WriteOptions())
            held = {part.number: part for part in (await self.list_parts(upload, token=None)).items}
            numbers = [part.number for part in parts]
            for part in parts:
                there = held.get(part.number)
                if there is None or there.size != part.size or {part.etag, there.etag} - {part.etag, ""}:
                    raise aiostorage.InvalidArgumentError(f"part {part.number} is not as it was sent")
            if not parts or numbers != sorted(set(numbers)):
                raise aiostorage.InvalidArgumentError("an upload is completed with parts in ascending order")
            size = sum(part.size for part in parts)
            whole = f"{self._folder(upload)}whole"
            await _to_end(self._put(whole, self._joined(upload, parts), size))
            await _to_end(self._publish(whole, upload.container, upload.key))
            await self._call("DELETE", self._folder(upload), {200, 204, 404})
            return ObjectInfo(key=upload.key, size=size)

    async def abort_upload(self, upload: Upload) -> None:
        """Remove the folder of an upload."""
        with doing("abort_upload", upload.container, upload.key):
            await self._call("DELETE", self._folder(upload), {200, 204}, missing=aiostorage.UploadNotFoundError)

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """All unfinished uploads, in the order of their keys."""
        with doing("list_uploads", container):
            found: list[Upload] = []
            try:
                children = await self._children(f"{container}/{HIDDEN}/")
            except aiostorage.NotFoundError:
                await self._require_container(container)
                return Page(items=[])
            for name, entry in children:
                if entry.is_folder:
                    answer = await self._send("GET", f"{container}/{HIDDEN}/{name}/key", {})
                    async with answer:
                        key = (await answer.content.read(MAX_KEY_BYTES)).decode(errors="replace")
                    if answer.status == 200 and key.startswith(prefix):
                        begun = answer.headers.get("Last-Modified")
                        started_at = parsedate_to_datetime(begun) if begun else None
                        found.append(Upload(container=container, key=key, upload_id=name, started_at=started_at))
            return Page(items=sorted(found, key=lambda upload: (upload.key, upload.upload_id)))

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """All parts of an upload."""
        with doing("list_parts", upload.container, upload.key):
            try:
                children = await self._children(self._folder(upload))
            except aiostorage.NotFoundError as error:
                raise aiostorage.UploadNotFoundError("there is no such upload (any more)") from error
            return Page(
                items=[
                    Part(number=int(name), offset=-1, size=entry.size or 0, etag=entry.etag or "")
                    for name, entry in children
                    if re.fullmatch("[0-9]{5}", name)
                ]
            )

    # What WebDAV does not have

    async def presign(
        self, method: str, container: str, key: str, options: aiostorage.PresignOptions
    ) -> aiostorage.PresignedRequest:
        """Refused."""
        with doing("presign", container, key):
            raise aiostorage.UnsupportedError("WebDAV has no signed requests")

    async def presign_post(
        self, container: str, key: str, policy: aiostorage.PostPolicy
    ) -> aiostorage.PresignedPost:
        """Refused."""
        with doing("presign_post", container, key):
            raise aiostorage.UnsupportedError("WebDAV has no signed forms")

    def administration(self) -> aiostorage.Administration:
        """Refused."""
        with doing("administration"):
            raise aiostorage.UnsupportedError("WebDAV has no tags, retention or settings")

    def cdn(self, container: str) -> aiostorage.CDN:
        """Refused."""
        with doing("cdn", container):
            raise aiostorage.UnsupportedError("WebDAV has no content delivery")

    async def aclose(self) -> None:
        """Close the connections."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()

    # Requests. A path is relative to the url, and that of a folder ends with a slash.

    def _address(self, path: str) -> str:
        return f"{self._url}/{quote(path)}"

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes | AsyncIterator[bytes] | None = None
    ) -> aiohttp.ClientResponse:
        """Make a request, and return the answer, whatever it is; its content is still to come."""
        if self._is_closed:
            raise aiostorage.ClosedError("the driver was closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT, auto_decompress=False)
        return await self._session.request(
            method,
            URL(self._address(path), encoded=True),
            headers=headers,
            data=data,
            allow_redirects=False,
        )

    async def _call(
        self,
        method: str,
        path: str,
        expected: set[int],
        *,
        headers: Mapping[str, str] | None = None,
        missing: type[aiostorage.StorageError] = aiostorage.ContainerNotFoundError,
    ) -> int:
        """Make a request whose status is all that we want to know."""
        async with await self._send(method, path, headers or {}) as answer:
            await answer.content.read(PIECE_BYTES)  # so that the connection can be used again
            if answer.status not in expected:
                raise error_for(answer.status, missing)
            return answer.status

    async def _put(self, path: str, body: AsyncIterator[bytes], size: int) -> str:
        """Write a hidden file, and return its etag; empty where the server does not tell."""
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        async with await self._send("PUT", path, headers, body) as answer:
            await answer.content.read(PIECE_BYTES)
            if answer.status not in {200, 201, 204}:
                raise error_for(answer.status, aiostorage.UploadNotFoundError)
            return read_etag(answer.headers.get("ETag")) or ""

    async def _propfind(self, path: str, depth: int) -> list[Entry]:
        parser = ET.XMLParser(target=NoDoctype())
        headers = {"Depth": str(depth), "Content-Type": "application/xml"}
        async with await self._send("PROPFIND", path, headers, PROPFIND) as answer:
            if answer.status != 207:
                raise error_for(answer.status, aiostorage.ContainerNotFoundError)
            size = 0
            try:
                async for chunk in answer.content.iter_any():
                    size += len(chunk)
                    if size > MAX_LISTING_BYTES:
                        raise aiostorage.UnexpectedResponseError(f"a folder's list has over {MAX_LISTING_BYTES} bytes")
                    parser.feed(chunk)
                return [read_entry(response) for response in parser.close().iterfind("{DAV:}response")]
            except (ET.ParseError, ValueError) as error:
                raise aiostorage.UnexpectedResponseError("the answer is not what WebDAV wants it to be") from error

    async def _look(self, path: str) -> Entry | None:
        """A file or folder, or None where there is none."""
        try:
            return next(iter(await self._propfind(path, 0)), None)
        except aiostorage.NotFoundError:
            return None

    async def _children(self, folder: str) -> list[tuple[str, Entry]]:
        """The names of what is in a folder, and what is known of it; the folder itself is in the answer, too."""
        entries = [(entry.path.split("/"), entry) for entry in await self._propfind(folder, 1)]
        depth = min((len(path) for path, entry in entries), default=0)
        return [(path[-1], entry) for path, entry in entries if len(path) == depth + 1 and is_segment(path[-1])]

    async def _require_container(self, container: str) -> None:
        entry = await self._look(f"{container}/")
        if entry is None or not entry.is_folder:
            raise aiostorage.ContainerNotFoundError("there is no such container")

    def _read_answer(self, key: str, answer: aiohttp.ClientResponse) -> WebDAVBody:
        # Servers refuse to GET a folder, or send us to the name with a slash at its end.
        if answer.status == 405 or answer.headers.get("Location", "").endswith("/"):
            raise aiostorage.ObjectNotFoundError("there is a folder of this name", status=answer.status)
        if answer.status not in {200, 206}:
            raise error_for(answer.status, aiostorage.ObjectNotFoundError)
        start, stop, size = 0, answer.content_length, answer.content_length
        if answer.status == 206:
            start, stop, size = read_content_range(answer.headers.get("Content-Range", ""))
        modified = answer.headers.get("Last-Modified")
        info = ObjectInfo(
            key=key,
            size=size,
            etag=read_etag(answer.headers.get("ETag")),
            last_modified=parsedate_to_datetime(modified) if modified else None,
            content_type=answer.headers.get("Content-Type"),
        )
        return WebDAVBody(info, start, stop, answer)

    # Writing

    def _folder(self, upload: Upload) -> str:
        if not re.fullmatch("[0-9a-f]{32}", upload.upload_id):  # it may come from a checkpoint that somebody wrote
            raise aiostorage.UploadNotFoundError("there is no such upload")
        return f"{upload.container}/{HIDDEN}/{upload.upload_id}/"

    async def _make_hidden(self, container: str) -> None:
        """Have the folder for what listings do not show; 405 says that it is there."""
        await self._call("MKCOL", f"{container}/{HIDDEN}/", {201, 405})

    @asynccontextmanager
    async def _undone(self, path: str) -> AsyncGenerator[None, None]:
        """Remove what lies under a path when the block fails or is cancelled."""
        try:
            yield
        except BaseException:
            with anyio.move_on_after(GRACE_S, shield=True):
                await self._call("DELETE", path, {200, 204, 404})
            raise

    @asynccontextmanager
    async def _fresh_file(self, container: str) -> AsyncGenerator[str, None]:
        """A hidden name to write under, and then to move."""
        await self._make_hidden(container)
        path = f"{container}/{HIDDEN}/{secrets.token_hex(16)}"
        async with self._undone(path):
            yield path

    async def _publish(self, path: str, container: str, key: str) -> None:
        """Move a hidden file onto a key. Folders on the way are made; none is replaced, or all in it would be lost."""
        status = await self._move(path, f"{container}/{key}", "F")
        if status in {403, 404, 409}:  # a folder on the way is missing; not all servers say 409
            folder = f"{container}/"
            for segment in key.split("/")[:-1]:
                folder += f"{segment}/"
                await self._call("MKCOL", folder, {201, 405})
            status = await self._move(path, f"{container}/{key}", "F")
        if status == 412:
            entry = await self._look(f"{container}/{key}")
            if entry is not None and entry.is_folder:
                raise aiostorage.AlreadyExistsError("there is a folder of this name", status=status)
            status = await self._move(path, f"{container}/{key}", "T")
        if status not in {201, 204}:
            raise error_for(status, aiostorage.UploadNotFoundError)

    async def _move(self, path: str, target: str, overwrite: str) -> int:
        headers = {"Destination": self._address(target), "Overwrite": overwrite}
        return await self._call("MOVE", path, {201, 204, 403, 404, 409, 412}, headers=headers)

    async def _joined(self, upload: Upload, parts: Sequence[Part]) -> AsyncIterator[bytes]:
        for part in parts:
            left = part.size
            async with await self._send("GET", f"{self._folder(upload)}{part.number:05}", {}) as answer:
                async for chunk in answer.content.iter_any():
                    left -= len(chunk)
                    yield chunk
            if answer.status != 200 or left:
                raise aiostorage.UnexpectedResponseError(f"part {part.number} is not as it was sent")

    # Listing

    async def _walk(
        self, container: str, query: aiostorage.ListQuery, after: str
    ) -> AsyncGenerator[ObjectInfo | Prefix, None]:
        """Objects in the order of their keys; one folder is asked for when it is reached."""
        folder = query.prefix[: query.prefix.rfind("/") + 1]
        if folder and not is_key(folder[:-1]):
            await self._require_container(container)
            return
        pending = await self._below(container, folder)
        while pending:
            key, entry = pending.pop()
            if not key.startswith(query.prefix):
                continue
            if not entry.is_folder:
                if key > after:
                    yield entry.info(key)
            elif key > after or after.startswith(key):
                if query.delimiter != "/":
                    pending += await self._below(container, key)
                elif key != after:
                    yield Prefix(name=key)

    async def _below(self, container: str, folder: str) -> list[tuple[str, Entry]]:
        """What is in a folder, last key first: that of a folder ends with a slash, as do the keys in it begin."""
        try:
            children = await self._children(f"{container}/{folder}")
        except aiostorage.NotFoundError:
            if folder:  # it went meanwhile, or nobody has made it
                await self._require_container(container)
                return []
            raise
        keys = [(f"{folder}{name}{'/' if entry.is_folder else ''}", entry) for name, entry in children]
        return sorted([(key, entry) for key, entry in keys if key != f"{HIDDEN}/"], key=lambda item: item[0], reverse=True)

    async def _fold(
        self, container: str, query: aiostorage.ListQuery, token: str | None
    ) -> AsyncGenerator[ObjectInfo | Prefix, None]:
        """What a page shows, from its token on: folders are folded by the walk, what else shares a beginning here."""
        folded = token if token is not None and _common_prefix(token, query) == token else None
        async with aclosing(self._walk(container, query, max(token or "", query.start_after))) as found:
            async for item in found:
                prefix = None if isinstance(item, Prefix) else _common_prefix(item.key, query)
                if prefix is None:
                    yield item
                elif prefix != folded:
                    folded = prefix
                    yield Prefix(name=prefix)


def _common_prefix(key: str, query: aiostorage.ListQuery) -> str | None:
    at = key.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
    return None if at < 0 else key[: at + len(query.delimiter)]


def webdav_driver(url: str, *, username: str | None = None, password: str = "") -> aiostorage.Driver:
    """A driver for a folder of a WebDAV server, whose folders are containers."""
    return aiostorage.Driver(WebDAVBackend(url, username=username, password=password))
