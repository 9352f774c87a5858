"""Objects made of others: composed, rewritten, copied, moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.cloud import Draft
from aiostorage.testing.gcs.conditions import by_parameters
from aiostorage.testing.gcs.content import join
from aiostorage.testing.gcs.encryption import Encryption, by_headers
from aiostorage.testing.gcs.errors import invalid, required
from aiostorage.testing.gcs.messages import Answer, Call, Record, integer, json_answer, mapping, text
from aiostorage.testing.gcs.objects import new_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import JSON
    from aiostorage.testing.gcs.objects import StoredObject

MAX_SOURCES = 32
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """A rewrite under way.

    Attributes:
        request: What the first call said; all others must say the same.
        generation: Of the source.
        done_bytes: How much has been copied.
    """

    request: tuple[object, ...]
    generation: int
    done_bytes: int


def compose(cloud: Cloud, call: Call, bucket: str, name: str) -> Answer:
    """One object of up to 32.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/compose

    Raises:
        GCSError: There are none or too many sources, one is missing, or a condition does not hold.
    """
    document = call.document()
    sources = document.get("sourceObjects")
    if not isinstance(sources, list) or not sources:
        raise required("sourceObjects")
    if len(sources) > MAX_SOURCES:
        message = f"The number of source components provided ({len(sources)}) exceeds the maximum ({MAX_SOURCES})"
        raise invalid(message)
    encryption = by_headers(call.headers, kms_key=call.query.get("kmsKeyName"))
    objects = [_component(cloud, bucket, source) for source in sources]
    for obj in objects:
        if obj.key_sha256 is not None or encryption.key_sha256 is not None:
            encryption.check(obj)
    draft = Draft(
        bucket=bucket,
        name=name,
        fields=new_fields(mapping(document, "destination")),
        conditions=by_parameters(call.query),
        encryption=encryption,
        component_count=sum(obj.component_count or 1 for obj in objects),
    )
    return json_answer(cloud.publish(draft, join([obj.content for obj in objects])).resource(call.origin))


def _component(cloud: Cloud, bucket: str, source: JSON) -> StoredObject:
    if not isinstance(source, dict) or (name := text(source, "name")) is None:
        raise required("sourceObjects.name")
    generation = source.get("generation")
    obj = cloud.bucket(bucket).find(name, None if generation is None else integer(generation, "generation"))
    by_parameters(mapping(source, "objectPreconditions")).check(obj)
    return obj


def copy(cloud: Cloud, call: Call, source: tuple[str, str], target: tuple[str, str]) -> Answer:
    """A copy, in one call.

    Raises:
        GCSError: There is no source, or a condition does not hold.
    """
    obj = _source(cloud, call, source)
    return json_answer(cloud.publish(_draft(call, obj, target), obj.content).resource(call.origin))


def move(cloud: Cloud, call: Call, bucket: str, name: str, new_name: str) -> Answer:
    """The same object under another name.

    Raises:
        GCSError: There is none, it must stay, or a condition does not hold.
    """
    obj = _source(cloud, call, (bucket, name))
    encryption = Encryption(key_sha256=obj.key_sha256, kms_key=obj.kms_key)
    draft = replace(_draft(replace(call, body=b""), obj, (bucket, new_name)), encryption=encryption)
    cloud.check_draft(draft)
    cloud.bucket(bucket).delete(name, None, cloud.now())
    return json_answer(cloud.publish(draft, obj.content).resource(call.origin))


def rewrite(cloud: Cloud, call: Call, source: tuple[str, str], target: tuple[str, str]) -> Answer:
    """A copy in as many calls as it takes.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite

    Raises:
        GCSError: There is no source, a condition does not hold, or the token belongs to something else.
    """
    obj = _source(cloud, call, source)
    draft = _draft(call, obj, target)
    cloud.check_draft(draft)
    request = (source, target, call.body, draft.encryption)
    done_bytes, token = 0, call.query.get("rewriteToken")
    if token is not None:
        state = cloud.rewrites.get(token)
        if state is None or state.request != request or state.generation != obj.generation:
            raise invalid("The rewrite token is invalid, or belongs to another rewrite.")
        done_bytes = state.done_bytes
    size = obj.content.size
    done_bytes = min(size, done_bytes + _bytes_per_call(cloud, call, size))
    document: Record = {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(done_bytes),
        "objectSize": str(size),
        "done": done_bytes == size,
    }
    if done_bytes < size:
        document["rewriteToken"] = token = token or cloud.new_id()
        cloud.rewrites[token] = Rewrite(request=request, generation=obj.generation, done_bytes=done_bytes)
    else:
        document["resource"] = cloud.publish(draft, obj.content).resource(call.origin)
        if token is not None:
            del cloud.rewrites[token]
    return json_answer(document)


def _bytes_per_call(cloud: Cloud, call: Call, size: int) -> int:
    limit = call.number("maxBytesRewrittenPerCall")
    if limit is not None and (limit < _MEBIBYTE or limit % _MEBIBYTE):
        raise invalid("maxBytesRewrittenPerCall must be an integral multiple of 1 MiB (1048576).")
    limits = [number for number in (limit, cloud.settings.rewrite_bytes_per_call) if number is not None]
    return min(limits, default=size)


def _source(cloud: Cloud, call: Call, source: tuple[str, str]) -> StoredObject:
    bucket, name = source
    obj = cloud.bucket(bucket).find(name, call.number("sourceGeneration"))
    by_parameters(call.query, prefix="ifSource").check(obj)
    by_headers(call.headers, prefix="x-goog-copy-source-").check(obj)
    return obj


def _draft(call: Call, obj: StoredObject, target: tuple[str, str]) -> Draft:
    # Without a document all metadata is copied; with one, only what it says counts.
    document: Mapping[str, JSON] = call.document()
    fields = new_fields(document) if document else copied_fields(obj)
    encryption = by_headers(call.headers, kms_key=call.query.get("destinationKmsKeyName"))
    return Draft(
        bucket=target[0],
        name=target[1],
        fields=fields,
        conditions=by_parameters(call.query),
        encryption=encryption,
        component_count=obj.component_count,
    )


def copied_fields(obj: StoredObject) -> Record:
    """What a copy takes over: not the holds, nor the retention."""
    return {
        key: value
        for key, value in obj.fields.items()
        if key not in {"temporaryHold", "eventBasedHold", "retention", "acl", "storageClass"}
    }
