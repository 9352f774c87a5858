"""Objects and buckets as the JSON API describes them.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects#resource,
https://cloud.google.com/storage/docs/json_api/v1/buckets#resource
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiostorage._http import json
from aiostorage._http.headers import header_text, parse_iso_date
from aiostorage.models import ContainerInfo, ObjectInfo
from aiostorage.providers.gcs.values import best_hash, from_json_metadata, to_json_metadata

if TYPE_CHECKING:
    from aiostorage._http.json import JSONObject
    from aiostorage.models import WriteOptions

OBJECT_FIELDS: Final = (
    "name,generation,metageneration,etag,size,md5Hash,crc32c,contentType,cacheControl,contentDisposition,"
    "contentEncoding,contentLanguage,metadata,storageClass,updated,timeDeleted,kmsKeyName,customerEncryption,"
    "temporaryHold,eventBasedHold,retention,retentionExpirationTime,customTime,componentCount"
)
"""What is asked for: the rest of a resource are links and access lists, which are more than half of it."""

CONTAINER_FIELDS: Final = "name,timeCreated,location,storageClass,metageneration,projectNumber"

_EXTRA: Final = {
    "metageneration": "metageneration",
    "etag": "etag",
    "customTime": "custom_time",
    "kmsKeyName": "kms_key_name",
    "componentCount": "component_count",
    "timeDeleted": "noncurrent_since",
    "retentionExpirationTime": "retained_until",
}


def object_info(resource: JSONObject) -> ObjectInfo:
    """An object.

    Its etag and its version are its generation, which is what conditions are about; the service's own
    etag, which changes with metadata too, is in ``extra``.

    Raises:
        KeyError: It has no name.
    """
    name = json.text(resource, "name")
    if name is None:
        raise KeyError("name")
    generation = json.integer(resource, "generation")
    etag = None if generation is None else str(generation)
    return ObjectInfo(
        key=name,
        size=json.integer(resource, "size"),
        etag=etag,
        object_hash=best_hash(json.text(resource, "md5Hash"), json.text(resource, "crc32c")),
        last_modified=parse_iso_date(json.text(resource, "updated")),
        content_type=json.text(resource, "contentType"),
        cache_control=json.text(resource, "cacheControl"),
        content_disposition=json.text(resource, "contentDisposition"),
        content_encoding=json.text(resource, "contentEncoding"),
        content_language=json.text(resource, "contentLanguage"),
        metadata=from_json_metadata(json.text_map(resource, "metadata")),
        storage_class=json.text(resource, "storageClass"),
        version_id=etag,
        is_latest="timeDeleted" not in resource,
        extra=_extra(resource),
    )


def _extra(resource: JSONObject) -> dict[str, str]:
    extra: dict[str, str] = {}
    for name, ours in _EXTRA.items():
        value = json.text(resource, name) or json.integer(resource, name)
        if value is not None:
            extra[ours] = str(value)
    return extra


def object_resource(options: WriteOptions) -> dict[str, object]:
    """What to store with an object.

    Raises:
        InvalidArgumentError: Something in it cannot be stored.
    """
    named = {
        "contentType": options.content_type,
        "cacheControl": options.cache_control,
        "contentDisposition": options.content_disposition,
        "contentEncoding": options.content_encoding,
        "contentLanguage": options.content_language,
        "storageClass": options.storage_class,
    }
    resource: dict[str, object] = {name: header_text(name, value) for name, value in named.items() if value is not None}
    if options.metadata:
        resource["metadata"] = to_json_metadata(options.metadata)
    return resource


def container_info(resource: JSONObject) -> ContainerInfo:
    """A container. The service does not count what is in it.

    Raises:
        KeyError: It has no name.
    """
    name = json.text(resource, "name")
    if name is None:
        raise KeyError("name")
    extra = {"region": json.text(resource, "location"), "storage_class": json.text(resource, "storageClass")}
    return ContainerInfo(
        name=name,
        created_at=parse_iso_date(json.text(resource, "timeCreated")),
        extra={key: value for key, value in extra.items() if value is not None},
    )
