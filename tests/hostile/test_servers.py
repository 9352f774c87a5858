"""A server may answer what it wants: there is an error of the package, or a result, and no harm.

The bound on memory is that of the whole process, server included, over the most that it took before. A
document is read up to 64 MiB, in pieces that are then joined; so 256 MiB is what one answer may take, and is
far below what each of these answers takes where nobody looks (a gigabyte and more).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aiostorage import InvalidNameError, StorageError, UnexpectedResponseError
from tests.hostile.attacks import ATTACKS, LARGE, as_json, xml
from tests.hostile.clients import INFO, PROVIDERS, SECRETS, connect, is_about_the_cluster, operations, some
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

MAX_GROWTH_BYTES = 256 * 1024 * 1024
MAX_CHARS = 2000
PATIENCE_S = 120.0
"""For what would otherwise never end; nothing here takes seconds, but machines stall."""


OF_DOCUMENTS = {"list containers", "list", "put", "copy", "delete many", "read a range"}
"""What reads answers whole, and is asked where an answer is large. (Content may be as long as it likes.)"""


class Memory:
    """The most memory that this process takes, from now on; known on Linux only."""

    def __init__(self) -> None:
        self._is_known = sys.platform == "linux"
        if self._is_known:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets the peak
        self._before = self._peak()

    def _peak(self) -> int:
        if not self._is_known:
            return 0
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def growth(self) -> int:
        return self._peak() - self._before


def check_words(text: str) -> None:
    """What is shown to a user, or written to a log: short, of one line, and no secret in it."""
    assert len(text) <= MAX_CHARS
    assert text.isprintable()
    assert not any(secret in text for secret in SECRETS)
    text.encode()


def by(answer: Callable[[Seen], Answer]) -> ScriptedServer:
    return ScriptedServer(answer=lambda seen: INFO if is_about_the_cluster(seen) else answer(seen))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_clear_error_or_a_right_result(
    provider: str, attack: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="aiostorage")
    memory = Memory()
    async with by(ATTACKS[attack]) as server, connect(provider, server.url) as driver:
        failures: list[StorageError] = []
        for name, operation in operations(driver, tmp_path).items():
            if attack in LARGE and name not in OF_DOCUMENTS:
                continue
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await operation()
            except StorageError as error:
                failures.append(error)
        assert {seen.headers["host"] for seen in server.seen} == {server.url.removeprefix("http://")}
    assert memory.growth() < MAX_GROWTH_BYTES
    for failure in failures:
        assert not isinstance(failure, InvalidNameError)
        check_words(str(failure))
        check_words(f"{failure.code}{failure.request_id}")
    assert [*tmp_path.iterdir()] in ([], [tmp_path / "file"])
    for record in caplog.records:
        check_words(record.getMessage())
        check_words(str({key: value for key, value in vars(record).items() if key.startswith("storage_")}))


# Listings


def entry(provider: str, key: str, token: str | None = None) -> Answer:
    """A page of one object; of none, where it has no name."""
    quoted = "".join(f"%{byte:02X}" for byte in key.encode())
    match provider:
        case "s3":
            more = "" if token is None else f"<NextContinuationToken>{token}</NextContinuationToken>"
            found = f"<Contents><Key>{quoted}</Key><Size>7</Size></Contents>" if key else ""
            return xml(
                f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{str(token is not None).lower()}"
                f"</IsTruncated>{more}{found}</ListBucketResult>".encode()
            )
        case "gcs":
            items = [{"name": key, "size": "7", "generation": "1"}] if key else []
            return as_json(json.dumps({"items": items, "nextPageToken": token}).encode())
        case "azure":
            found = f'<Blob><Name Encoded="true">{quoted}</Name><Properties/></Blob>' if key else ""
            return xml(
                f"<EnumerationResults><Blobs>{found}</Blobs><NextMarker>{token or ''}</NextMarker>"
                "</EnumerationResults>".encode()
            )
        case _:
            return as_json(json.dumps([{"name": key, "bytes": 7}] if key else []).encode())


@pytest.mark.parametrize("provider", ["s3", "gcs", "azure"])
async def test_a_token_that_comes_again_ends_a_listing(provider: str) -> None:
    async with by(lambda _: entry(provider, "", "t")) as server, connect(provider, server.url) as driver:
        with pytest.raises(UnexpectedResponseError, match="does not advance"):
            await some(driver.container("box").list_objects())


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_listing_that_never_ends_can_be_left(provider: str) -> None:
    """Empty pages are no end of a listing, so who asks decides how long to wait; meanwhile nothing piles up."""
    pages = 0
    has_gone_on = asyncio.Event()

    def answer(_: Seen) -> Answer:
        nonlocal pages
        pages += 1
        if pages == 200:
            has_gone_on.set()
        return entry(provider, f"{pages:09}" if provider == "swift" else "", f"t{pages}")

    async with by(answer) as server, connect(provider, server.url) as driver:
        memory = Memory()

        async def read_all() -> None:
            async for _ in driver.container("box").list_objects(page_size=1):
                pass

        reading = asyncio.ensure_future(read_all())
        await has_gone_on.wait()
        assert not reading.done()
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        assert memory.growth() < MAX_GROWTH_BYTES / 8


HOSTILE_KEYS = (
    "../../etc/passwd", "/etc/passwd", "..", ".", "a/..", "a/../../b", "a//", "a\0b", "out/../..", "link/file",
    "x" * 256, "\u0416" * 200, "a/" * 3, "./.", "~/.ssh/", "C:/../..",
)  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("key", HOSTILE_KEYS)
async def test_no_key_of_a_listing_leaves_the_folder(provider: str, key: str, tmp_path: Path) -> None:
    """A key names a file in the folder, or none; whatever else, nothing outside of it is touched."""
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (folder / "file").symlink_to(outside / "target")
    is_listed = {"GET": False}

    def answer(seen: Seen) -> Answer:
        if not is_listed["GET"]:
            is_listed["GET"] = True
            return entry(provider, key)
        return Answer(headers={"ETag": '"e"', "x-goog-generation": "1"}, body=b"content")

    async with by(answer) as server, connect(provider, server.url) as driver:
        try:
            (obj,) = await some(driver.container("box").list_objects(page_size=1), most=1)
            path = await obj.download(folder)  # type: ignore[attr-defined]  # it is an object
        except StorageError as error:
            check_words(str(error))
        else:
            assert path.parent == folder
            assert path.read_bytes() == b"content"
    assert [*outside.iterdir()] == []
    assert {*tmp_path.iterdir()} == {outside, folder}
