"""What other programs put into the folder, take out of it and do to it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from aiostorage.errors import (
    ChecksumMismatchError,
    ClosedError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidNameError,
    NotFoundError,
    ObjectNotFoundError,
    PermissionDeniedError,
    StorageConnectionError,
    StorageError,
    UnsupportedError,
)
from aiostorage.models import WHOLE, ByteRange, ListQuery, ObjectRef, PresignOptions, ReadOptions, WriteOptions
from aiostorage.providers.local import LocalBackend
from tests.unit.local.conftest import open_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.local.conftest import Box

pytestmark = pytest.mark.anyio

OPTIONS = WriteOptions(content_type="text/x", cache_control="no-store", metadata={"é": "ü", "empty": ""})


# What lies where


async def test_objects_are_plain_files(box: Box) -> None:
    await box.put("2026/cat.jpg", b"cat")
    assert (box.path / "2026" / "cat.jpg").read_bytes() == b"cat"
    assert sorted(os.listdir(box.path)) == [".aiostorage", "2026"]


async def test_permissions_are_those_of_other_programs(box: Box) -> None:
    (box.path / "theirs").write_bytes(b"")
    await box.put("ours")
    assert (box.path / "ours").stat().st_mode == (box.path / "theirs").stat().st_mode


async def test_folders_that_held_an_object_go_with_it(box: Box) -> None:
    await box.put("a/b/c/d")
    await box.put("a/b/e")
    await box.backend.delete_object("box", "a/b/c/d")
    assert os.listdir(box.path / "a" / "b") == ["e"]
    await box.backend.delete_object("box", "a/b/e")
    assert os.listdir(box.path) == [".aiostorage"]


async def test_a_refused_write_leaves_no_folder(box: Box) -> None:
    with pytest.raises(StorageError):
        await box.backend.put_object("box", "a/b/c", b"", WriteOptions(if_match="another"))
    assert os.listdir(box.path) == [".aiostorage"]


async def test_an_object_keeps_everything_when_it_makes_way(box: Box) -> None:
    before = await box.backend.put_object("box", "a", b"file", OPTIONS)
    await box.put("a/b", b"below")
    await box.put("a/", b"slash")
    assert (box.path / "a").is_dir()
    assert await box.head("a") == before
    assert await box.names() == ["a", "a/", "a/b"]
    await box.put("a", b"again")
    for key in ["a/b", "a/"]:
        await box.backend.delete_object("box", key)
    assert await box.get("a") == b"again"
    await box.backend.delete_object("box", "a")
    assert await box.names() == []
    assert os.listdir(box.path) == [".aiostorage"]


async def test_a_name_of_full_length_makes_way(box: Box) -> None:
    key = "x" * 255
    await box.put(key, b"file")
    await box.put(f"{key}/b")
    assert await box.get(key) == b"file"
    assert await box.names() == [key, f"{key}/b"]
    await box.backend.delete_object("box", key)
    assert await box.names() == [f"{key}/b"]


async def test_a_file_in_the_place_of_an_object_that_made_way_comes_first(box: Box) -> None:
    await box.put("a", b"ours")
    await box.put("a/b")
    shutil.rmtree(box.path / "a")
    (box.path / "a").write_bytes(b"theirs")
    assert await box.get("a") == b"theirs"
    assert await box.names() == ["a"]
    await box.backend.delete_object("box", "a")
    assert await box.names() == []


# Files of others


async def test_files_of_others_are_objects(box: Box) -> None:
    files = {
        "100%.txt": b"a",
        "x%41": b"b",
        ".hidden": b"",
        "folder/deep/a b.html": b"<p>",
        "%2e%2e": b"",
        "a\nb": b"c",
    }
    for name, content in files.items():
        path = box.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert await box.names() == sorted(files)
    for name, content in files.items():
        assert await box.get(name) == content
    info = await box.head("folder/deep/a b.html")
    assert (info.content_type, info.object_hash, info.metadata, info.size) == ("text/html", None, {}, 3)
    assert info.last_modified is not None
    assert abs(info.last_modified.timestamp() - time.time()) < 60
    assert os.listdir(box.path / "folder") == ["deep"]
    assert not (box.path / ".aiostorage").exists()  # nothing was written by looking


async def test_what_is_no_object_is_left_alone(box: Box) -> None:
    for name in ["%=a", "%+b", "%=%41", "%~c%"]:
        (box.path / name).write_bytes(b"")
    (box.path / "%~d").mkdir()
    (box.path / "%~d" / "e").write_bytes(b"")
    (box.path / os.fsdecode(b"\xff")).write_bytes(b"")
    (box.path / "empty" / "folders").mkdir(parents=True)
    os.mkfifo(box.path / "pipe")
    assert await box.names() == []
    assert await box.names(ListQuery(delimiter="/")) == []
    with anyio.fail_after(5), pytest.raises(ObjectNotFoundError):  # a pipe would be waited for
        await box.get("pipe")
    with pytest.raises(ContainerNotEmptyError):
        await box.backend.delete_container("box")
    assert (box.path / "%=a").exists()
    assert (box.path / os.fsdecode(b"\xff")).exists()


async def test_keys_that_are_too_long_are_not_shown(box: Box) -> None:
    deep = box.path.joinpath(*["x" * 200] * 5)
    deep.mkdir(parents=True)
    (deep / ("y" * 19)).write_bytes(b"")
    (deep / ("y" * 20)).write_bytes(b"")
    assert await box.names() == ["/".join(["x" * 200] * 5 + ["y" * 19])]


async def test_an_overwritten_object_has_no_metadata_of_the_old_one(box: Box) -> None:
    await box.backend.put_object("box", "other size", b"old", OPTIONS)
    await box.backend.put_object("box", "same size", b"old", OPTIONS)
    (box.path / "other size").write_bytes(b"new content")
    (box.path / "same size").write_bytes(b"new")
    for key in ["other size", "same size"]:
        info = await box.head(key)
        assert (info.content_type, info.object_hash, info.metadata) == (None, None, {})
    info = await box.put("same size", b"own")
    assert await box.head("same size") == info


async def test_an_etag_changes_with_every_write(box: Box) -> None:
    etags = {(await box.put("key", b"same")).etag for _ in range(50)}
    assert len(etags) == 50
    info = await box.head("key")
    assert info.etag in etags
    assert info.last_modified is not None
    assert abs(info.last_modified.timestamp() - time.time()) < 60


async def test_an_etag_changes_when_the_clock_goes_back(box: Box) -> None:
    path = box.path / "key"
    path.write_bytes(b"same")
    later = (2_000_000_000 * 10**9, 4_000_000_000 * 10**9)
    os.utime(path, ns=later)
    before = await box.head("key")
    after = await box.put("key", b"same")
    assert after.etag != before.etag
    assert path.stat().st_mtime_ns > later[1]


async def test_times_that_no_calendar_has(box: Box) -> None:
    (box.path / "key").write_bytes(b"")
    os.utime(box.path / "key", ns=(0, -(2**61)))
    info = await box.head("key")
    assert info.last_modified is None or info.last_modified.year < 1950
    assert await box.names() == ["key"]


# Copies of a container


async def test_a_copy_of_a_container_has_all_that_was_in_it(box: Box) -> None:
    keys = ["a", "a/b", "..", "x" * 600, "é/ü"]
    for key in keys:
        await box.backend.put_object("box", key, key.encode(), OPTIONS)
    for name, arguments in {"archive": ["-a"], "recursive": ["-r"]}.items():
        await anyio.run_process(["cp", *arguments, str(box.path), str(box.root / name)])
        for _ in range(2):
            for key in keys:
                before = await box.head(key)
                after = await box.backend.head_object(name, key, WHOLE)
                assert (after.metadata, after.content_type) == (before.metadata, before.content_type)
                assert (after.object_hash, after.size) == (before.object_hash, before.size)
                assert (after.etag == before.etag) is (name == "archive")
        await box.backend.put_object(name, "a", b"a!", WriteOptions())
        assert (await box.backend.head_object(name, "a", WHOLE)).metadata == {}


async def test_a_copy_is_looked_into_once(box: Box) -> None:
    await box.backend.put_object("box", "key", b"content", OPTIONS)
    os.utime(box.path / "key", ns=(1, 1))
    assert (await box.head("key")).metadata == OPTIONS.metadata
    (box.path / "key").write_bytes(b"CONTENT")
    os.utime(box.path / "key", ns=(1, 1))
    # Same time and size as when it was looked at: it is not looked into again, or this would be seen.
    assert (await box.head("key")).metadata == OPTIONS.metadata


async def test_a_copy_that_may_only_be_read(box: Box) -> None:
    await box.backend.put_object("box", "key", b"content", OPTIONS)
    os.utime(box.path / "key", ns=(1, 1))
    shutil.rmtree(box.path / ".aiostorage" / "uploads")
    (box.path / ".aiostorage" / "lock").unlink()
    (box.path / ".aiostorage" / "lock").mkdir()  # so that nothing can be written down
    backend = LocalBackend(box.root)
    for _ in range(2):
        assert (await backend.head_object("box", "key", WHOLE)).metadata == OPTIONS.metadata
        body = await backend.get_object("box", "key", ReadOptions(if_match="*"))
        assert await body.read() == b"content"


def the_record(box: Box) -> Path:
    """The file with the metadata of the only object."""
    (record,) = (box.path / ".aiostorage" / "metadata").glob("*/*")
    return record


async def test_a_torn_record_is_none(box: Box) -> None:
    await box.backend.put_object("box", "key", b"content", OPTIONS)
    record = the_record(box)
    record.write_bytes(record.read_bytes()[:-5])
    assert (await box.head("key")).metadata == {}
    assert await box.get("key") == b"content"


async def test_what_a_dead_process_left_is_removed_in_time(box: Box) -> None:
    await box.put("key")
    new = box.path / ".aiostorage" / "new"
    for name in ["old", "fresh"]:
        (new / name).write_bytes(b"half")
    os.utime(new / "old", (0, 0))
    await LocalBackend(box.root).put_object("box", "key", b"", WriteOptions())
    assert os.listdir(new) == ["fresh"]
    (new / "fresh").unlink()


@pytest.mark.parametrize("name", ["metadata", "new", "uploads"])
async def test_a_folder_of_ours_that_goes_missing_is_made_again(box: Box, name: str) -> None:
    """As one that is empty does where somebody tidies up."""
    await box.put("key")
    shutil.rmtree(box.path / ".aiostorage" / name)
    await box.put("key", b"new")
    assert await box.get("key") == b"new"
    shutil.rmtree(box.path / ".aiostorage" / name)
    upload = await box.backend.create_upload("box", "parts", OPTIONS)
    await box.backend.abort_upload(upload)


# Links


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


async def test_a_link_inside_is_the_file(box: Box) -> None:
    await box.put("v1/data", b"one")
    (box.path / "latest").symlink_to("v1/data")
    assert await box.get("latest") == b"one"
    assert await box.names() == ["latest", "v1/data"]
    await box.put("latest", b"two")
    assert await box.get("v1/data") == b"one"
    (box.path / "again").symlink_to("v1/data")
    await box.backend.delete_object("box", "again")
    assert await box.names() == ["latest", "v1/data"]


async def test_links_do_not_lead_out(box: Box, outside: Path) -> None:
    await box.put("inside")
    (box.path / "file").symlink_to(outside / "secret")
    (box.path / "folder").symlink_to(outside)
    (box.path / "up").symlink_to("..")
    (box.path / "loop").symlink_to("loop")
    (box.path / "state").symlink_to(".aiostorage/lock")
    assert await box.names() == ["inside"]
    assert await box.names(ListQuery(prefix="folder/")) == []
    assert await box.names(ListQuery(delimiter="/")) == ["inside"]
    for key in ["file", "folder", "folder/secret", "up/box/inside", "loop", "loop/x", "state"]:
        with pytest.raises(ObjectNotFoundError):
            await box.get(key)
        with pytest.raises(ObjectNotFoundError):
            await box.head(key)
        with pytest.raises(ObjectNotFoundError):
            await box.backend.copy_object(ObjectRef(container="box", key=key), "box", "copy", None)
        await box.backend.delete_object("box", key)
    for key in ["folder/secret", "folder/new", "up/new", "loop/x"]:
        with pytest.raises(PermissionDeniedError):
            await box.put(key)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"secret"}


async def test_a_link_is_replaced_not_followed(box: Box, outside: Path) -> None:
    for name, target in {"file": outside / "secret", "folder": outside}.items():
        (box.path / name).symlink_to(target)
        await box.put(name, b"new")
        assert await box.get(name) == b"new"
        assert not (box.path / name).is_symlink()
    assert (outside / "secret").read_bytes() == b"secret"


async def test_a_container_is_no_link(box: Box, outside: Path) -> None:
    (box.root / "link").symlink_to(outside)
    page = await box.backend.list_containers(prefix="", token=None)
    assert [info.name for info in page.items] == ["box"]
    with pytest.raises(ContainerNotFoundError):
        await box.backend.head_object("link", "secret", WHOLE)
    with pytest.raises(ContainerNotFoundError):
        await box.backend.put_object("link", "key", b"", WriteOptions())
    with pytest.raises(ContainerNotFoundError):
        await box.backend.list_objects("link", ListQuery(), token=None)
    with pytest.raises(ContainerNotFoundError):
        await box.backend.delete_container("link")
    assert os.listdir(outside) == ["secret"]


@pytest.mark.parametrize("name", ["", "metadata", "metadata/00", "new", "uploads"])
async def test_what_is_ours_is_no_link(box: Box, outside: Path, name: str) -> None:
    path = box.path / ".aiostorage" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside)
    for _ in range(2):
        with pytest.raises(PermissionDeniedError):
            await box.put("key")
    assert os.listdir(outside) == ["secret"]
    path.unlink()


async def test_a_record_is_no_link(box: Box, outside: Path) -> None:
    await box.put("key", b"content")
    record = the_record(box)
    record.unlink()
    record.symlink_to(outside / "secret")
    assert await box.get("key") == b"content"
    with pytest.raises(StorageError):
        await box.put("key", b"new")
    assert (outside / "secret").read_bytes() == b"secret"


# Errors


async def test_a_write_that_fails_late_leaves_no_folder(box: Box) -> None:
    await box.put("deep/er/key")
    record = the_record(box)
    await box.backend.delete_object("box", "deep/er/key")
    record.mkdir()  # where the record was to be written
    with pytest.raises(StorageError):
        await box.put("deep/er/key")
    assert os.listdir(box.path) == [".aiostorage"]


@pytest.mark.parametrize(
    "options",
    [ReadOptions(if_match="another"), ReadOptions(byte_range=ByteRange(2 << 20)), ReadOptions(if_none_match="*")],
)
async def test_a_read_that_is_refused_closes_the_file(box: Box, tmp_path: Path, options: ReadOptions) -> None:
    await box.put("key", bytes(1 << 20))
    with pytest.raises(StorageError) as caught:
        await box.backend.get_object("box", "key", options)
    assert open_files(tmp_path) == []  # while the error is still there, and what it refers to
    assert caught.value.key == "key"


async def test_a_copy_is_compared_with_what_was_stored(box: Box) -> None:
    await box.put("key", b"content")
    status = (box.path / "key").stat()
    (box.path / "key").write_bytes(b"decayed")
    os.utime(box.path / "key", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ChecksumMismatchError):
        await box.backend.copy_object(ObjectRef(container="box", key="key"), "box", "copy", None)
    assert await box.names() == ["key"]


async def test_what_a_folder_cannot_do(box: Box) -> None:
    version = ObjectRef(container="box", key="key", version_id="1")
    for call in [
        box.backend.get_object("box", "key", ReadOptions(version_id="1")),
        box.backend.head_object("box", "key", ReadOptions(version_id="1")),
        box.backend.delete_object("box", "key", version_id="1"),
        box.backend.copy_object(version, "box", "other", None),
        box.backend.presign("GET", "box", "key", PresignOptions(expires_in_s=1, headers={})),
    ]:
        with pytest.raises(UnsupportedError):
            await call
    with pytest.raises(UnsupportedError):
        box.backend.cdn("box")
    (outcome,) = await box.backend.delete_objects("box", [version])
    assert isinstance(outcome.error, UnsupportedError)


async def test_a_file_that_is_cut_while_it_is_read(box: Box) -> None:
    await box.put("key", bytes(3 << 20))
    body = await box.backend.get_object("box", "key", WHOLE)
    os.truncate(box.path / "key", 10)
    with pytest.raises(StorageConnectionError) as caught:
        await body.read()
    await body.aclose()
    await body.aclose()
    assert caught.value.retryable
    with pytest.raises(ClosedError):
        await body.read()


async def test_a_full_disk_leaves_nothing(box: Box) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))  # the system says EFBIG, as a full disk says ENOSPC
    try:
        for body in [bytes(3 << 20), bytes(1 << 20) + b"x"]:
            with pytest.raises(StorageError) as caught:
                await box.backend.put_object("box", "a/key", body, WriteOptions())
            error = caught.value
            assert (error.provider, error.operation, error.container, error.key, error.code) == (
                "local",
                "put_object",
                "box",
                "a/key",
                "EFBIG",
            )
            assert str(box.root) not in str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(box.path) == [".aiostorage"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is forbidden to root")
async def test_what_is_forbidden(box: Box) -> None:
    await box.put("key")
    (box.path / "key").chmod(0)
    with pytest.raises(PermissionDeniedError):
        await box.get("key")


async def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    root = tmp_path.joinpath(*["x" * 250] * 8)
    root.mkdir(parents=True)
    backend = LocalBackend(root)
    await backend.create_container("box")
    with pytest.raises(InvalidNameError):
        await backend.put_object("box", "\0" * 1024, b"", WriteOptions())


async def test_the_root_is_made_if_it_may_be(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    strict = LocalBackend(root, create=False)
    for call in (strict.create_container("box"), strict.list_containers(prefix="", token=None)):
        with pytest.raises(NotFoundError):
            await call
    backend = LocalBackend(root)
    assert not (await backend.list_containers(prefix="", token=None)).items
    await backend.create_container("box")
    assert os.listdir(root) == ["box"]


async def test_a_relative_root_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    backend = LocalBackend("data")
    await backend.create_container("box")
    monkeypatch.chdir("/")
    await backend.put_object("box", "key", b"", WriteOptions())
    assert (tmp_path / "data" / "box" / "key").exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "a\\b", "a\0b", "a\nb", "x" * 256, "é" * 128, "\udc80"]
)
async def test_containers_that_cannot_be(box: Box, name: str) -> None:
    with pytest.raises(InvalidNameError):
        box.backend.check_name(name)
    with pytest.raises(InvalidNameError):
        await box.backend.create_container(name)


@pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "\udc80"])
async def test_keys_that_cannot_be(box: Box, key: str) -> None:
    with pytest.raises(InvalidNameError):
        box.backend.check_name("box", key)
    with pytest.raises(InvalidNameError):
        await box.put(key)
    with pytest.raises(InvalidNameError):
        await box.backend.copy_object(ObjectRef(container="box", key=key), "box", "key", None)


async def test_everything_is_on_the_disk_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    backend = LocalBackend(tmp_path, fsync=True)
    await backend.create_container("box")
    await backend.put_object("box", "a/b", b"", WriteOptions())
    assert {".", "box", "box/.aiostorage", "box/.aiostorage/metadata", "box/a"} <= set(synced)
    assert [path for path in synced if path.startswith("box/.aiostorage/new/")]
    assert [path for path in synced if path.startswith("box/.aiostorage/metadata/")]
