"""Buckets: what is in them, and what may become of it."""

from __future__ import annotations

import base64
import re
from bisect import bisect_left, insort
from dataclasses import replace
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import conflict, forbidden, invalid, no_object
from aiostorage.testing.gcs.messages import integer, mapping
from aiostorage.testing.gcs.objects import STORAGE_CLASSES, format_time, merged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage.testing.gcs.messages import JSON, Record
    from aiostorage.testing.gcs.objects import StoredObject

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{1,220}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_READ_ONLY = frozenset({
    "kind", "id", "selfLink", "name", "projectNumber", "metageneration", "generation", "timeCreated", "updated",
    "etag", "locationType",
})  # fmt: skip


def check_bucket_name(name: str) -> None:
    """Refuse what no bucket can be called.

    Source: https://cloud.google.com/storage/docs/buckets#naming

    Raises:
        GCSError: It is no name for a bucket.
    """
    labels = name.split(".")
    well = _NAME.fullmatch(name) and all(0 < len(label) <= 63 for label in labels) and not _ADDRESS.fullmatch(name)
    if not well or name.startswith("goog") or "google" in name:
        raise invalid(f"Invalid bucket name: '{name}'", xml_code="InvalidBucketName")


def check_object_name(name: str) -> None:
    """Refuse what no object can be called.

    Source: https://cloud.google.com/storage/docs/objects#naming

    Raises:
        GCSError: It is no name for an object.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise invalid("Object names must be valid UTF-8.", xml_code="InvalidURI") from None
    well = 0 < size <= 1024 and not {"\r", "\n"} & set(name) and name not in {".", ".."}
    if not well or name.startswith(".well-known/acme-challenge/"):
        raise invalid(f"Invalid object name: '{name[:100]}'", xml_code="InvalidURI")


class Bucket:
    """A bucket and its objects, ordered by name and generation.

    Attributes:
        names: Of all objects that have any generation, in order. Code points order as their UTF-8 does.
        versions: The generations of each, the oldest first; the last is live unless it says when it was deleted.
    """

    def __init__(self, name: str, fields: Mapping[str, JSON], now: datetime, *, project: str) -> None:
        check_bucket_name(name)
        self.name: str = name
        self.project: str = project
        self.fields: Record = _checked(fields)
        self.metageneration: int = 1
        self.created: datetime = now
        self.updated: datetime = now
        self.policy: Record = {}
        self.names: list[str] = []
        self.versions: dict[str, list[StoredObject]] = {}

    @property
    def is_versioned(self) -> bool:
        """Whether what is replaced or deleted stays as a noncurrent generation."""
        return mapping(self.fields, "versioning").get("enabled") is True

    @property
    def retention_s(self) -> int:
        """For how long every object must stay."""
        period = mapping(self.fields, "retentionPolicy").get("retentionPeriod")
        return 0 if period is None else integer(period, "retentionPeriod")

    @property
    def etag(self) -> str:
        """Changes with the metadata."""
        return base64.b64encode(b"\x08" + bytes([min(self.metageneration, 127)])).decode()

    def resource(self, origin: str) -> Record:
        """What the JSON API says of it.

        Source: https://cloud.google.com/storage/docs/json_api/v1/buckets#resource
        """
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "selfLink": f"{origin}/storage/v1/b/{self.name}",
            "projectNumber": "123456789012",
            "name": self.name,
            "timeCreated": format_time(self.created),
            "updated": format_time(self.updated),
            "metageneration": str(self.metageneration),
            "location": "US",
            "locationType": "multi-region",
            "storageClass": "STANDARD",
            "etag": self.etag,
            **self.fields,
        }

    def change(self, fields: Mapping[str, JSON], now: datetime, *, whole: bool) -> None:
        """Change the metadata: what is named, or all of it.

        Raises:
            GCSError: A value is not of its field's type, or a locked policy forbids it.
        """
        old = mapping(self.fields, "retentionPolicy")
        base = {key: value for key, value in self.fields.items() if not whole or key in {"location", "storageClass"}}
        new = _checked(merged(base, {key: value for key, value in fields.items() if key not in _READ_ONLY}))
        policy = mapping(new, "retentionPolicy")
        if policy:
            period = integer(policy.get("retentionPeriod"), "retentionPeriod")
            if period != self.retention_s or "effectiveTime" not in policy:
                policy = {**policy, "effectiveTime": format_time(now)}
            new["retentionPolicy"] = {**policy, "retentionPeriod": str(period)}
        if old.get("isLocked") is True and (
            not policy or integer(policy.get("retentionPeriod"), "retentionPeriod") < self.retention_s
        ):
            raise forbidden("Cannot remove or reduce the retention period of a locked retention policy.")
        self.fields = new
        self.touch(now)

    def touch(self, now: datetime) -> None:
        """The metadata has changed."""
        self.metageneration += 1
        self.updated = now

    def live(self, name: str) -> StoredObject | None:
        """The live object of this name."""
        versions = self.versions.get(name)
        return versions[-1] if versions and versions[-1].deleted is None else None

    def find(self, name: str, generation: int | None = None) -> StoredObject:
        """The live object of this name, or one generation of it, live or not.

        Raises:
            GCSError: There is none.
        """
        if generation is None:
            found = self.live(name)
        else:
            found = next((obj for obj in self.versions.get(name, ()) if obj.generation == generation), None)
        if found is None:
            raise no_object(self.name, name)
        return found

    def add(self, obj: StoredObject, now: datetime) -> None:
        """Make an object the live one of its name.

        Raises:
            GCSError: The one that is there must stay.
        """
        if old := self.live(obj.name):
            self._leave(old, now)
        versions = self.versions.get(obj.name)
        if versions is None:
            versions = self.versions[obj.name] = []
            insort(self.names, obj.name)
        versions.append(obj)

    def exchange(self, obj: StoredObject) -> None:
        """Put an object in the place of itself, with other metadata."""
        versions = self.versions[obj.name]
        versions[next(i for i, old in enumerate(versions) if old.generation == obj.generation)] = obj

    def delete(self, name: str, generation: int | None, now: datetime) -> None:
        """Delete the live object, which may leave a noncurrent one, or one generation for good.

        Raises:
            GCSError: There is none, or it must stay.
        """
        obj = self.find(name, generation)
        if generation is None:
            self._leave(obj, now)
        else:
            self._remove(obj, now)
        if not self.versions[name]:
            del self.versions[name]
            del self.names[bisect_left(self.names, name)]

    def delete_if_empty(self) -> None:
        """Refuse to be deleted as long as there is anything.

        Raises:
            GCSError: There are objects, or noncurrent generations of them.
        """
        if self.names:
            raise conflict("The bucket you tried to delete is not empty.", xml_code="BucketNotEmpty")

    def _leave(self, obj: StoredObject, now: datetime) -> None:
        if not self.is_versioned:
            self._remove(obj, now)
            return
        self._check_holds(obj)
        self.exchange(replace(obj, deleted=now))

    def _remove(self, obj: StoredObject, now: datetime) -> None:
        self._check_holds(obj)
        if obj.expiration is not None and obj.expiration > now:
            until = format_time(obj.expiration)
            raise forbidden(
                f"Object '{self.name}/{obj.name}' is subject to bucket's retention policy or object retention and "
                f"cannot be deleted or overwritten until {until}",
                reason="retentionPolicyNotMet",
            )
        self.versions[obj.name].remove(obj)

    def _check_holds(self, obj: StoredObject) -> None:
        # Source: https://cloud.google.com/storage/docs/object-holds
        for field, kind in (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based")):
            if obj.fields.get(field) is True:
                raise forbidden(
                    f"Object '{self.name}/{obj.name}' is under active {kind} hold and cannot be deleted, overwritten "
                    "or archived until hold is removed.",
                    reason="objectUnderActiveHold",
                )


def _checked(fields: Mapping[str, JSON]) -> Record:
    kept: Record = {key: value for key, value in fields.items() if key not in _READ_ONLY and value is not None}
    for name in ("versioning", "labels", "retentionPolicy", "encryption", "lifecycle", "iamConfiguration", "website"):
        mapping(kept, name)
    if (storage_class := kept.get("storageClass")) is not None and storage_class not in STORAGE_CLASSES:
        raise invalid(f"Invalid argument: storage class {storage_class}")
    if isinstance(location := kept.get("location"), str):
        kept["location"] = location.upper()
    return kept
