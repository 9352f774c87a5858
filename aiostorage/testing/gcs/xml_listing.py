"""Buckets on the XML API, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._http.xml import element
from aiostorage.testing.gcs import xml_multipart
from aiostorage.testing.gcs.conditions import by_headers
from aiostorage.testing.gcs.errors import invalid, not_allowed
from aiostorage.testing.gcs.listing import Query, list_objects, write_token
from aiostorage.testing.gcs.messages import Answer, Call, read_whole, xml_answer
from aiostorage.testing.gcs.objects import format_time, quoted

if TYPE_CHECKING:
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Source
    from aiostorage.testing.gcs.objects import StoredObject

_XMLNS = "http://doc.s3.amazonaws.com/2006-03-01"


async def answer(cloud: Cloud, call: Call, source: Source, bucket: str) -> Answer:
    """What the API says to a request for a bucket, or for all of them.

    Raises:
        GCSError: What the request asks for cannot be.
    """
    if not bucket:
        return _service(cloud, call)
    match call.method:
        case "GET" if "uploads" in call.query:
            return xml_multipart.list_uploads(cloud, call, bucket)
        case "GET":
            return _list(cloud, call, bucket)
        case "HEAD":
            found = cloud.bucket(bucket)
            by_headers(call.headers).check_metageneration(found.metageneration, reading=True)
            return Answer(headers=(("x-goog-metageneration", str(found.metageneration)),))
        case "PUT":
            await read_whole(source)
            project = call.headers.get("x-goog-project-id", cloud.settings.project)
            cloud.create_bucket(bucket, {}, project)
            return Answer()
        case "DELETE":
            found = cloud.bucket(bucket)
            by_headers(call.headers).check_metageneration(found.metageneration)
            found.delete_if_empty()
            cloud.drop_bucket(bucket)
            return Answer(status=204)
        case _:
            raise not_allowed()


def _service(cloud: Cloud, call: Call) -> Answer:
    if call.method != "GET":
        raise not_allowed()
    buckets = "".join(
        f"<Bucket>{element('Name', name)}{element('CreationDate', format_time(bucket.created))}</Bucket>"
        for name, bucket in sorted(cloud.buckets.items())
    )
    return xml_answer(f"<ListAllMyBucketsResult xmlns='{_XMLNS}'><Buckets>{buckets}</Buckets></ListAllMyBucketsResult>")


def _list(cloud: Cloud, call: Call, name: str) -> Answer:
    query = call.query
    limit = call.number("max-keys")
    if limit is not None and limit < 0:
        raise invalid("Argument max-keys must be a number that is not negative.")
    is_v2, versions = query.get("list-type") == "2", "versions" in query
    limit = min(1000 if limit is None else limit, cloud.settings.page_size, 1000)
    token = query.get("continuation-token") if is_v2 else None
    marker = query.get("start-after" if is_v2 else "marker", "")
    generation = call.number("generation-marker") if versions else None
    found = list_objects(
        cloud.bucket(name),
        Query(
            limit=limit,
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            after="" if generation is not None else marker,
            versions=versions,
            token=write_token(marker, generation) if generation is not None else token,
        ),
    )
    is_truncated = found.token is not None
    echoed = [
        element(tag, query[key]) for key, tag in (("prefix", "Prefix"), ("delimiter", "Delimiter")) if key in query
    ]
    if is_v2:
        echoed += [
            element("StartAfter", marker),
            element("ContinuationToken", token) if token else "",
            element("KeyCount", str(len(found.objects) + len(found.prefixes))),
            element("NextContinuationToken", found.token) if found.token else "",
        ]
    else:
        echoed += [element("Marker", marker), element("NextMarker", found.last) if is_truncated else ""]
        if versions and is_truncated and found.objects:
            echoed.append(element("NextGenerationMarker", str(found.objects[-1].generation)))
    tag = "Version" if versions else "Contents"
    content = [
        element("Name", name),
        *echoed,
        element("MaxKeys", str(limit)),
        element("IsTruncated", str(is_truncated).lower()),
        *(_object(obj, tag) for obj in found.objects),
        *(f"<CommonPrefixes>{element('Prefix', prefix)}</CommonPrefixes>" for prefix in found.prefixes),
    ]
    return xml_answer(f"<ListBucketResult xmlns='{_XMLNS}'>{''.join(content)}</ListBucketResult>")


def _object(obj: StoredObject, tag: str) -> str:
    live = element("IsLatest", str(obj.deleted is None).lower()) if tag == "Version" else ""
    deleted = element("DeletedTime", format_time(obj.deleted)) if obj.deleted else ""
    return (
        f"<{tag}>{element('Key', obj.name)}{element('Generation', str(obj.generation))}"
        f"{element('MetaGeneration', str(obj.metageneration))}{live}"
        f"{element('LastModified', format_time(obj.updated))}{deleted}"
        f"{element('ETag', quoted(obj.xml_etag))}{element('Size', str(obj.content.size))}"
        f"{element('StorageClass', obj.storage_class)}</{tag}>"
    )
