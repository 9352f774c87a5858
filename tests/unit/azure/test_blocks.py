from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from aiostorage.models import Upload
from aiostorage.providers.azure import blocks
from aiostorage.providers.azure.blocks import FOREIGN, AbortedUploads, Block, block_name, parse_block

ID = "0123456789abcdef" * 2


def upload(upload_id: str = ID, key: str = "key") -> Upload:
    return Upload(container="c", key=key, upload_id=upload_id)


def test_all_ids_are_of_one_length_and_need_no_padding() -> None:
    names = [block_name(ID, number) for number in (1, 9, 10, 50_000)]
    assert len(set(names)) == 4
    assert {len(b64decode(name)) for name in names} == {39}
    assert all(name.isalnum() or set(name) <= set(name) - {"="} for name in names)
    assert parse_block(names[3], 7) == Block(ID, 50_000, names[3], 7)


@pytest.mark.parametrize("name", ["", "!", "YWJj", b64encode(f"{ID}-12345".encode()).decode(), block_name("X" * 32, 1)])
def test_blocks_of_other_software(name: str) -> None:
    assert parse_block(name, 7) == Block(FOREIGN, 0, name, 7)


def test_only_what_was_aborted_is_nobodys() -> None:
    aborted = AbortedUploads()
    ours, other = Block(ID, 1, "", 1), Block("f" * 32, 1, "", 1)
    assert not aborted.cover(upload(), [ours])
    aborted.add(upload())
    assert aborted.cover(upload(), [ours])
    assert not aborted.cover(upload(), [ours, other])
    assert not aborted.cover(upload(key="another"), [ours])
    aborted.add(upload("f" * 32))
    assert aborted.cover(upload(), [ours, other])


def test_what_is_left_is_known_until_it_is_aborted_again() -> None:
    aborted = AbortedUploads()
    aborted.add(upload())
    assert not aborted.is_left(upload())
    aborted.leave(upload())
    assert aborted.is_left(upload())
    aborted.add(upload())
    assert not aborted.is_left(upload())


def test_only_the_latest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_REMEMBERED", 2)
    aborted = AbortedUploads()
    for number in range(3):
        aborted.add(upload(f"{number:032}"))
    assert [aborted.cover(upload(), [Block(f"{number:032}", 1, "", 1)]) for number in range(3)] == [False, True, True]
