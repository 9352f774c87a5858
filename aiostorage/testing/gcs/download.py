"""The content of an object, whole or a range of it, as both APIs serve it."""

from __future__ import annotations

import re
import zlib
from email.utils import format_datetime
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import range_not_satisfiable
from aiostorage.testing.gcs.messages import Answer, Call, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiostorage.testing.gcs.content import Content
    from aiostorage.testing.gcs.encryption import Encryption
    from aiostorage.testing.gcs.objects import StoredObject

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_PLAIN_HEADERS = {
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
    "contentLanguage": "Content-Language",
}


def serve(obj: StoredObject, call: Call, encryption: Encryption, *, etag: str, xml: bool) -> Answer:
    """The content, or the range of it that is asked for.

    Raises:
        GCSError: The range is beyond the content, or the key is wrong.
    """
    encryption.check(obj)
    headers = [*object_headers(obj, etag=etag, xml=xml), *encryption.headers]
    encoding = text(obj.fields, "contentEncoding")
    if encoding == "gzip" and not _takes_gzip(call) and "no-transform" not in (text(obj.fields, "cacheControl") or ""):
        # Ranges do not apply to what is decompressed on the way: it is sent whole.
        # Source: https://cloud.google.com/storage/docs/transcoding
        headers += [("Warning", "214 UploadServer gunzipped"), ("Vary", "Accept-Encoding")]
        return Answer(headers=tuple(headers), body=_decompressed(obj.content), length=None)
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Accept-Ranges", "bytes"))
    size = obj.content.size
    start, stop = byte_range(call.headers.get("range"), size) or (0, size)
    partial = byte_range(call.headers.get("range"), size) is not None
    if partial:
        headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{size}"))
    body = obj.content.pieces(start, stop)
    return Answer(status=206 if partial else 200, headers=tuple(headers), body=body, length=stop - start)


def object_headers(obj: StoredObject, *, etag: str, xml: bool) -> list[tuple[str, str]]:
    """What the headers say of an object.

    Source: https://cloud.google.com/storage/docs/xml-api/reference-headers
    """
    headers = [
        ("Content-Type", obj.content_type),
        ("ETag", etag),
        ("Last-Modified", format_datetime(obj.updated.replace(microsecond=0), usegmt=True)),
        ("x-goog-generation", str(obj.generation)),
        ("x-goog-metageneration", str(obj.metageneration)),
        ("x-goog-storage-class", obj.storage_class),
        ("x-goog-stored-content-encoding", text(obj.fields, "contentEncoding") or "identity"),
        ("x-goog-stored-content-length", str(obj.content.size)),
        ("x-goog-hash", f"crc32c={obj.content.crc32c_text}"),
    ]
    if obj.content.md5_text is not None:
        headers.append(("x-goog-hash", f"md5={obj.content.md5_text}"))
    for name, header in _PLAIN_HEADERS.items():
        if value := text(obj.fields, name):
            headers.append((header, value))
    if obj.component_count is not None:
        headers.append(("x-goog-component-count", str(obj.component_count)))
    if obj.kms_key is not None:
        headers.append(("x-goog-encryption-kms-key-name", obj.kms_key))
    if xml:
        headers += [(f"x-goog-meta-{name}", value) for name, value in obj.metadata.items()]
        if custom_time := text(obj.fields, "customTime"):
            headers.append(("x-goog-custom-time", custom_time))
        if obj.expiration is not None:
            headers.append(("x-goog-retention-expiration", obj.expiration.isoformat()))
    return headers


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The half-open range that a header asks for; None for all, also where it is several or none.

    Raises:
        GCSError: No byte is in it.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if not length:
            raise range_not_satisfiable(size)
        return size - length, size
    start = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < start:
        return None
    if start >= size:
        raise range_not_satisfiable(size)
    return start, min(last + 1, size)


def _takes_gzip(call: Call) -> bool:
    for item in call.headers.get("accept-encoding", "").split(","):
        coding, _, parameters = item.strip().partition(";")
        if coding.strip().lower() in {"gzip", "*"}:
            return re.fullmatch(r"\s*q=0(\.0*)?\s*", parameters) is None
    return False


def _decompressed(content: Content) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(wbits=31)
    for piece in content.pieces():
        yield decompressor.decompress(piece)
    yield decompressor.flush()
