"""Administration: what lies beside the content of objects and containers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, cast

import pytest

from aiostorage.errors import (
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    UnsupportedError,
)
from aiostorage.models import (
    EMPTY,
    CustomerKey,
    KMSKey,
    ManagedKey,
    ObjectRef,
    Retention,
)
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.data import content, hash_is_right
from aiostorage.testing._themes.watch import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.models import HashAlgorithm
    from aiostorage.object import Object
    from aiostorage.options import UploadOptions, WriteObjectOptions
    from aiostorage.testing.witness import Witness

ALGORITHMS: tuple[HashAlgorithm, ...] = ("md5", "sha1", "sha256", "crc32", "crc32c", "crc64nvme")
DOCUMENTS = (
    "accelerate", "acl", "cors", "encryption", "lifecycle", "logging", "notification", "object-lock", "ownership",
    "policy", "public-access-block", "replication", "request-payment", "website",
)  # fmt: skip
"""Of S3; others have others."""
TAGS = {"stage": "draft", "a/b": "1 + 1 = 2"}
KEY, OTHER_KEY = CustomerKey(key=bytes(range(32))), CustomerKey(key=bytes(32))


class Administration(ContractBase):
    """Administration: what lies beside the content of objects and containers."""

    documents: ClassVar[Mapping[str, str]] = EMPTY
    kms_key_id: ClassVar[str | None] = None
    archive_class: ClassVar[str] = ""
    restore_days: ClassVar[int | None] = 1
    acl: ClassVar[str] = "public-read"
    extra: ClassVar[Mapping[str, str]] = EMPTY

    # Objects

    @verifies("objects: tags")
    async def test_tags(self, driver: Driver, container: Container) -> None:
        """They come with the object, or later; they are replaced, and go."""
        if not self.offers(driver, "tags"):
            with pytest.raises(UnsupportedError):
                at_once(container.upload_object(b"content", "key", tags=TAGS))
            with pytest.raises(UnsupportedError):
                at_once(container.object("key").get_tags())
            with pytest.raises(UnsupportedError):
                at_once(container.object("key").set_tags(TAGS))
            return
        obj = await container.upload_object(b"content", "key", tags=TAGS)
        assert dict(await obj.get_tags()) == TAGS
        info = await driver.head_object(obj)
        assert info.tag_count in {None, 2}
        await obj.set_tags({"stage": "final"})
        assert dict(await obj.get_tags()) == {"stage": "final"}
        await obj.set_tags({})
        assert dict(await obj.get_tags()) == {}
        with pytest.raises(ObjectNotFoundError):
            await container.object("missing").get_tags()

    @verifies("objects: tags of parts and copies")
    async def test_tags_of_parts_and_copies(self, driver: Driver, container: Container, part_size: int) -> None:
        """However an object is made it has the tags that were given, and a copy those of its source or its own."""
        if not self.offers(driver, "tags"):
            return
        large = await container.upload_object(content(part_size + 1), "large", tags=TAGS, part_size_bytes=part_size)
        assert dict(await large.get_tags()) == TAGS
        small = await container.upload_object(b"content", "small", tags=TAGS)
        assert dict(await (await small.copy_to(container, "copy")).get_tags()) == TAGS
        other = await small.copy_to(container, "other", tags={"stage": "final"}, metadata={"colour": "red"})
        assert dict(await other.get_tags()) == {"stage": "final"}

    @verifies("objects: change headers and metadata")
    async def test_only_what_is_named_changes(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The content, and all that is not named, stay as they are."""
        metadata = {"keep": "1", "drop": "2", "alter": "3"} if self.offers(driver, "object_metadata") else {}
        options: WriteObjectOptions = {
            "content_type": "text/x-own",
            "cache_control": "no-store",
            "metadata": metadata,
        }
        obj = await container.upload_object(b"content", "key", **self.keepable(options, driver))
        if self.offers(driver, "tags"):
            await obj.set_tags(TAGS)
        if not (self.offers(driver, "update_in_place") or self.offers(driver, "replaces_metadata")):
            with pytest.raises(UnsupportedError):
                await obj.update(content_type="text/x-new")
            return
        await obj.update(content_type="text/x-new")
        info = await driver.head_object(obj)
        assert (info.content_type, info.cache_control, info.size) == ("text/x-new", "no-store", 7)
        if self.offers(driver, "object_metadata"):
            assert dict(info.metadata) == metadata
            await obj.update(metadata={"Alter": "4", "drop": None, "new": "5"}, cache_control=None)
            info = await driver.head_object(obj)
            assert dict(info.metadata) == {"keep": "1", "alter": "4", "new": "5"}
            assert (info.content_type, info.cache_control) == ("text/x-new", None)
        if self.offers(driver, "tags"):
            assert dict(await obj.get_tags()) == TAGS
        assert await witness.get(container.name, "key") == b"content"
        with pytest.raises(ObjectNotFoundError):
            await container.object("missing").update(content_type="text/x-new")

    @verifies("objects: access (ACL)")
    async def test_acl(self, driver: Driver, container: Container) -> None:
        """By the provider's own word, with the object or later."""
        if not self.offers(driver, "acl"):
            with pytest.raises(UnsupportedError):
                at_once(container.upload_object(b"content", "key", acl=self.acl))
            with pytest.raises(UnsupportedError):
                at_once(container.object("key").set_acl(self.acl))
            return
        obj = await container.upload_object(b"content", "key", acl=self.acl)
        await obj.set_acl(self.acl)
        assert await obj.read() == b"content"
        with pytest.raises(ObjectNotFoundError):
            await container.object("missing").set_acl(self.acl)

    @verifies(
        "checksums: MD5",
        "checksums: SHA-1",
        "checksums: SHA-256",
        "checksums: CRC32",
        "checksums: CRC32C",
        "checksums: CRC64NVME",
    )
    async def test_a_checksum_that_is_asked_for(
        self, driver: Driver, container: Container, witness: Witness, part_size: int
    ) -> None:
        """Each of those that are offered, for small objects and for parts; the others are refused."""
        data = content(part_size + 1)
        for algorithm in ALGORITHMS:
            if not self.offers(driver, "checksums") or algorithm not in driver.capabilities.checksums:
                with pytest.raises(UnsupportedError):
                    at_once(container.upload_object(b"content", algorithm, checksum=algorithm))
                continue
            small = await container.upload_object(b"content", algorithm, checksum=algorithm)
            assert small.object_hash is not None
            assert hash_is_right(small.object_hash, b"content")
            large = await container.upload_object(data, "large", checksum=algorithm, part_size_bytes=part_size)
            assert large.object_hash is not None
            assert large.object_hash.algorithm == algorithm
            assert hash_is_right(large.object_hash, data)
            assert await witness.get(container.name, "large") == data
            for obj, expected in ((small, b"content"), (large, data)):
                found = (await driver.head_object(obj)).object_hash
                assert hash_is_right(found, expected)
                if found is not None and obj.object_hash is not None:
                    kinds = {(one.algorithm, one.scope) for one in (found, obj.object_hash)}
                    assert len(kinds) == 2 or found == obj.object_hash

    @verifies("objects: what only the provider knows")
    async def test_extras_of_the_provider(self, driver: Driver, container: Container) -> None:
        """What it does not know is refused; what it knows is told again, and stays when something else changes."""
        with pytest.raises((UnsupportedError, InvalidArgumentError)):
            await container.upload_object(b"content", "key", extra={"no-such-extra": "x"})
        if not self.offers(driver, "extra"):
            return
        obj = await container.upload_object(b"content", "key", extra=self.extra)
        assert self.extra.items() <= (await obj.refresh()).extra.items()
        await obj.update(content_type="text/x-new")
        assert self.extra.items() <= (await obj.refresh()).extra.items()
        assert obj.content_type == "text/x-new"

    @verifies("conditions: copy")
    async def test_copied_only_if(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Copies take the two conditions of writes, where the provider obeys them."""
        original = await container.upload_object(b"content", "key")
        if not self.offers(driver, "conditional_copy"):
            with pytest.raises(UnsupportedError):
                await original.copy_to(container, "copy", if_none_match="*")
            assert await witness.get(container.name, "copy") is None
            return
        await original.copy_to(container, "copy", if_none_match="*")
        with pytest.raises(PreconditionFailedError):
            await original.copy_to(container, "copy", if_none_match="*")
        copy = await container.get_object("copy")
        await container.upload_object(b"other", "copy")
        with pytest.raises(PreconditionFailedError):
            await original.copy_to(container, "copy", if_match=copy.etag)
        assert await witness.get(container.name, "copy") == b"other"

    @verifies("conditions: delete if it matches")
    async def test_deleted_only_if_it_matches(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Another version than the caller has seen stays."""
        await container.upload_object(b"first", "key")
        first = await container.get_object("key")
        if not self.offers(driver, "delete_if_match"):
            with pytest.raises(UnsupportedError):
                at_once(first.delete(if_match=first.etag))
            ref = ObjectRef(container=container.name, key="key", if_match=first.etag)
            (outcome,) = await driver.backend.delete_objects(container.name, [ref])
            assert isinstance(outcome.error, UnsupportedError)
            assert await witness.get(container.name, "key") == b"first"
            return
        await container.upload_object(b"second", "key")
        with pytest.raises(PreconditionFailedError):
            await first.delete(if_match=first.etag)
        assert await witness.get(container.name, "key") == b"second"
        second = await container.get_object("key")
        await second.delete(if_match=second.etag)
        assert await witness.get(container.name, "key") is None

    @verifies("objects: storage class and restore")
    async def test_archived_objects(self, driver: Driver, container: Container) -> None:
        """They can be asked for, twice."""
        if not self.offers(driver, "restore"):
            with pytest.raises(UnsupportedError):
                at_once(container.object("key").restore(days=1))
            return
        obj = await container.upload_object(b"content", "key", storage_class=self.archive_class)
        assert (await driver.head_object(obj)).storage_class == self.archive_class
        for _ in range(2):
            await obj.restore(days=self.restore_days)
        with pytest.raises(ObjectNotFoundError):
            await container.object("missing").restore(days=self.restore_days)

    # Encryption

    @verifies("encryption: with a key of ours")
    async def test_a_key_of_ours(self, driver: Driver, container: Container, witness: Witness, part_size: int) -> None:
        """What is written with it is read with it only, whole and in ranges; so is what comes by parts."""
        if not self.offers(driver, "encryption") or "customer" not in driver.capabilities.encryption:
            with pytest.raises(UnsupportedError):
                at_once(container.upload_object(b"content", "key", encryption=KEY))
            return
        small = await container.upload_object(b"content", "small", encryption=KEY)
        data = content(2 * part_size + 1)
        large = await container.upload_object(data, "large", encryption=KEY, part_size_bytes=part_size)
        for obj, expected in ((small, b"content"), (large, data)):
            assert await obj.read(customer_key=KEY) == expected
            assert await obj.read(customer_key=KEY, byte_range=(2, 6)) == expected[2:6]
            assert (await driver.head_object(obj, customer_key=KEY)).encryption == "customer"
            assert hash_is_right(obj.object_hash, expected)
            for wrong in (None, OTHER_KEY):
                with pytest.raises(StorageError):
                    await obj.read(customer_key=wrong)
                if wrong is None and self.deviates(Deviation.OPEN_DESCRIPTIONS):
                    assert (await driver.head_object(obj)).encryption == "customer"
                    continue
                with pytest.raises(StorageError):
                    await driver.head_object(obj, customer_key=wrong)

    @verifies("encryption: copies of it")
    async def test_a_key_of_ours_in_copies(self, driver: Driver, container: Container) -> None:
        """The source is read with its key, the copy written with its own, or none; a change keeps it."""
        if not self.offers(driver, "encryption") or "customer" not in driver.capabilities.encryption:
            return
        obj = await container.upload_object(b"content", "key", encryption=KEY, metadata={"colour": "red"})
        if self.deviates(Deviation.NO_ENCRYPTED_COPIES):
            with pytest.raises(UnsupportedError):
                await obj.copy_to(container, "copy", customer_key=KEY)
            with pytest.raises(UnsupportedError):
                await obj.copy_to(container, "copy", customer_key=KEY, encryption=OTHER_KEY)
            with pytest.raises(UnsupportedError):
                await obj.update(content_type="text/x-new", customer_key=KEY)
            return
        copy = await obj.copy_to(container, "copy", customer_key=KEY, encryption=OTHER_KEY)
        assert await copy.read(customer_key=OTHER_KEY) == b"content"
        plain = await obj.copy_to(container, "plain", customer_key=KEY)
        assert await plain.read() == b"content"
        assert dict((await plain.refresh()).metadata) == {"colour": "red"}
        await obj.update(content_type="text/x-new", customer_key=KEY)
        assert await obj.read(customer_key=KEY) == b"content"
        info = await driver.head_object(obj, customer_key=KEY)
        assert (info.content_type, info.encryption, dict(info.metadata)) == (
            "text/x-new", "customer", {"colour": "red"},
        )  # fmt: skip

    @verifies("encryption: by the provider", "encryption: with its key service")
    async def test_a_key_of_the_provider(self, driver: Driver, container: Container, part_size: int) -> None:
        """One that it makes, or one of its key service: readers need not know."""
        for encryption in (ManagedKey(), KMSKey(key_id=self.kms_key_id)):
            if not self.offers(driver, "encryption") or encryption.kind not in driver.capabilities.encryption:
                with pytest.raises(UnsupportedError):
                    at_once(container.upload_object(b"content", "key", encryption=encryption))
                continue
            data = content(part_size + 1)
            for size in (7, len(data)):
                obj = await container.upload_object(
                    data[:size], "key", encryption=encryption, part_size_bytes=part_size
                )
                assert await obj.read() == data[:size]
                info = await driver.head_object(obj)
                assert info.encryption == encryption.kind
                assert encryption.kind == "managed" or info.kms_key_id == self.kms_key_id

    # Retention

    @verifies("locks: retention", "locks: legal hold", "containers: with object lock")
    async def test_nothing_is_retained_where_that_cannot_be(self, driver: Driver, container: Container) -> None:
        """Neither with the object nor later, nor can the permission to delete it be used."""
        if self.offers(driver, "retention"):
            return
        obj, retention = container.object("key"), a_day()
        uploads: list[UploadOptions] = [{"retention": retention}, {"legal_hold": True}]
        for options in uploads:
            with pytest.raises(UnsupportedError):
                at_once(container.upload_object(b"content", "key", **options))
        for refused in (
            obj.set_retention(retention),
            obj.set_legal_hold(is_held=True),
            obj.delete(bypass_retention=True),
        ):
            with pytest.raises(UnsupportedError):
                at_once(refused)

    @verifies("locks: retention", "containers: with object lock")
    async def test_retention(self, driver: Driver, new_name: Callable[[], str]) -> None:
        """What is retained is not deleted, but with the permission; it is set with the object, or later."""
        if not self.offers(driver, "retention"):
            return
        container = await driver.create_container(new_name(), object_lock=True)
        until = a_day()
        obj = await written(container, "at once", b"content", retention=until)
        info = await driver.head_object(obj)
        assert info.retention is not None
        assert info.retention.mode == "governance"
        assert abs(info.retention.until - until.until) < timedelta(seconds=1)
        await self._check_kept(container, obj)
        later = await written(container, "later", b"more")
        await later.set_retention(until)
        await self._check_kept(container, later)
        await later.set_retention(a_day(hours=1), bypass_retention=True)
        await self._check_kept(container, later)
        if self.deviates(Deviation.KEEPS_RETENTION):
            with pytest.raises(UnsupportedError):
                await later.set_retention(None, bypass_retention=True)
            await later.delete(bypass_retention=True)
        else:
            await later.set_retention(None, bypass_retention=True)
            await later.delete()
        with pytest.raises(ObjectNotFoundError):
            await later.read()
        await container.delete(bypass_retention=True)

    @verifies("locks: legal hold")
    async def test_legal_hold(self, driver: Driver, new_name: Callable[[], str], part_size: int) -> None:
        """What is held stays until it is let go; no permission helps."""
        if not self.offers(driver, "retention"):
            return
        container = await driver.create_container(new_name(), object_lock=True)
        for data in (b"content", content(part_size + 1)):
            if len(data) > part_size and self.deviates(Deviation.HOLDS_COME_LATER):
                with pytest.raises(UnsupportedError):
                    await written(container, "key", data, legal_hold=True, part_size_bytes=part_size)
                obj = await written(container, "key", data, part_size_bytes=part_size)
                await obj.set_legal_hold(is_held=True)
            else:
                obj = await written(container, "key", data, legal_hold=True, part_size_bytes=part_size)
            assert (await driver.head_object(obj)).legal_hold is True
            await self._check_kept(container, obj)
            with pytest.raises(PermissionDeniedError):
                await obj.delete(bypass_retention=True)
            await obj.set_legal_hold(is_held=False)
            assert not (await driver.head_object(obj)).legal_hold
            await obj.delete()
            later = await written(container, "key", b"more")
            await later.set_legal_hold(is_held=True)
            await self._check_kept(container, later)
            await later.set_legal_hold(is_held=False)
        await container.delete()

    async def _check_kept(self, container: Container, obj: Object) -> None:
        with pytest.raises(PermissionDeniedError):
            await obj.delete()
        (outcome,) = await container.delete_objects([obj])
        assert isinstance(outcome.error, PermissionDeniedError)
        await obj.refresh()

    # Containers

    @verifies("containers: documents", *[f"documents: {name}" for name in DOCUMENTS])
    async def test_documents(self, driver: Driver, new_name: Callable[[], str]) -> None:
        """Each is set, read back with all that was in it, set as it was read, and removed."""
        known = driver.capabilities.settings if self.offers(driver, "settings") else frozenset[str]()
        container = await driver.create_container(new_name(), object_lock=self.offers(driver, "retention"))
        if not known:
            for refused in (
                container.get_setting("cors"),
                container.set_setting("cors", ""),
                container.delete_setting("cors"),
            ):
                with pytest.raises(UnsupportedError):
                    at_once(refused)
        for name in known:
            # There is one at any time where there is none to set.
            document = self.documents.get(name) or await container.get_setting(name)
            assert document is not None, name
            wanted = values_in(document.replace("CONTAINER", container.name))
            await container.set_setting(name, document.replace("CONTAINER", container.name))
            found = await container.get_setting(name)
            assert found is not None
            assert wanted <= values_in(found), name
            await container.set_setting(name, found)
            try:
                await container.delete_setting(name)
            except UnsupportedError:
                assert wanted <= values_in(await container.get_setting(name) or ""), name
            else:
                assert not wanted <= values_in(await container.get_setting(name) or ""), name
                await container.delete_setting(name)
        await container.delete()

    @verifies("containers: keep versions")
    async def test_versions_on_and_off(self, driver: Driver, container: Container) -> None:
        """What was kept so far stays when no more is kept."""
        if not self.offers(driver, "versioning"):
            for refused in (container.get_versioning(), container.set_versioning(is_kept=True)):
                with pytest.raises(UnsupportedError):
                    at_once(refused)
            return
        assert not await container.get_versioning()
        await container.set_versioning(is_kept=True)
        assert await container.get_versioning()
        for data in (b"first", b"second"):
            await container.upload_object(data, "key")
        await container.set_versioning(is_kept=False)
        assert not await container.get_versioning()
        assert [await obj.read() async for obj in container.list_objects(versions=True)] == [b"second", b"first"]
        await container.delete()

    @verifies("containers: tags")
    async def test_tags_of_containers(self, driver: Driver, container: Container) -> None:
        """They are replaced, and go."""
        if not self.offers(driver, "container_tags"):
            for refused in (container.get_tags(), container.set_tags(TAGS)):
                with pytest.raises(UnsupportedError):
                    at_once(refused)
            return
        assert dict(await container.get_tags()) == {}
        for tags in ({"stage": "draft", "team": "a"}, {"stage": "final"}, {}):
            await container.set_tags(tags)
            assert dict(await container.get_tags()) == tags


def a_day(*, hours: int = 24) -> Retention:
    """A retention that can be lifted."""
    return Retention(mode="governance", until=datetime.now(UTC) + timedelta(hours=hours))


async def written(container: Container, key: str, data: bytes, **options: object) -> Object:
    """An object that was just stored, by its version."""
    obj = await container.upload_object(data, key, **cast("UploadOptions", options))
    info = await container.driver.head_object(obj)
    return container.object(key, version_id=info.version_id)


def values_in(document: str) -> set[str]:
    """All texts and numbers in a document of XML or JSON; what is neither is a text."""
    if document.lstrip().startswith(("{", "[")):
        return set(scalars(json.loads(document)))
    texts = re.findall(r">([^<>]+)<", document) if "<" in document else [document]
    return {text.strip() for text in texts if text.strip()}


def scalars(value: object) -> list[str]:
    """What is in a JSON value and contains no other."""
    match value:
        case dict():
            children: list[object] = list(cast("dict[str, object]", value).values())  # as of JSON
        case list():
            children = cast("list[object]", value)
        case _:
            return [str(value)]
    return [text for child in children for text in scalars(child)]
