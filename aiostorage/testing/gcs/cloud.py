"""All that the service knows, and the writes that more than one API makes."""

from __future__ import annotations

import base64
import random
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from aiostorage.testing.gcs.accounts import Accounts
from aiostorage.testing.gcs.buckets import Bucket, check_object_name
from aiostorage.testing.gcs.conditions import UNCONDITIONAL, Conditions
from aiostorage.testing.gcs.encryption import NO_KEY, Encryption
from aiostorage.testing.gcs.errors import conflict, forbidden, invalid, no_bucket
from aiostorage.testing.gcs.faults import Faults
from aiostorage.testing.gcs.messages import Record, mapping, text
from aiostorage.testing.gcs.objects import StoredObject, format_time, from_timestamp, merged, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from aiostorage.testing.gcs.content import Content
    from aiostorage.testing.gcs.copies import Rewrite
    from aiostorage.testing.gcs.messages import JSON
    from aiostorage.testing.gcs.resumable import Session
    from aiostorage.testing.gcs.xml_multipart import MultipartUpload


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the server behaves, where the real one may behave in several ways.

    Attributes:
        project: The project that tokens of the metadata server are for.
        rewrite_bytes_per_call: How much a rewrite copies in a call; None copies all of it.
        resumable_bytes_per_request: How much of one request a resumable upload keeps, in multiples of
            256 KiB; None keeps all.
        min_part_bytes: How long every part but the last of an upload by parts must be.
        token_s: How long an access token lives.
        authorization: Whether a request must have a token or a signature; what it has is verified unless that
            is "ignored".
        session_s: How long a resumable upload may take.
        page_size: How many items a page of a listing has at most, whatever the caller asks for.
    """

    project: str = "test-project"
    rewrite_bytes_per_call: int | None = None
    resumable_bytes_per_request: int | None = None
    min_part_bytes: int = 5 * 1024 * 1024
    token_s: float = 3600
    authorization: Literal["optional", "required", "ignored"] = "optional"
    session_s: float = 7 * 24 * 3600
    page_size: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An object that is to be.

    Attributes:
        fields: What the caller sets.
        component_count: How many objects it is composed of; None if of none.
        multipart_etag: What the XML API calls it, if it was uploaded by parts.
    """

    bucket: str
    name: str
    fields: Mapping[str, JSON] = field(default_factory=Record)
    conditions: Conditions = UNCONDITIONAL
    encryption: Encryption = NO_KEY
    component_count: int | None = None
    multipart_etag: str | None = None


class Cloud:
    """Buckets by name, a clock, and chance.

    Args:
        settings: How it behaves.
        clock: Seconds since the epoch.
        randomness: Where identifiers come from.
    """

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float] = time.time, randomness: random.Random | None = None
    ) -> None:
        self.settings: Settings = settings
        self.clock: Callable[[], float] = clock
        self._randomness: random.Random = randomness or random.SystemRandom()
        self.buckets: dict[str, Bucket] = {}
        self.rewrites: dict[str, Rewrite] = {}
        self.sessions: dict[str, Session] = {}
        self.uploads: dict[str, MultipartUpload] = {}
        self.accounts: Accounts = Accounts(clock=clock, new_id=self.new_id, token_s=settings.token_s)
        self.faults: Faults = Faults()
        self._last_generation: int = 0

    def now(self) -> datetime:
        """The time of day."""
        return from_timestamp(self.clock())

    def new_id(self) -> str:
        """A name that nobody guesses."""
        return base64.urlsafe_b64encode(self._randomness.randbytes(48)).decode()

    def new_generation(self) -> int:
        """A number higher than all before: microseconds since the epoch, as the service has them."""
        self._last_generation = max(self._last_generation + 1, int(self.clock() * 1_000_000))
        return self._last_generation

    def bucket(self, name: str) -> Bucket:
        """A bucket that is there.

        Raises:
            GCSError: There is none.
        """
        try:
            return self.buckets[name]
        except KeyError:
            raise no_bucket() from None

    def create_bucket(self, name: str, fields: Mapping[str, JSON], project: str) -> Bucket:
        """A new bucket.

        Raises:
            GCSError: There is one already, or it cannot be as asked.
        """
        bucket = Bucket(name, fields, self.now(), project=project)
        if name in self.buckets:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise conflict(message, xml_code="BucketAlreadyOwnedByYou")
        if "retentionPolicy" in bucket.fields:
            bucket.change({}, self.now(), whole=False)
            bucket.metageneration = 1
        self.buckets[name] = bucket
        return bucket

    def drop_bucket(self, name: str) -> None:
        """Forget a bucket that is empty, and what was on its way into it."""
        del self.buckets[name]
        self.sessions = {key: item for key, item in self.sessions.items() if item.draft.bucket != name}
        self.uploads = {key: item for key, item in self.uploads.items() if item.draft.bucket != name}

    def check_draft(self, draft: Draft) -> None:
        """Refuse early what would be refused when it is published.

        Raises:
            GCSError: The name is none, there is no bucket, or a condition does not hold.
        """
        check_object_name(draft.name)
        draft.conditions.check(self.bucket(draft.bucket).live(draft.name))

    def publish(self, draft: Draft, content: Content) -> StoredObject:
        """Store an object, as a new generation.

        Raises:
            GCSError: A condition does not hold, or what is there must stay.
        """
        self.check_draft(draft)
        bucket, now = self.bucket(draft.bucket), self.now()
        fields = dict(draft.fields)
        default_class = text(bucket.fields, "storageClass")
        fields.setdefault("storageClass", default_class or "STANDARD")
        if bucket.fields.get("defaultEventBasedHold") is True:
            fields.setdefault("eventBasedHold", True)
        default_kms = text(mapping(bucket.fields, "encryption"), "defaultKmsKeyName")
        encryption = draft.encryption
        kms_key = encryption.kms_key or (default_kms if encryption.key_sha256 is None else None)
        obj = StoredObject(
            bucket=bucket.name,
            name=draft.name,
            generation=self.new_generation(),
            metageneration=1,
            content=content,
            fields=fields,
            created=now,
            updated=now,
            class_updated=now,
            component_count=draft.component_count,
            key_sha256=encryption.key_sha256,
            kms_key=f"{kms_key}/cryptoKeyVersions/1" if kms_key and "/cryptoKeyVersions/" not in kms_key else kms_key,
            retained_until=self._retained_until(bucket, fields, now),
            multipart_etag=draft.multipart_etag,
        )
        bucket.add(obj, now)
        return obj

    def change(
        self, obj: StoredObject, fields: Mapping[str, JSON], *, whole: bool, may_override: bool = False
    ) -> StoredObject:
        """Change an object's metadata: what is named, or all of it; with the permission, also a retention for less.

        Raises:
            GCSError: A value is not of its field's type, or the change is not allowed.
        """
        bucket, now = self.bucket(obj.bucket), self.now()
        if whole:
            new: Record = {key: value for key, value in fields.items() if value not in (None, False, {})}
            new.setdefault("storageClass", obj.storage_class)
        else:
            new = merged(obj.fields, fields)
        _check_custom_time(text(obj.fields, "customTime"), text(new, "customTime"))
        _check_retention(mapping(obj.fields, "retention"), mapping(new, "retention"), now, may_override=may_override)
        if new.get("storageClass") != obj.storage_class:
            raise invalid("The storage class of an object is changed by rewriting it.")
        until = obj.retained_until
        if obj.fields.get("eventBasedHold") is True and new.get("eventBasedHold") is not True:
            # Time counts from the release: https://cloud.google.com/storage/docs/object-holds
            until = self._retained_until(bucket, new, now)
        changed = replace(obj, fields=new, metageneration=obj.metageneration + 1, updated=now, retained_until=until)
        bucket.exchange(changed)
        return changed

    def _retained_until(self, bucket: Bucket, fields: Mapping[str, JSON], now: datetime) -> datetime | None:
        if not bucket.retention_s or fields.get("eventBasedHold") is True:
            return None
        return now + timedelta(seconds=bucket.retention_s)


def _check_custom_time(old: str | None, new: str | None) -> None:
    # Source: https://cloud.google.com/storage/docs/metadata#custom-time
    if old is not None and (new is None or parse_time(new) < parse_time(old)):
        raise invalid("Custom time cannot be removed or set to an earlier time.")


def _check_retention(old: Record, new: Record, now: datetime, *, may_override: bool) -> None:
    # Source: https://cloud.google.com/storage/docs/object-lock
    until = text(old, "retainUntilTime")
    if until is None or parse_time(until) <= now:
        return
    is_locked, becomes_locked = (text(one, "mode") == "Locked" for one in (old, new))
    is_shorter = parse_time(text(new, "retainUntilTime") or format_time(now)) < parse_time(until)
    if is_locked and (is_shorter or not becomes_locked):
        raise forbidden("A locked retention cannot be removed, shortened or unlocked.")
    if not is_locked and (is_shorter or becomes_locked) and not may_override:
        raise forbidden("Removing, shortening or locking a retention needs overrideUnlockedRetention=true.")
