"""Objects and buckets as the JSON API describes them.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects#resource,
https://cloud.google.com/storage/docs/json_api/v1/buckets#resource
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final, Literal

from aiostorage._http import json
from aiostorage._http.headers import header_text, parse_iso_date
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import ContainerInfo, KMSKey, ObjectInfo, Retention
from aiostorage.providers.gcs.values import best_hash, from_json_metadata, to_json_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.json import JSONObject
    from aiostorage.models import ContainerOptions, WriteOptions

OBJECT_FIELDS: Final = (
    "name,generation,metageneration,etag,size,md5Hash,crc32c,contentType,cacheControl,contentDisposition,"
    "contentEncoding,contentLanguage,metadata,storageClass,updated,timeDeleted,kmsKeyName,customerEncryption,"
    "temporaryHold,eventBasedHold,retention,retentionExpirationTime,customTime,componentCount"
)
"""What is asked for: the rest of a resource are links and access lists, which are more than half of it."""

CONDITIONS: Final = frozenset({"ifMetagenerationMatch", "ifMetagenerationNotMatch"})

OWN_OPTIONS: Final = CONDITIONS | {"customTime", "eventBasedHold"}
"""What ``extra`` of a write may hold: two conditions, a moment of the user's own (RFC 3339), and a hold."""

CONTAINER_FIELDS: Final = "name,timeCreated,location,storageClass,metageneration,projectNumber"

_EXTRA: Final = {
    "metageneration": "metageneration",
    "etag": "etag",
    "customTime": "customTime",
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
        encryption=_encryption(resource),
        kms_key_id=kms_key_name(json.text(resource, "kmsKeyName")),
        retention=_retention(json.member(resource, "retention")),
        legal_hold=True if resource.get("temporaryHold") is True else None,
        extra=_extra(resource),
    )


def _encryption(resource: JSONObject) -> Literal["managed", "kms", "customer"]:
    if "customerEncryption" in resource:
        return "customer"
    return "kms" if "kmsKeyName" in resource else "managed"


def kms_key_name(version: str | None) -> str | None:
    """The name of a key, from that of the version of it that an object was encrypted with."""
    return None if version is None else version.partition("/cryptoKeyVersions/")[0]


def _retention(resource: JSONObject) -> Retention | None:
    until = parse_iso_date(json.text(resource, "retainUntilTime"))
    if until is None:
        return None
    return Retention(mode="compliance" if json.text(resource, "mode") == "Locked" else "governance", until=until)


def _extra(resource: JSONObject) -> dict[str, str]:
    extra: dict[str, str] = {}
    for name, ours in _EXTRA.items():
        value = json.text(resource, name) or json.integer(resource, name)
        if value is not None:
            extra[ours] = str(value)
    if resource.get("eventBasedHold") is True:
        extra["eventBasedHold"] = "true"
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
    if options.retention is not None:
        resource["retention"] = retention_resource(options.retention)
    if options.legal_hold is not None:
        resource["temporaryHold"] = options.legal_hold
    return {**resource, **_own(options.extra)}


def retention_resource(retention: Retention) -> dict[str, str]:
    """Until when an object is kept: ``Locked`` cannot be lifted by anybody."""
    mode = "Locked" if retention.mode == "compliance" else "Unlocked"
    return {"mode": mode, "retainUntilTime": retention.until.astimezone(UTC).isoformat().replace("+00:00", "Z")}


def _own(extra: Mapping[str, str]) -> dict[str, object]:
    """What only this service knows of an object: when it was made by the user's own clock, and another hold."""
    if unknown := sorted(extra.keys() - OWN_OPTIONS):
        raise InvalidArgumentError(f"nothing is known of {', '.join(unknown)}", provider="gcs")
    own: dict[str, object] = {}
    if "customTime" in extra:
        own["customTime"] = extra["customTime"]
    if "eventBasedHold" in extra:
        if extra["eventBasedHold"] not in {"true", "false"}:
            raise InvalidArgumentError("eventBasedHold is true or false", provider="gcs")
        own["eventBasedHold"] = extra["eventBasedHold"] == "true"
    return own


def kms_key_of(options: WriteOptions) -> str | None:
    """The key of the key management service that a write names.

    Raises:
        InvalidArgumentError: It names none, or has what only other services have.
    """
    key = options.encryption
    if not isinstance(key, KMSKey):
        return None
    if key.key_id is None or key.context or key.bucket_key is not None:
        raise InvalidArgumentError("a KMS key has a name here, and neither context nor bucket key", provider="gcs")
    return key.key_id


def acl_word(acl: str | None) -> str | None:
    """A canned list as the JSON API spells it: ``public-read`` is ``publicRead``."""
    if acl is None:
        return None
    first, *others = acl.split("-")
    return first + "".join([word.capitalize() for word in others])


def container_resource(container: str, options: ContainerOptions) -> dict[str, object]:
    """How to make a container.

    Raises:
        UnsupportedError: Something in it is not known here.
    """
    if options.ownership is not None or options.extra:
        raise UnsupportedError("containers have no ownership and no further options here", provider="gcs")
    resource: dict[str, object] = {"name": container}
    if options.region is not None:
        resource["location"] = options.region
    if options.storage_class is not None:
        resource["storageClass"] = options.storage_class
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
