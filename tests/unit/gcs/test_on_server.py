"""What only Google Cloud Storage can do, on the package's own server: sessions, holds, documents, credentials."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import TYPE_CHECKING, Unpack

import pytest

from aiostorage import GCSDriver, RetryPolicy
from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import CustomerKey, ObjectRef, Retention, WriteOptions
from aiostorage.providers.gcs import resumable
from aiostorage.providers.gcs.credentials import impersonation
from aiostorage.testing.gcs import GCSServer, Settings
from tests.scripted import Answer, ScriptedServer, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiostorage import Source
    from aiostorage.providers.gcs.config import GCSOptions

pytestmark = pytest.mark.anyio

MIB = 1 << 20
RETRY = RetryPolicy(max_attempts=3, base_s=0)
CONTENT = bytes(range(256)) * 4096 * 3 + b"the end"


@asynccontextmanager
async def driver_of(server: GCSServer, **options: Unpack[GCSOptions]) -> AsyncIterator[GCSDriver]:
    options = {"endpoint": server.endpoint, "project": "test-project", **options}
    options.setdefault("anonymous", "credentials_file" not in options)
    async with GCSDriver(**options) as driver:
        yield driver


async def chunks() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), 100_000):
        yield CONTENT[start : start + 100_000]


# Resumable uploads


@pytest.mark.parametrize("kept", [None, 256 * 1024], ids=["whole pieces", "a part of each"])
@pytest.mark.parametrize("kind", ["bytes", "stream", "path"])
@pytest.mark.verifies("uploads: resumable", on="gcs")
async def test_a_resumable_upload(kept: int | None, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    async with GCSServer(Settings(resumable_bytes_per_request=kept)) as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        moved: list[int] = []
        session = await driver.backend.begin_resumable("bucket", "key", WriteOptions(content_type="a/b"))
        sources: dict[str, Source] = {"bytes": CONTENT, "stream": chunks(), "path": path}
        info = await driver.backend.send_resumable(session, sources[kind], piece_size_bytes=MIB, on_sent=moved.append)
        assert info.size == len(CONTENT)
        assert info.content_type == "a/b"
        assert info.object_hash is not None
        assert info.object_hash.value == md5(CONTENT).hexdigest()  # which an upload by parts would not have
        assert await container.object("key").read() == CONTENT
        assert sum(moved) >= len(CONTENT)


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 2 * MIB])
@pytest.mark.verifies("uploads: resumable (from the byte that was kept)", on="gcs")
async def test_sizes_around_pieces(size: int) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield CONTENT[:size]

    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        for source in (CONTENT[:size], stream()):
            session = await driver.backend.begin_resumable("bucket", "key", WriteOptions())
            await driver.backend.send_resumable(session, source, piece_size_bytes=MIB)
            assert await container.object("key").read() == CONTENT[:size]


@pytest.mark.verifies("uploads: resumable (with conditions)", on="gcs")
async def test_a_resumable_upload_takes_conditions() -> None:
    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        once = WriteOptions(if_none_match="*")
        first = await driver.backend.begin_resumable("bucket", "key", once)
        second = await driver.backend.begin_resumable("bucket", "key", once)
        await driver.backend.send_resumable(first, b"first")
        with pytest.raises(PreconditionFailedError):
            await driver.backend.send_resumable(second, b"second")
        assert await container.object("key").read() == b"first"


@pytest.mark.verifies("uploads: resumable (by a later process)", on="gcs")
async def test_a_resumable_upload_goes_on_later() -> None:
    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        session = await driver.backend.begin_resumable("bucket", "key", WriteOptions(), size=len(CONTENT))

        async def breaking() -> AsyncIterator[bytes]:
            yield CONTENT[: 2 * MIB + 1]
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await driver.backend.send_resumable(session, breaking(), piece_size_bytes=MIB)
        with pytest.raises(InvalidArgumentError):  # not the same source
            await driver.backend.send_resumable(session, b"short", piece_size_bytes=MIB, is_continued=True)
        moved: list[int] = []
        await driver.backend.send_resumable(
            session, chunks(), piece_size_bytes=MIB, is_continued=True, on_sent=moved.append
        )
        assert sum(moved) <= len(CONTENT) - MIB
        assert await container.object("key").read() == CONTENT
        again = await driver.backend.send_resumable(session, CONTENT, is_continued=True)
        assert again.size == len(CONTENT)


@pytest.mark.parametrize("kind", ["bytes", "stream"])
@pytest.mark.verifies("uploads: resumable (compared at the end)", on="gcs")
async def test_a_resumable_upload_does_not_go_on_with_another_source(kind: str) -> None:
    """The service compares all of it with the MD5 that comes with the last piece, also what it had before."""
    async with GCSServer() as server, driver_of(server, retry=RETRY) as driver:
        container = await driver.create_container("bucket")
        session = await driver.backend.begin_resumable("bucket", "key", WriteOptions(), size=len(CONTENT))

        async def breaking() -> AsyncIterator[bytes]:
            yield b"x" + CONTENT[1 : 2 * MIB + 1]
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await driver.backend.send_resumable(session, breaking(), piece_size_bytes=MIB)
        source: Source = CONTENT if kind == "bytes" else chunks()
        with pytest.raises(ChecksumMismatchError):
            await driver.backend.send_resumable(session, source, piece_size_bytes=MIB, is_continued=True)
        with pytest.raises(ObjectNotFoundError):
            await container.get_object("key")


async def test_a_session_that_keeps_nothing_and_says_so_politely() -> None:
    async with ScriptedServer(answer=lambda _: Answer(status=308)) as server:
        session = resumable.Session(container="bucket", key="key", url=f"{server.url}/session")
        async with GCSDriver(endpoint=server.url, anonymous=True, retry=RETRY) as driver:
            with pytest.raises(UnexpectedResponseError):
                await driver.backend.send_resumable(session, CONTENT, piece_size_bytes=MIB)
    assert len(server.seen) < 20


async def test_a_resumable_upload_that_is_given_up() -> None:
    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        session = await driver.backend.begin_resumable("bucket", "key", WriteOptions())
        await driver.backend.cancel_resumable(session)
        with pytest.raises((UploadNotFoundError, StorageError)):
            await driver.backend.send_resumable(session, b"content", is_continued=True)
        with pytest.raises(ObjectNotFoundError):
            await container.get_object("key")


@pytest.mark.verifies("uploads: resumable (from the byte that was kept)", on="fake")
async def test_a_session_that_breaks_off_is_asked_how_far_it_is() -> None:
    resource = {"name": "key", "generation": "1", "size": str(len(CONTENT))}
    kept = Answer(status=308, headers={"Range": f"bytes=0-{MIB + 256 * 1024 - 1}"})
    done = Answer(body=json.dumps(resource).encode())
    async with ScriptedServer() as server:
        begun = Answer(headers={"Location": f"{server.url}/session?upload_id=hunter2"})
        nothing = Answer(status=308)
        server.script(
            begun, Answer(status=503), nothing, reset(), kept, Answer(status=503), Answer(status=503), kept, done
        )
        async with GCSDriver(endpoint=server.url, anonymous=True, retry=RETRY) as driver:
            session = await driver.backend.begin_resumable("bucket", "key", WriteOptions())
            assert "hunter2" not in repr(session)
            info = await driver.backend.send_resumable(session, CONTENT, piece_size_bytes=2 * MIB)
    assert info.size == len(CONTENT)
    total, at = len(CONTENT), MIB + 256 * 1024
    assert [seen.headers["content-range"] for seen in server.seen[1:]] == [
        f"bytes 0-{2 * MIB - 1}/*",
        "bytes */*",  # how far?
        f"bytes 0-{2 * MIB - 1}/*",
        "bytes */*",
        f"bytes {at}-{total - 1}/{total}",
        f"bytes */{total}",
        f"bytes */{total}",
        f"bytes {at}-{total - 1}/{total}",
    ]


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("when", ["sending", "asking"])
@pytest.mark.parametrize("losses", [1, 2])
async def test_a_session_that_is_lost_is_begun_anew_once(status: int, when: str, losses: int) -> None:
    lost = [Answer(status=status)] if when == "sending" else [reset(), Answer(status=status)]
    first = Answer(status=308, headers={"Range": f"bytes=0-{MIB - 1}"})
    done = Answer(body=json.dumps({"name": "key", "generation": "1", "size": str(2 * MIB)}).encode())
    moved: list[int] = []
    async with ScriptedServer() as server, GCSDriver(endpoint=server.url, anonymous=True, retry=RETRY) as driver:
        begun = [Answer(headers={"Location": f"{server.url}/session{number}"}) for number in range(3)]
        server.script(begun[0], first, *lost, begun[1], first, *(lost if losses > 1 else []), done)
        session = await driver.backend.begin_resumable("bucket", "key", WriteOptions(if_none_match="*"))
        sending = driver.backend.send_resumable(session, CONTENT[: 2 * MIB], piece_size_bytes=MIB, on_sent=moved.append)
        if losses > 1:
            with pytest.raises(UploadNotFoundError):
                await sending
        else:
            assert (await sending).size == 2 * MIB
            assert sum(moved) == 2 * MIB
    starts = [seen for seen in server.seen if seen.method == "POST"]
    assert len(starts) == 2
    assert starts[0].target == starts[1].target
    assert "ifGenerationMatch=0" in starts[1].target
    assert [seen.target for seen in server.seen if seen.method == "PUT"][-1] == "/session1"


async def test_a_lost_session_of_a_stream_is_lost() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield CONTENT

    async with ScriptedServer() as server, GCSDriver(endpoint=server.url, anonymous=True, retry=RETRY) as driver:
        server.script(Answer(headers={"Location": f"{server.url}/session"}), Answer(status=410))
        session = await driver.backend.begin_resumable("bucket", "key", WriteOptions())
        with pytest.raises(UploadNotFoundError):
            await driver.backend.send_resumable(session, chunks(), piece_size_bytes=MIB)


async def test_a_session_that_keeps_breaking_off() -> None:
    def answer(seen: object) -> Answer:
        return Answer(status=308) if getattr(seen, "body", b"") == b"" else Answer(status=503)

    async with ScriptedServer(answer=answer) as server:
        session = resumable.Session(container="bucket", key="key", url=f"{server.url}/session")
        async with GCSDriver(endpoint=server.url, anonymous=True, retry=RETRY) as driver:
            with pytest.raises(StorageError):
                await driver.backend.send_resumable(session, CONTENT, piece_size_bytes=MIB)
    assert len(server.seen) < 20


async def test_a_session_elsewhere_is_not_followed() -> None:
    elsewhere = Answer(headers={"Location": "https://evil.example/"})
    async with ScriptedServer(elsewhere) as server, GCSDriver(endpoint=server.url, anonymous=True) as driver:
        with pytest.raises(StorageError):
            await driver.backend.begin_resumable("bucket", "key", WriteOptions())


@pytest.mark.parametrize("size", [0, 1, 100_000])
async def test_pieces_are_multiples(size: int) -> None:
    session = resumable.Session(container="bucket", key="key", url="http://localhost:1/session")
    async with GCSDriver(anonymous=True) as driver:
        with pytest.raises(InvalidArgumentError):
            await driver.backend.send_resumable(session, b"content", piece_size_bytes=size)


# Credentials, of every kind


@pytest.mark.parametrize(
    "name", ["service_account", "authorized_user", "external_account", "impersonated_service_account"]
)
@pytest.mark.verifies(
    "credentials: service account",
    "credentials: authorized user",
    "credentials: workload identity (file or URL)",
    "credentials: impersonation",
    on="gcs",
)
async def test_each_kind_of_credentials(name: str, tmp_path: Path) -> None:
    async with GCSServer(Settings(authorization="required")) as server:
        await asyncio.to_thread(server.write_credentials, tmp_path)
        async with driver_of(server) as nobody:
            with pytest.raises((AuthenticationError, PermissionDeniedError)):
                await nobody.create_container("bucket")
        async with driver_of(server, credentials_file=tmp_path / f"{name}.json") as driver:
            container = await driver.create_container("bucket")
            await container.upload_object(b"content", "key")
            server.cloud.accounts.revoke_tokens()  # and it is noticed, once, for all
            assert await asyncio.gather(*(container.object("key").read() for _ in range(5))) == [b"content"] * 5


@pytest.mark.verifies("credentials: a token renewed in the middle of an upload", on="gcs")
async def test_a_token_that_ends_in_the_middle_of_an_upload(tmp_path: Path) -> None:
    settings = Settings(authorization="required", min_part_bytes=1)
    async with GCSServer(settings) as server:
        await asyncio.to_thread(server.write_credentials, tmp_path)
        async with driver_of(server, credentials_file=tmp_path / "service_account.json") as driver:
            container = await driver.create_container("bucket")
            backend, options = driver.backend, WriteOptions()
            upload = await backend.create_upload("bucket", "key", options)
            parts = []
            for number in (1, 2, 3):
                parts.append(await backend.upload_part(upload, number, -1, b"part"))
                server.cloud.accounts.revoke_tokens()
            await backend.complete_upload(upload, parts, options)
            assert await container.object("key").read() == b"part" * 3


@pytest.mark.verifies("links: signed by IAM", on="gcs")
async def test_who_signs_tells_for_how_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a key of the user's has signed lasts as asked; of Google's own keys twelve hours are certain."""
    async with GCSServer(Settings(authorization="required")) as server:
        monkeypatch.setattr(impersonation, "IAM_URL", server.endpoint)
        await asyncio.to_thread(server.write_credentials, tmp_path)
        for name, hours in (("service_account", 48), ("impersonated_service_account", 12)):
            async with driver_of(server, credentials_file=tmp_path / f"{name}.json") as driver:
                container = await driver.create_container(f"bucket-{hours}")
                await container.upload_object(b"content", "a b+é")
                request = await container.object("a b+é").presign(expires_in_s=48 * 3600)
                last = request.expires_at - datetime.now(UTC)
                assert timedelta(hours=hours - 1) < last <= timedelta(hours=hours)
                with await asyncio.to_thread(urllib.request.urlopen, request.url) as answer:
                    assert answer.read() == b"content"
                with pytest.raises(InvalidArgumentError):
                    await container.object("a b+é").presign(expires_in_s=8 * 24 * 3600)


# What lies beside content


@pytest.mark.verifies("objects: storage class changed", "objects: metagenerations as conditions", on="gcs")
async def test_changes_in_place() -> None:
    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        obj = await container.upload_object(b"content", "key", content_type="a/b", metadata={"a": "1", "b": "2"})
        changed = await driver.update_object(obj, metadata={"a": None, "c": "ü"}, cache_control="no-store")
        assert changed.etag == obj.etag  # the content is what it was
        found = await container.get_object("key")
        assert dict(found.metadata) == {"b": "2", "c": "ü"}
        assert found.content_type == "a/b"
        assert found.info is not None
        assert found.info.cache_control == "no-store"
        colder = await driver.update_object(found, storage_class="COLDLINE")
        assert colder.info is not None
        assert colder.info.storage_class == "COLDLINE"
        found = await container.get_object("key")
        assert dict(found.metadata) == {"b": "2", "c": "ü"}
        with pytest.raises(PreconditionFailedError):
            await driver.update_object(found, cache_control="no-cache", extra={"ifMetagenerationMatch": "77"})
        await container.upload_object(b"other", "key")
        with pytest.raises(PreconditionFailedError):
            await driver.backend.administration().update_object(
                ObjectRef(container="bucket", key="key", if_match=obj.etag), WriteOptions()
            )


@pytest.mark.verifies("objects: a retention bypassed", on="gcs")
async def test_holds_and_retention() -> None:
    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket", object_lock=True)
        obj = await container.upload_object(b"content", "key", legal_hold=True)
        with pytest.raises(PermissionDeniedError):
            await obj.delete()
        await driver.set_legal_hold(obj, is_held=False)
        until = datetime.now(UTC) + timedelta(days=1)
        await driver.set_retention(obj, Retention(mode="governance", until=until))
        await obj.refresh()
        assert obj.info is not None
        assert obj.info.retention is not None
        assert abs(obj.info.retention.until - until) < timedelta(seconds=1)
        with pytest.raises(PermissionDeniedError):
            await obj.delete()
        await driver.set_retention(obj, None, bypass_retention=True)
        await obj.delete()


async def test_documents_of_containers() -> None:
    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        assert await driver.get_setting(container, "lifecycle") is None
        rule = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30}}]}
        await driver.set_setting(container, "lifecycle", json.dumps(rule))
        assert json.loads(await driver.get_setting(container, "lifecycle") or "") == rule
        await driver.delete_setting(container, "lifecycle")
        assert await driver.get_setting(container, "lifecycle") is None
        assert not await driver.get_versioning(container)
        await driver.set_versioning(container, is_kept=True)
        assert await driver.get_versioning(container)
        await driver.set_container_tags(container, {"a": "1", "b": "2"})
        await driver.set_container_tags(container, {"b": "3"})
        assert await driver.get_container_tags(container) == {"b": "3"}
        extras = driver.backend.administration()
        with pytest.raises(InvalidArgumentError):
            await extras.get_setting("bucket", "nonsense")
        with pytest.raises(InvalidArgumentError):
            await extras.set_setting("bucket", "cors", "no json")
        ref = ObjectRef(container="bucket", key="key")
        for refused in (
            extras.get_tags(ref),
            extras.set_tags(ref, {}),
            extras.restore_object(ref, days=1, tier=None),
            extras.delete_setting("bucket", "policy"),
        ):
            with pytest.raises(UnsupportedError):
                await refused


async def test_a_customers_key() -> None:
    key, other = CustomerKey(key=bytes(range(32))), CustomerKey(key=bytes(32))
    async with GCSServer() as server, driver_of(server) as driver:
        container = await driver.create_container("bucket")
        large = CONTENT * 2
        await container.upload_object(b"content", "small", encryption=key)
        await container.upload_object(large, "large", encryption=key, part_size_bytes=5 * MIB)
        for name, content in (("small", b"content"), ("large", large)):
            obj = container.object(name)
            assert await obj.read(customer_key=key) == content
            assert await obj.read(byte_range=(1, 3), customer_key=key) == content[1:3]
            for options in ({}, {"customer_key": other}):
                with pytest.raises(StorageError):
                    await obj.read(**options)  # type: ignore[arg-type]


@pytest.mark.verifies("objects: rewritten in several calls", "uploads: composed", on="gcs")
async def test_objects_are_composed_and_copied_in_steps() -> None:
    settings = Settings(rewrite_bytes_per_call=MIB)
    async with GCSServer(settings) as server, driver_of(server) as driver:
        container = await driver.create_container("bucket", storage_class="STANDARD")
        for name in "ab":
            await container.upload_object(CONTENT, name)
        refs = [ObjectRef(container="bucket", key=name) for name in "ab"]
        info = await driver.backend.compose_object("bucket", "ab", refs, WriteOptions(content_type="a/b"))
        assert info.size == 2 * len(CONTENT)
        assert info.object_hash is not None
        assert info.object_hash.algorithm == "crc32c"
        other = await driver.create_container("other", storage_class="NEARLINE")
        copy = await container.object("ab").copy_to(other, "copy")
        assert await copy.read() == CONTENT * 2
