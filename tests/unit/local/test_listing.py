"""Order, pages, and what a listing costs."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import ListQuery, ObjectInfo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.local.conftest import Box

pytestmark = pytest.mark.anyio

ODD = [
    *["a", "a/", "a/b", "a//b", "a/b/", "a-", "a!", "a0", "/", "//", "/a", ".", "..", "../x", "./x", "~", " ", "A"],
    *["%", "%=", "%~a", "%41", ".aiostorage", ".aiostorage/lock", "\0", "a\0", "\x7f", "\n"],
    *["é", "e\u0301", "\uffff", "\U00010000", "\U0010ffff", "\ue000"],
    *["x" * 255, "x" * 255 + "/y", "x" * 256, "x" * 1024, "\0" * 1024, "é" * 200 + "/" + "é" * 200, "a" * 254 + "/"],
]


def age(folder: Path) -> None:
    """Have all folders look as if they had not changed for long."""
    for parent, _, _ in os.walk(folder):
        os.utime(parent, (0, 0))


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were read."""
    paths: list[str] = []
    scandir = os.scandir

    def spy(path: str) -> object:
        paths.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", spy)
    return paths


async def test_odd_keys_come_back_in_the_order_of_their_bytes(box: Box) -> None:
    for key in random.Random(1).sample(ODD, len(ODD)):
        await box.put(key, key.encode())
    expected = sorted(ODD, key=str.encode)
    assert await box.names() == expected
    assert await box.names(ListQuery(page_size=1)) == expected
    for key in ODD:
        assert await box.get(key) == key.encode()
        assert (await box.names(ListQuery(start_after=key, page_size=7))) == expected[expected.index(key) + 1 :]
        assert key in await box.names(ListQuery(prefix=key))
    for key in ODD:
        await box.backend.delete_object("box", key)
    assert os.listdir(box.path) == [".aiostorage"]


async def test_a_listing_tells_what_a_look_at_the_file_tells(box: Box) -> None:
    await box.put("key", b"content", some="metadata")
    page = await box.backend.list_objects("box", ListQuery(), token=None)
    (item,) = page.items
    head = await box.head("key")
    assert item == ObjectInfo(key="key", size=7, etag=head.etag, last_modified=head.last_modified)


async def test_only_what_is_asked_for_is_read(box: Box, scanned: list[str]) -> None:
    for folder in range(30):
        for name in range(3):
            path = box.path / f"{folder:02}" / "sub" / str(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    scanned.clear()
    page = await box.backend.list_objects("box", ListQuery(page_size=4), token=None)
    assert [item.key for item in page.items if isinstance(item, ObjectInfo)][-1] == "01/sub/0"
    assert len(scanned) == 5  # the container, and two folders twice
    scanned.clear()
    await box.names(ListQuery(prefix="07/sub/"))
    assert scanned == [f"{box.path}/07/sub"]
    scanned.clear()
    assert await box.names(ListQuery(start_after="28/sub/1")) == ["28/sub/2", "29/sub/0", "29/sub/1", "29/sub/2"]
    assert len(scanned) == 5


async def test_the_next_page_does_not_read_the_folder_again(box: Box, scanned: list[str]) -> None:
    for number in range(10):
        (box.path / f"{number}").write_bytes(b"")
    age(box.path)
    scanned.clear()
    assert await box.names(ListQuery(page_size=3)) == [str(number) for number in range(10)]
    assert len(scanned) == 1


async def test_the_next_page_of_prefixes(box: Box, scanned: list[str]) -> None:
    for key in ["a", "b/1", "b/2", "c/1", "d", "e/f/g", "h"]:
        await box.put(key)
    age(box.path)
    for size in (1, 2, 3):
        scanned.clear()
        assert await box.names(ListQuery(delimiter="/", page_size=size)) == ["a", "b/", "c/", "d", "e/", "h"]
        assert scanned.count(str(box.path)) == 1


async def test_a_folder_that_changes_twice_at_once_is_read_again(box: Box) -> None:
    """File systems count time in steps: the second change of a folder may leave no trace."""
    for number in range(0, 6, 2):
        await box.put(str(number))
    before = box.path.stat()
    query = ListQuery(page_size=1)
    page = await box.backend.list_objects("box", query, token=None)
    await box.put("1")
    os.utime(box.path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    page = await box.backend.list_objects("box", query, token=page.next_token)
    assert [item.key for item in page.items if isinstance(item, ObjectInfo)] == ["1"]


@pytest.mark.parametrize("is_old", [True, False])
async def test_a_page_shows_what_happened_since_the_page_before(box: Box, is_old: bool) -> None:
    for number in range(0, 10, 2):
        await box.put(f"folder/{number}", b"old")
    if is_old:
        age(box.path)
    query = ListQuery(page_size=2)
    page = await box.backend.list_objects("box", query, token=None)
    await box.put("folder/3")
    await box.backend.delete_object("box", "folder/6")
    info = await box.put("folder/4", b"new content")
    page = await box.backend.list_objects("box", query, token=page.next_token)
    assert [item.key for item in page.items if isinstance(item, ObjectInfo)] == ["folder/3", "folder/4"]
    assert [item.etag for item in page.items if isinstance(item, ObjectInfo)][1] == info.etag
    page = await box.backend.list_objects("box", query, token=page.next_token)
    assert [item.key for item in page.items if isinstance(item, ObjectInfo)] == ["folder/8"]
    assert page.next_token is None


async def test_a_page_can_be_asked_for_again(box: Box) -> None:
    for number in range(6):
        await box.put(str(number))
    age(box.path)
    query = ListQuery(page_size=2)
    first = await box.backend.list_objects("box", query, token=None)
    second = await box.backend.list_objects("box", query, token=first.next_token)
    assert await box.backend.list_objects("box", query, token=first.next_token) == second
    await box.backend.aclose()
    assert await box.backend.list_objects("box", query, token=first.next_token) == second


async def test_an_object_that_goes_meanwhile_is_not_shown(box: Box) -> None:
    for number in range(4):
        await box.put(str(number))
    age(box.path)
    query = ListQuery(page_size=1)
    page = await box.backend.list_objects("box", query, token=None)
    for number in (1, 2):
        (box.path / str(number)).unlink()
    os.utime(box.path, (0, 0))  # and the folder does not tell
    page = await box.backend.list_objects("box", query, token=page.next_token)
    assert [item.key for item in page.items if isinstance(item, ObjectInfo)] == ["3"]


async def test_what_cannot_be_listed(box: Box) -> None:
    with pytest.raises(UnsupportedError):
        await box.names(ListQuery(versions=True))
    with pytest.raises(InvalidArgumentError):
        await box.names(ListQuery(page_size=0))
    assert await box.names(ListQuery(prefix="x" * 2000 + "/")) == []
    assert await box.names(ListQuery(prefix="no/such/folder")) == []


async def test_a_page_has_at_most_a_thousand(box: Box) -> None:
    for number in range(1001):
        (box.path / f"{number:04}").touch()
    page = await box.backend.list_objects("box", ListQuery(page_size=5000), token=None)
    assert (len(page.items), page.next_token) == (1000, "0999")
