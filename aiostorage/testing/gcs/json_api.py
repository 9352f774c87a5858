"""The JSON API, but for what carries content into the service.

Source: https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from aiostorage.testing.gcs import copies, projects
from aiostorage.testing.gcs.buckets import check_object_name
from aiostorage.testing.gcs.conditions import by_parameters
from aiostorage.testing.gcs.download import serve
from aiostorage.testing.gcs.encryption import by_headers
from aiostorage.testing.gcs.errors import invalid, not_allowed, not_found, required
from aiostorage.testing.gcs.listing import Query, list_objects
from aiostorage.testing.gcs.messages import Answer, Call, json_answer, mapping
from aiostorage.testing.gcs.objects import fields_of

if TYPE_CHECKING:
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Record

NO_CONTENT = Answer(status=204)


def answer(cloud: Cloud, call: Call, resource: list[str]) -> Answer:
    """What the API says to a request for a resource: the segments of the path below the version.

    Raises:
        GCSError: What the request asks for cannot be.
    """
    match (call.method, resource):
        case (method, ["b"]):
            return _buckets(cloud, call, method)
        case (method, ["b", bucket]):
            return _bucket(cloud, call, method, bucket)
        case ("GET", ["b", bucket, "o"]):
            return _list(cloud, call, bucket)
        case (method, ["b", bucket, "o", name]):
            return _object(cloud, call, method, bucket, name)
        case ("POST", ["b", bucket, "o", name, "compose"]):
            return copies.compose(cloud, call, bucket, name)
        case ("POST", ["b", bucket, "o", name, "rewriteTo", "b", target, "o", new_name]):
            return copies.rewrite(cloud, call, (bucket, name), (target, new_name))
        case ("POST", ["b", bucket, "o", name, "copyTo", "b", target, "o", new_name]):
            return copies.copy(cloud, call, (bucket, name), (target, new_name))
        case ("POST", ["b", bucket, "o", name, "moveTo", "o", new_name]):
            return copies.move(cloud, call, bucket, name, new_name)
        case ("POST", ["b", bucket, "lockRetentionPolicy"]):
            return _lock(cloud, call, bucket)
        case (_, ["b", bucket, "iam", *rest]):
            return projects.policy(cloud, call, cloud.bucket(bucket), rest)
        case (_, ["projects", project, *rest]):
            return projects.answer(cloud, call, project, rest)
        case _:
            raise not_found()


def download(cloud: Cloud, call: Call, bucket: str, name: str) -> Answer:
    """The content of an object.

    Raises:
        GCSError: There is none, a condition does not hold, or the range or the key is wrong.
    """
    obj = cloud.bucket(bucket).find(name, call.number("generation"))
    by_parameters(call.query, call.headers).check(obj, etag=obj.etag, reading=True)
    return serve(obj, call, by_headers(call.headers), etag=obj.etag, xml=False)


def _buckets(cloud: Cloud, call: Call, method: str) -> Answer:
    project = call.query.get("project")
    if project is None:
        raise required("project")
    if method == "GET":
        return _list_buckets(cloud, call, project)
    if method != "POST":
        raise not_allowed()
    document = call.document()
    name = document.get("name")
    if not isinstance(name, str):
        raise required("name")
    bucket = cloud.create_bucket(name, {key: value for key, value in document.items() if key != "name"}, project)
    if call.is_set("enableObjectRetention"):
        bucket.fields["objectRetention"] = {"mode": "Enabled"}
    return json_answer(bucket.resource(call.origin))


def _list_buckets(cloud: Cloud, call: Call, project: str) -> Answer:
    prefix, token = call.query.get("prefix", ""), call.query.get("pageToken")
    try:
        after = base64.urlsafe_b64decode(token).decode() if token else ""
    except ValueError:
        raise invalid("Invalid page token.") from None
    names = sorted(
        name
        for name, bucket in cloud.buckets.items()
        if name.startswith(prefix) and name > after and bucket.project == project
    )
    limit = _limit(cloud, call)
    document: Record = {"kind": "storage#buckets"}
    if names:
        document["items"] = [cloud.buckets[name].resource(call.origin) for name in names[:limit]]
    if len(names) > limit:
        document["nextPageToken"] = base64.urlsafe_b64encode(names[limit - 1].encode()).decode()
    return json_answer(document)


def _bucket(cloud: Cloud, call: Call, method: str, name: str) -> Answer:
    bucket = cloud.bucket(name)
    conditions = by_parameters(call.query)
    conditions.check_metageneration(bucket.metageneration, reading=method == "GET")
    match method:
        case "GET":
            pass
        case "PATCH" | "PUT":
            bucket.change(call.document(), cloud.now(), whole=method == "PUT")
        case "DELETE":
            bucket.delete_if_empty()
            cloud.drop_bucket(name)
            return NO_CONTENT
        case _:
            raise not_allowed()
    return json_answer(bucket.resource(call.origin))


def _lock(cloud: Cloud, call: Call, name: str) -> Answer:
    bucket = cloud.bucket(name)
    conditions = by_parameters(call.query)
    if conditions.metageneration_match is None:
        raise required("ifMetagenerationMatch")
    conditions.check_metageneration(bucket.metageneration)
    policy = mapping(bucket.fields, "retentionPolicy")
    if not policy:
        raise invalid("The bucket has no retention policy.")
    bucket.fields["retentionPolicy"] = {**policy, "isLocked": True}
    bucket.touch(cloud.now())
    return json_answer(bucket.resource(call.origin))


def _limit(cloud: Cloud, call: Call) -> int:
    limit = call.number("maxResults")
    if limit is not None and limit < 1:
        raise invalid("Invalid value for parameter maxResults", reason="invalidParameter")
    return min(limit or 1000, cloud.settings.page_size, 1000)


def _list(cloud: Cloud, call: Call, name: str) -> Answer:
    query = call.query
    page = list_objects(
        cloud.bucket(name),
        Query(
            limit=_limit(cloud, call),
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start_offset=query.get("startOffset", ""),
            end_offset=query.get("endOffset", ""),
            versions=call.is_set("versions"),
            trailing=call.is_set("includeTrailingDelimiter"),
            glob=query.get("matchGlob"),
            token=query.get("pageToken"),
        ),
    )
    document: Record = {"kind": "storage#objects"}
    if page.token:
        document["nextPageToken"] = page.token
    if page.prefixes:
        document["prefixes"] = [*page.prefixes]
    if page.objects:
        document["items"] = [obj.resource(call.origin) for obj in page.objects]
    return json_answer(document)


def _object(cloud: Cloud, call: Call, method: str, bucket_name: str, name: str) -> Answer:
    bucket = cloud.bucket(bucket_name)
    check_object_name(name)
    if method == "GET" and call.query.get("alt") == "media":
        return download(cloud, call, bucket_name, name)
    generation = call.number("generation")
    obj = bucket.find(name, generation)
    reading = method == "GET"
    conditions = by_parameters(call.query, call.headers if reading else None)
    conditions.check(obj, etag=obj.etag, reading=reading)
    match method:
        case "GET":
            if "x-goog-encryption-key" in call.headers:
                by_headers(call.headers).check(obj)
        case "PATCH" | "PUT":
            fields, may_override = fields_of(call.document(), strict=method == "PUT"), "overrideUnlockedRetention"
            obj = cloud.change(obj, fields, whole=method == "PUT", may_override=call.is_set(may_override))
        case "DELETE":
            bucket.delete(name, generation, cloud.now())
            return NO_CONTENT
        case _:
            raise not_allowed()
    return json_answer(obj.resource(call.origin))
