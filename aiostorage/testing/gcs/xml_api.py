"""The XML API: buckets and objects by their paths.

Source: https://cloud.google.com/storage/docs/xml-api/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aiostorage._http.xml import element
from aiostorage.testing.gcs import resumable, xml_listing, xml_multipart
from aiostorage.testing.gcs.cloud import Draft
from aiostorage.testing.gcs.conditions import by_headers as conditions_by_headers
from aiostorage.testing.gcs.content import expected_by_headers, take_in
from aiostorage.testing.gcs.copies import copied_fields
from aiostorage.testing.gcs.download import object_headers, serve
from aiostorage.testing.gcs.encryption import by_headers
from aiostorage.testing.gcs.errors import invalid, not_allowed
from aiostorage.testing.gcs.messages import Answer, Call, Record, integer, read_whole, xml_answer
from aiostorage.testing.gcs.objects import format_time, new_fields, quoted

if TYPE_CHECKING:
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Source
    from aiostorage.testing.gcs.objects import StoredObject

_FIELDS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "x-goog-storage-class": "storageClass",
    "x-goog-custom-time": "customTime",
}
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
}


async def answer(cloud: Cloud, call: Call, source: Source, bucket: str, name: str) -> Answer:
    """What the API says to a request for a bucket, or for an object of it.

    Raises:
        GCSError: What the request asks for cannot be.
    """
    if not name:
        return await xml_listing.answer(cloud, call, source, bucket)
    if "uploadId" in call.query:
        return await xml_multipart.answer(cloud, call, source, bucket, name)
    if (upload_id := call.query.get("upload_id")) is not None:
        return await resumable.answer(cloud, call, source, upload_id, describe=_describe)
    match call.method:
        case "GET" | "HEAD":
            return _get(cloud, call, bucket, name)
        case "PUT":
            if "x-goog-copy-source" in call.headers:
                return _copy(cloud, call, bucket, name)
            return await _put(cloud, call, source, bucket, name)
        case "DELETE":
            return _delete(cloud, call, bucket, name)
        case "POST":
            return await _post(cloud, call, source, bucket, name)
        case _:
            raise not_allowed()


def draft_of(call: Call, bucket: str, name: str) -> Draft:
    """The object that the headers describe.

    Raises:
        GCSError: They make no sense.
    """
    fields: Record = {field: value for header, field in _FIELDS.items() if (value := call.headers.get(header))}
    prefix = "x-goog-meta-"
    fields["metadata"] = {
        header.removeprefix(prefix): value for header, value in call.headers.items() if header.startswith(prefix)
    }
    return Draft(
        bucket=bucket,
        name=name,
        fields=new_fields(fields),
        conditions=conditions_by_headers(call.headers),
        encryption=by_headers(call.headers, kms_key=call.headers.get("x-goog-encryption-kms-key-name")),
    )


def _get(cloud: Cloud, call: Call, bucket: str, name: str) -> Answer:
    obj = cloud.bucket(bucket).find(name, call.number("generation"))
    conditions_by_headers(call.headers, reading=True).check(obj, etag=obj.xml_etag, reading=True)
    result = serve(obj, call, by_headers(call.headers), etag=quoted(obj.xml_etag), xml=True)
    overrides = {header: call.query[name] for name, header in _OVERRIDES.items() if name in call.query}
    headers = [(name, value) for name, value in result.headers if name not in overrides]
    return Answer(status=result.status, headers=(*headers, *overrides.items()), body=result.body, length=result.length)


async def _put(cloud: Cloud, call: Call, source: Source, bucket: str, name: str) -> Answer:
    draft = draft_of(call, bucket, name)
    cloud.bucket(bucket)
    content = await take_in(source)
    expected_by_headers(call.headers).check(content)
    return _describe(call, cloud.publish(draft, content))


def _copy(cloud: Cloud, call: Call, bucket: str, name: str) -> Answer:
    path = call.headers["x-goog-copy-source"].removeprefix("/")
    source_bucket, _, source_name = path.partition("/")
    generation = call.headers.get("x-goog-copy-source-generation")
    obj = cloud.bucket(source_bucket).find(
        unquote(source_name), None if generation is None else integer(generation, "x-goog-copy-source-generation")
    )
    conditions_by_headers(call.headers, prefix="x-goog-copy-source-", reading=True).check(obj, etag=obj.xml_etag)
    by_headers(call.headers, prefix="x-goog-copy-source-").check(obj)
    draft = draft_of(call, bucket, name)
    if call.headers.get("x-goog-metadata-directive", "COPY").upper() == "COPY":
        draft = Draft(
            bucket=bucket,
            name=name,
            fields=copied_fields(obj),
            conditions=draft.conditions,
            encryption=draft.encryption,
            component_count=obj.component_count,
        )
    new = cloud.publish(draft, obj.content)
    return xml_answer(
        "<CopyObjectResult>"
        f"{element('ETag', quoted(new.xml_etag))}{element('LastModified', format_time(new.updated))}"
        "</CopyObjectResult>",
        ("x-goog-generation", str(new.generation)),
        ("x-goog-metageneration", "1"),
    )


def _delete(cloud: Cloud, call: Call, bucket_name: str, name: str) -> Answer:
    bucket, generation = cloud.bucket(bucket_name), call.number("generation")
    obj = bucket.find(name, generation)
    conditions_by_headers(call.headers).check(obj, etag=obj.xml_etag)
    bucket.delete(name, generation, cloud.now())
    return Answer(status=204)


async def _post(cloud: Cloud, call: Call, source: Source, bucket: str, name: str) -> Answer:
    draft = draft_of(call, bucket, name)
    cloud.bucket(bucket)
    if "uploads" in call.query:
        await read_whole(source)
        return xml_multipart.initiate(cloud, draft)
    if call.headers.get("x-goog-resumable", "").lower() == "start":
        await read_whole(source)
        upload_id = resumable.start(cloud, draft, expected_by_headers(call.headers, content_md5=False), None)
        location = f"{call.origin}/{bucket}/{quote(name, safe='/')}?upload_id={quote(upload_id)}"
        return Answer(status=201, headers=(("Location", location), ("X-GUploader-UploadID", upload_id)))
    raise invalid("A POST for an object begins an upload: with ?uploads, or with x-goog-resumable: start.")


def _describe(call: Call, obj: StoredObject) -> Answer:
    skipped = {"Content-Type", "Content-Encoding", "Last-Modified", "Cache-Control", "Content-Disposition",
               "Content-Language"}  # fmt: skip
    headers = object_headers(obj, etag=quoted(obj.xml_etag), xml=False)
    key = by_headers(call.headers).headers if obj.key_sha256 else ()
    return Answer(headers=(*((name, value) for name, value in headers if name not in skipped), *key))
