"""How content comes in by the JSON API: alone, behind its metadata, or in a resumable session.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/insert
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiostorage.testing.gcs import resumable
from aiostorage.testing.gcs.cloud import Draft
from aiostorage.testing.gcs.conditions import by_parameters
from aiostorage.testing.gcs.content import Expected, Intake, expected_by_headers, take_in
from aiostorage.testing.gcs.encryption import by_headers
from aiostorage.testing.gcs.errors import invalid, not_allowed, required
from aiostorage.testing.gcs.messages import Answer, Call, json_answer, parse_json, read_whole, text
from aiostorage.testing.gcs.objects import new_fields

if TYPE_CHECKING:
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.content import Content
    from aiostorage.testing.gcs.messages import Record, Source
    from aiostorage.testing.gcs.objects import StoredObject

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))')
_MAX_HEAD_BYTES = 64 * 1024


async def answer(cloud: Cloud, call: Call, source: Source, bucket: str) -> Answer:
    """Store an object, begin to, or go on.

    Raises:
        GCSError: The object is refused.
    """
    if (upload_id := call.query.get("upload_id")) is not None:
        return await resumable.answer(cloud, call, source, upload_id, describe=_describe)
    cloud.bucket(bucket)
    if call.method != "POST":
        raise not_allowed()
    match call.query.get("uploadType"):
        case "media":
            return await _media(cloud, call, source, bucket)
        case "multipart":
            return await _multipart(cloud, call, source, bucket)
        case "resumable":
            return await _resumable(cloud, call, source, bucket)
        case other:
            raise invalid(f"Invalid upload request: uploadType {other}")


async def _media(cloud: Cloud, call: Call, source: Source, bucket: str) -> Answer:
    draft, expected = _draft(call, bucket, {}, call.headers.get("content-type"))
    cloud.check_draft(draft)
    content = await take_in(source)
    expected_by_headers(call.headers).check(content)
    expected.check(content)
    return _describe(call, cloud.publish(draft, content))


async def _multipart(cloud: Cloud, call: Call, source: Source, bucket: str) -> Answer:
    content_type = call.headers.get("content-type", "")
    match = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/") or match is None:
        raise invalid("Missing or malformed multipart content type.", reason="badContent")
    reader = _Related(source, match[1] or match[2])
    document = parse_json(await reader.metadata())
    media_type = await reader.media_type()
    draft, expected = _draft(call, bucket, document, media_type)
    cloud.check_draft(draft)
    content = await reader.content()
    expected_by_headers(call.headers, content_md5=False).check(content)
    expected.check(content)
    return _describe(call, cloud.publish(draft, content))


async def _resumable(cloud: Cloud, call: Call, source: Source, bucket: str) -> Answer:
    document = parse_json(await read_whole(source))
    draft, expected = _draft(call, bucket, document, call.headers.get("x-upload-content-type"))
    announced = call.headers.get("x-upload-content-length")
    if announced is not None and not announced.isdecimal():
        raise invalid("Invalid X-Upload-Content-Length.")
    upload_id = resumable.start(cloud, draft, expected, int(announced) if announced else None)
    name = quote(draft.name, safe="")
    location = (
        f"{call.origin}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name={name}&upload_id={quote(upload_id)}"
    )
    return Answer(headers=(("Location", location), ("X-GUploader-UploadID", upload_id)))


def _describe(call: Call, obj: StoredObject) -> Answer:
    return json_answer(obj.resource(call.origin))


def _draft(call: Call, bucket: str, document: Record, media_type: str | None) -> tuple[Draft, Expected]:
    name = call.query.get("name") or text(document, "name")
    if name is None:
        raise required("name")
    fields = new_fields(document)
    if media_type:
        fields.setdefault("contentType", media_type)
    if encoding := call.query.get("contentEncoding"):
        fields["contentEncoding"] = encoding
    draft = Draft(
        bucket=bucket,
        name=name,
        fields=fields,
        conditions=by_parameters(call.query, call.headers),
        encryption=by_headers(call.headers, kms_key=call.query.get("kmsKeyName") or text(document, "kmsKeyName")),
    )
    return draft, Expected(md5=text(document, "md5Hash"), crc32c=text(document, "crc32c"))


class _Related:
    """``multipart/related`` of two parts, of which the second is never held whole.

    Source: RFC 2046, 5.1, and RFC 2387
    """

    def __init__(self, source: Source, boundary: str) -> None:
        self._source: Source = source
        self._opening: bytes = b"--" + boundary.encode("latin-1")
        self._buffer: bytes = b""

    async def metadata(self) -> bytes:
        """The first part."""
        await self._until(self._opening)
        await self._until(b"\r\n\r\n")
        return await self._until(b"\r\n" + self._opening)

    async def media_type(self) -> str | None:
        """The type that the second part has by its headers."""
        head = await self._until(b"\r\n\r\n")
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-type":
                return value.strip()
        return None

    async def content(self) -> Content:
        """The second part, to the closing boundary."""
        closing = b"\r\n" + self._opening + b"--"
        intake = Intake()
        held, self._buffer = self._buffer, b""
        while (end := held.find(closing)) < 0:
            # The boundary may come in two pieces, so as much as it is long stays here.
            if len(held) >= len(closing):
                intake.feed(held[: 1 - len(closing)])
                held = held[1 - len(closing) :]
            piece = await anext(self._source, None)
            if piece is None:
                raise invalid("The multipart body does not end with its boundary.", reason="badContent")
            held += piece
        intake.feed(held[:end])
        async for _ in self._source:  # an epilogue says nothing
            pass
        return intake.finish()

    async def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            piece = await anext(self._source, None)
            if piece is None or len(self._buffer) > 16 * _MAX_HEAD_BYTES:
                raise invalid("Malformed multipart body.", reason="badContent")
            self._buffer += piece
        found, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
        return found
