"""Objects as the service keeps them: a value for each generation, and what the JSON API says of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiostorage.testing.gcs.errors import invalid
from aiostorage.testing.gcs.messages import mapping, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.testing.gcs.content import Content
    from aiostorage.testing.gcs.messages import JSON, Record

DEFAULT_CONTENT_TYPE = "application/octet-stream"
STORAGE_CLASSES = frozenset({
    "STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY",
})  # fmt: skip

_TEXTS = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime",
          "storageClass")  # fmt: skip
_FLAGS = ("eventBasedHold", "temporaryHold")
WRITABLE = frozenset({*_TEXTS, *_FLAGS, "metadata", "retention", "acl", "contexts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One generation of an object, as it is with one metageneration.

    Attributes:
        fields: What the caller may set, by the names of the JSON API.
        deleted: When it became noncurrent.
        component_count: How many objects it was composed of; None if of none.
        multipart_etag: What the XML API calls it, if it was uploaded by parts.
        key_sha256: Hash, in base64, of the caller's own encryption key.
        retained_until: Before that it must not go.
    """

    bucket: str
    name: str
    generation: int
    metageneration: int
    content: Content
    fields: Mapping[str, JSON]
    created: datetime
    updated: datetime
    class_updated: datetime
    deleted: datetime | None = None
    component_count: int | None = None
    key_sha256: str | None = None
    kms_key: str | None = None
    retained_until: datetime | None = None
    multipart_etag: str | None = None

    @property
    def etag(self) -> str:
        """Changes with the content and with the metadata."""
        wire = b"\x08" + _varint(self.generation) + b"\x10" + _varint(self.metageneration)
        return base64.b64encode(wire).decode()

    @property
    def xml_etag(self) -> str:
        """The ETag on the XML API: the MD5 in hexadecimal, where that is known and no secret."""
        if self.multipart_etag is not None:
            return self.multipart_etag
        if self.content.md5 is not None and self.key_sha256 is None:
            return self.content.md5.hex()
        return f"-{self.etag}"

    @property
    def content_type(self) -> str:
        """The type with which it is served."""
        return text(self.fields, "contentType") or DEFAULT_CONTENT_TYPE

    @property
    def storage_class(self) -> str:
        """The class it was stored with."""
        return text(self.fields, "storageClass") or "STANDARD"

    @property
    def metadata(self) -> dict[str, str]:
        """What the caller noted."""
        return {key: str(value) for key, value in mapping(self.fields, "metadata").items()}

    @property
    def expiration(self) -> datetime | None:
        """Until when it is retained, by the bucket's policy or by its own."""
        own = text(mapping(self.fields, "retention"), "retainUntilTime")
        dates = [date for date in (self.retained_until, parse_time(own) if own else None) if date is not None]
        return max(dates, default=None)

    def resource(self, origin: str) -> Record:
        """What the JSON API says of it.

        Source: https://cloud.google.com/storage/docs/json_api/v1/objects#resource
        """
        path = f"b/{self.bucket}/o/{quote(self.name, safe='')}"
        is_open = self.key_sha256 is None  # hashes of what only the caller can decrypt are not told
        optional: Record = {
            "md5Hash": self.content.md5_text if is_open else None,
            "crc32c": self.content.crc32c_text if is_open else None,
            "timeDeleted": format_time(self.deleted) if self.deleted else None,
            "retentionExpirationTime": format_time(self.expiration) if self.expiration else None,
            "componentCount": self.component_count,
            "kmsKeyName": self.kms_key,
            "customerEncryption": (
                {"encryptionAlgorithm": "AES256", "keySha256": self.key_sha256} if self.key_sha256 else None
            ),
        }
        return {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{origin}/storage/v1/{path}",
            "mediaLink": f"{origin}/download/storage/v1/{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "storageClass": self.storage_class,
            "size": str(self.content.size),
            "etag": self.etag,
            "timeCreated": format_time(self.created),
            "updated": format_time(self.updated),
            "timeStorageClassUpdated": format_time(self.class_updated),
            "timeFinalized": format_time(self.created),
            **{key: value for key, value in optional.items() if value is not None},
            **self.fields,
        }


def fields_of(document: Mapping[str, JSON], *, strict: bool = False) -> Record:
    """What a document says of the fields that a caller may set; null stands for "without it".

    Raises:
        GCSError: A value is not of its field's type.
    """
    fields = {key: value for key, value in document.items() if key in WRITABLE}
    for name in _TEXTS:
        text(fields, name)
    for name in _FLAGS:
        if not isinstance(fields.get(name), (bool, type(None))):
            raise invalid(f"Invalid value for field {name}")
    for key, value in mapping(fields, "metadata").items():
        if not isinstance(value, str) and (strict or value is not None):
            raise invalid(f"Invalid value for metadata {key}")
    if (storage_class := text(fields, "storageClass")) and storage_class not in STORAGE_CLASSES:
        raise invalid(f"Invalid argument: storage class {storage_class}")
    if custom_time := text(fields, "customTime"):
        fields["customTime"] = format_time(parse_time(custom_time))
    retention = mapping(fields, "retention")
    if retention and not (text(retention, "mode") and text(retention, "retainUntilTime")):
        raise invalid("Both mode and retainUntilTime are needed for object retention.")
    return fields


def new_fields(document: Mapping[str, JSON]) -> Record:
    """The fields of a new object: null and false say nothing.

    Raises:
        GCSError: A value is not of its field's type.
    """
    return {key: value for key, value in fields_of(document, strict=True).items() if value not in (None, False, {})}


def merged(old: Mapping[str, JSON], patch: Mapping[str, JSON]) -> Record:
    """JSON merge patch, as far down as metadata goes.

    Source: https://cloud.google.com/storage/docs/json_api#patch
    """
    result = dict(old)
    for key, value in patch.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            merge = merged(before if isinstance(before, dict) else {}, value)
            if merge:
                result[key] = merge
            else:
                result.pop(key, None)
        else:
            result[key] = value
    return result


def format_time(value: datetime) -> str:
    """RFC 3339 with milliseconds, in UTC."""
    value = value.astimezone(UTC)
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"


def rfc3339(value: datetime) -> str:
    """RFC 3339 with whole seconds, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def from_timestamp(value: float) -> datetime:
    """A point in time from seconds since the epoch."""
    return datetime.fromtimestamp(value, UTC)


def parse_time(value: str) -> datetime:
    """A point in time in RFC 3339.

    Raises:
        GCSError: It is none.
    """
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise invalid(f"Invalid time: {value}") from None
    if parsed.tzinfo is None:
        raise invalid(f"Invalid time: {value}")
    return parsed


def quoted(etag: str) -> str:
    """An ETag as HTTP wants it, and XML has it."""
    return f'"{etag}"'


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
