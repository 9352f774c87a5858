"""Uploads by parts on the XML API.

Source: https://cloud.google.com/storage/docs/multipart-uploads
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from aiostorage._http.xml import MalformedXMLError, element, parse
from aiostorage.testing.gcs.content import expected_by_headers, join, take_in
from aiostorage.testing.gcs.encryption import NO_KEY, by_headers
from aiostorage.testing.gcs.errors import invalid, not_allowed, not_found
from aiostorage.testing.gcs.messages import Answer, Call, read_whole, xml_answer
from aiostorage.testing.gcs.objects import format_time, quoted

if TYPE_CHECKING:
    from datetime import datetime

    from aiostorage.testing.gcs.cloud import Cloud, Draft
    from aiostorage.testing.gcs.content import Content
    from aiostorage.testing.gcs.messages import Source

MAX_PART_NUMBER = 10_000
_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part that came, and when."""

    content: Content
    updated: datetime

    @property
    def etag(self) -> str:
        """Its MD5 in hexadecimal."""
        assert self.content.md5 is not None
        return self.content.md5.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """An upload that is neither completed nor aborted."""

    upload_id: str
    draft: Draft
    initiated: datetime
    parts: dict[int, Part] = field(default_factory=dict[int, Part])


def initiate(cloud: Cloud, draft: Draft) -> Answer:
    """A new upload.

    Raises:
        GCSError: The object would be refused.
    """
    if draft.conditions.any:
        raise invalid("Preconditions are not supported by multipart uploads.", xml_code="NotImplemented")
    cloud.check_draft(draft)
    upload_id = cloud.new_id()
    cloud.uploads[upload_id] = MultipartUpload(upload_id=upload_id, draft=draft, initiated=cloud.now())
    return _document(
        "InitiateMultipartUploadResult",
        element("Bucket", draft.bucket),
        element("Key", draft.name),
        element("UploadId", upload_id),
    )


async def answer(cloud: Cloud, call: Call, source: Source, bucket: str, name: str) -> Answer:
    """What becomes of an upload.

    Raises:
        GCSError: There is no such upload, or what is asked does not fit.
    """
    upload = cloud.uploads.get(call.query["uploadId"])
    if upload is None or (upload.draft.bucket, upload.draft.name) != (bucket, name):
        raise not_found("The requested upload was not found.", xml_code="NoSuchUpload")
    match call.method:
        case "PUT":
            return await _put_part(cloud, call, source, upload)
        case "GET":
            return _list_parts(cloud, call, upload)
        case "DELETE":
            del cloud.uploads[upload.upload_id]
            return Answer(status=204)
        case "POST":
            return _complete(cloud, call, upload, await read_whole(source))
        case _:
            raise not_allowed()


async def _put_part(cloud: Cloud, call: Call, source: Source, upload: MultipartUpload) -> Answer:
    number = call.number("partNumber")
    if number is None or not 1 <= number <= MAX_PART_NUMBER:
        raise invalid(f"Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive.")
    _check_key(call, upload)
    content = await take_in(source)
    expected_by_headers(call.headers).check(content)
    if upload.upload_id not in cloud.uploads:
        raise not_found("The requested upload was not found.", xml_code="NoSuchUpload")
    part = upload.parts[number] = Part(content=content, updated=cloud.now())
    headers = (("ETag", quoted(part.etag)), *_hashes(content), *upload.draft.encryption.headers)
    return Answer(headers=headers)


def _complete(cloud: Cloud, call: Call, upload: MultipartUpload, body: bytes) -> Answer:
    if by_headers(call.headers) != NO_KEY:
        _check_key(call, upload)
    try:
        document = parse(body)
    except MalformedXMLError:
        raise invalid("The XML you provided was not well-formed.", xml_code="MalformedXML") from None
    chosen = [record for name, record in document.records if name == "Part"]
    if document.root != "CompleteMultipartUpload" or not chosen:
        raise invalid("The XML you provided was not well-formed or did not validate.", xml_code="MalformedXML")
    numbers = [int(text) if (text := record.get("PartNumber", "")).isdecimal() else 0 for record in chosen]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise invalid("The list of parts was not in ascending order.", xml_code="InvalidPartOrder")
    parts: list[Part] = []
    for number, record in zip(numbers, chosen, strict=True):
        part = upload.parts.get(number)
        if part is None or record.get("ETag", "").strip('"') != part.etag:
            message = f"One or more of the specified parts could not be found: {number}."
            raise invalid(message, xml_code="InvalidPart")
        parts.append(part)
    if any(part.content.size < cloud.settings.min_part_bytes for part in parts[:-1]):
        message = "Your proposed upload is smaller than the minimum allowed object size."
        raise invalid(message, xml_code="EntityTooSmall")
    # It is not based on an MD5: https://cloud.google.com/storage/docs/xml-api/post-object-complete
    digest = hashlib.sha256("".join(part.etag for part in parts).encode()).hexdigest()[:32]
    etag = f"{digest}-{len(parts)}"
    draft = replace(upload.draft, multipart_etag=etag)
    obj = cloud.publish(draft, join([part.content for part in parts]))
    del cloud.uploads[upload.upload_id]
    answer = _document(
        "CompleteMultipartUploadResult",
        element("Location", f"http://{draft.bucket}.storage.googleapis.com/{draft.name}"),
        element("Bucket", draft.bucket),
        element("Key", draft.name),
        element("ETag", quoted(etag)),
    )
    return replace(answer, headers=answer.headers + _hashes(obj.content))


def _check_key(call: Call, upload: MultipartUpload) -> None:
    if by_headers(call.headers).key_sha256 != upload.draft.encryption.key_sha256:
        raise invalid("The encryption key must be that of the upload.", xml_code="CustomerEncryptionKeyIsIncorrect")


def _list_parts(cloud: Cloud, call: Call, upload: MultipartUpload) -> Answer:
    limit = min(call.number("max-parts") or 1000, cloud.settings.page_size, 1000)
    marker = call.number("part-number-marker") or 0
    numbers = sorted(number for number in upload.parts if number > marker)
    page = numbers[:limit]
    return _document(
        "ListPartsResult",
        element("Bucket", upload.draft.bucket),
        element("Key", upload.draft.name),
        element("UploadId", upload.upload_id),
        element("StorageClass", str(upload.draft.fields.get("storageClass", "STANDARD"))),
        element("PartNumberMarker", str(marker)),
        element("NextPartNumberMarker", str(page[-1])) if page else "",
        element("MaxParts", str(limit)),
        element("IsTruncated", str(len(numbers) > limit).lower()),
        *(_part(number, upload.parts[number]) for number in page),
    )


def _part(number: int, part: Part) -> str:
    return (
        f"<Part>{element('PartNumber', str(number))}{element('LastModified', format_time(part.updated))}"
        f"{element('ETag', quoted(part.etag))}{element('Size', str(part.content.size))}</Part>"
    )


def list_uploads(cloud: Cloud, call: Call, bucket: str) -> Answer:
    """The uploads of a bucket that are neither completed nor aborted.

    Source: https://cloud.google.com/storage/docs/xml-api/get-bucket-uploads
    """
    cloud.bucket(bucket)
    query = call.query
    limit = min(call.number("max-uploads") or 1000, cloud.settings.page_size, 1000)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
    found = sorted(
        (upload.draft.name, upload.upload_id)
        for upload in cloud.uploads.values()
        if upload.draft.bucket == bucket and upload.draft.name.startswith(prefix)
    )
    after = (key_marker, id_marker)
    found = [item for item in found if (item > after if id_marker else item[0] > key_marker or not key_marker)]
    prefixes: set[str] = set()
    alone: list[tuple[str, str]] = []
    for name, upload_id in found:
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        if end >= 0:
            prefixes.add(name[: end + len(delimiter)])
        else:
            alone.append((name, upload_id))
    page = alone[:limit]
    return _document(
        "ListMultipartUploadsResult",
        element("Bucket", bucket),
        element("KeyMarker", key_marker),
        element("UploadIdMarker", id_marker),
        element("NextKeyMarker", page[-1][0]) if len(alone) > limit else "",
        element("NextUploadIdMarker", page[-1][1]) if len(alone) > limit else "",
        element("Prefix", prefix) if prefix else "",
        element("Delimiter", delimiter) if delimiter else "",
        element("MaxUploads", str(limit)),
        element("IsTruncated", str(len(alone) > limit).lower()),
        *(_upload(cloud.uploads[upload_id]) for _, upload_id in page),
        *(f"<CommonPrefixes>{element('Prefix', item)}</CommonPrefixes>" for item in sorted(prefixes)),
    )


def _upload(upload: MultipartUpload) -> str:
    return (
        f"<Upload>{element('Key', upload.draft.name)}{element('UploadId', upload.upload_id)}"
        f"{element('StorageClass', str(upload.draft.fields.get('storageClass', 'STANDARD')))}"
        f"{element('Initiated', format_time(upload.initiated))}</Upload>"
    )


def _hashes(content: Content) -> tuple[tuple[str, str], ...]:
    md5 = (("x-goog-hash", f"md5={base64.b64encode(content.md5).decode()}"),) if content.md5 else ()
    return (("x-goog-hash", f"crc32c={content.crc32c_text}"), *md5)


def _document(root: str, *content: str) -> Answer:
    return xml_answer(f"<{root} xmlns='{_XMLNS}'>{''.join(content)}</{root}>")
