"""How content comes in by the JSON API: alone, behind its metadata, or in a resumable session.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/insert
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from aiostorage.testing.gcs import resumable
from aiostorage.testing.gcs.cloud import Draft
from aiostorage.testing.gcs.conditions import by_parameters
from aiostorage.testing.gcs.content import Expected, expected_by_headers, take_in
from aiostorage.testing.gcs.encryption import by_headers
from aiostorage.testing.gcs.errors import GCSError, invalid, not_allowed, required
from aiostorage.testing.gcs.messages import Answer, Call, json_answer, parse_json, read_whole, text
from aiostorage.testing.gcs.objects import new_fields
from aiostorage.testing.gcs.related import Parts, boundary_of

if TYPE_CHECKING:
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Record, Source
    from aiostorage.testing.gcs.objects import StoredObject


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
    parts = Parts(source, boundary_of(call, "multipart/related"))
    if await parts.head() is None:
        raise _not_two_parts()
    document = parse_json(await parts.small())
    head = await parts.head()
    if head is None:
        raise _not_two_parts()
    media_type = head.get("content-type")
    draft, expected = _draft(call, bucket, document, media_type)
    cloud.check_draft(draft)
    content = await parts.content()
    if await parts.head() is not None:
        raise _not_two_parts()
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


def _not_two_parts() -> GCSError:
    return invalid("A multipart upload has two parts: the metadata, and the content.", reason="badContent")


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
        conditions=by_parameters(call.query),
        encryption=by_headers(call.headers, kms_key=call.query.get("kmsKeyName") or text(document, "kmsKeyName")),
    )
    return draft, Expected(md5=text(document, "md5Hash"), crc32c=text(document, "crc32c"))
