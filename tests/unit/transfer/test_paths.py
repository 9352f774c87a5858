from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage import AlreadyExistsError, InvalidNameError, safe_join
from aiostorage._transfer.paths import FileWriter, write_file


@pytest.mark.parametrize("key", ["a", "a/b.txt", "2026/cat.jpg", "...", "a b", "ü/é", "-rf", "C:x"])
def test_ordinary_keys_become_paths(tmp_path: Path, key: str) -> None:
    assert safe_join(tmp_path, key) == tmp_path.resolve() / key


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "./a", "a//b", "a/", "a\0b", "//host/share"]
)
def test_keys_that_leave_the_folder_or_name_no_file_are_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidNameError):
        safe_join(tmp_path, key)


@given(key=st.text(alphabet=st.sampled_from("./\\a\0:~ "), max_size=12))
def test_no_key_leaves_the_folder(key: str) -> None:
    folder = Path("/some/folder")
    try:
        path = safe_join(folder, key)
    except InvalidNameError:
        return
    assert Path(os.path.normpath(path)) == path
    assert path.is_relative_to(folder.resolve())
    assert path != folder


@pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make symbolic links")
def test_a_symbolic_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    with pytest.raises(InvalidNameError, match="symbolic link"):
        safe_join(inside, "link/file")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    file = FileWriter(target, "key", overwrite=True)
    file.write_at(3, [b"lo", memoryview(b" there")])
    file.write_at(0, [b"hel"])
    assert target.read_bytes() == b"old"
    file.publish(fsync=True)
    file.discard()
    assert target.read_bytes() == b"hello there"
    assert list(tmp_path.iterdir()) == [target]


def test_a_system_without_reads_and_writes_by_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows is."""
    for name in ("pread", "preadv", "pwrite", "pwritev"):
        monkeypatch.delattr(os, name)
    size, parts = 1000, 8
    content = os.urandom(size * parts)
    file = FileWriter(tmp_path / "file", "key", overwrite=True)

    def write_and_read(start: int) -> bytes:
        middle = start + size // 2
        file.write_at(start, [b"", content[start:middle], memoryview(content)[middle : start + size]])
        return file.read_at(start, size)

    with ThreadPoolExecutor(parts) as threads:
        assert b"".join(threads.map(write_and_read, range(0, len(content), size))) == content
    file.publish(fsync=False)
    assert (tmp_path / "file").read_bytes() == content


def test_a_missing_folder_is_told_by_the_path_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for destination in (tmp_path / "none" / "file", tmp_path / "file" / "file"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)) as caught:
            FileWriter(destination, "key", overwrite=True)
        assert caught.value.filename == str(destination)


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    file = FileWriter(tmp_path / "file", "key", overwrite=True)
    file.write_at(0, [b"x"])
    file.discard()
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appeared_meanwhile_is_not_overwritten_unless_it_may_be(tmp_path: Path) -> None:
    target = tmp_path / "file"
    file = FileWriter(target, "key", overwrite=False)
    target.write_bytes(b"theirs")
    with pytest.raises(AlreadyExistsError):
        file.publish(fsync=False)
    file.discard()
    with pytest.raises(AlreadyExistsError):
        FileWriter(target, "key", overwrite=False)
    assert target.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_a_long_name_still_has_room_for_a_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 255)
    file = FileWriter(target, "key", overwrite=True)
    file.publish(fsync=False)
    assert target.exists()


def test_into_a_folder_goes_a_file_named_after_the_key(tmp_path: Path) -> None:
    assert write_file(tmp_path, "2026/cat.jpg", b"meow", overwrite=False, fsync=False) == tmp_path.resolve() / "cat.jpg"
    assert (tmp_path / "cat.jpg").read_bytes() == b"meow"
    for key in ("2026/", "2026/..", "a/\0"):
        with pytest.raises(InvalidNameError):
            write_file(tmp_path, key, b"", overwrite=True, fsync=False)
    assert [path.name for path in tmp_path.iterdir()] == ["cat.jpg"]
