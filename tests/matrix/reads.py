"""What reads objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage import MemoryDriver
from tests.matrix.operation import Operation
from tests.matrix.scene import BIG, RANGE_BYTES, SMALL

if TYPE_CHECKING:
    from tests.matrix.scene import Scene


async def get_object(scene: Scene) -> None:
    obj = await scene.driver.get_object(scene.shared, "small")
    assert (obj.name, obj.size) == ("small", len(SMALL))


async def head(scene: Scene) -> None:
    assert (await scene.read_only("small").refresh()).size == len(SMALL)


async def read(scene: Scene) -> None:
    assert await scene.read_only("small").read() == SMALL


async def read_big(scene: Scene) -> None:
    assert await scene.read_only("big").read() == BIG


async def read_range(scene: Scene) -> None:
    assert await scene.read_only("big").read(byte_range=(70_000, 80_000)) == BIG[70_000:80_000]


async def read_end(scene: Scene) -> None:
    assert await scene.read_only("big").read(byte_range=(-500, None)) == BIG[-500:]


async def read_file(scene: Scene) -> None:
    async with scene.read_only("big").as_file() as file:
        pieces = [await file.read(1000)]
        while piece := await file.read(100_000):
            pieces.append(piece)
    assert b"".join(pieces) == BIG


async def seek_in_file(scene: Scene) -> None:
    async with scene.read_only("big").as_file() as file:
        assert await file.read(10) == BIG[:10]
        await file.seek(200_000)
        assert await file.read(50_000) == BIG[200_000:250_000]
        await file.seek(5)
        assert await file.read(5) == BIG[5:10]


async def iterate_file(scene: Scene) -> None:
    async with scene.read_only("small").as_file() as file:
        assert b"".join([line async for line in file]) == SMALL


async def download_small(scene: Scene) -> None:
    path = await scene.read_only("small").download(scene.folder / "file")
    assert path.read_bytes() == SMALL


async def download_big(scene: Scene) -> None:
    path = await scene.read_only("big").download(scene.folder / "file", part_size_bytes=RANGE_BYTES, concurrency=3)
    assert path.read_bytes() == BIG


async def file_is_whole(scene: Scene, is_done: bool) -> None:
    """Or not there. Whoever leaves while it gets its name may find it all the same."""
    path = scene.folder / "file"
    if is_done or path.exists():
        assert path.read_bytes() in {SMALL, BIG}
        path.unlink()


async def copy_out(scene: Scene) -> None:
    async with MemoryDriver() as memory:
        obj = await scene.read_only("big").copy_to(await memory.create_container("here"), "key")
        assert await obj.read() == BIG


async def presign(scene: Scene) -> None:
    assert (await scene.read_only("small").presign()).url


OPERATIONS = [
    Operation(name="get_object", calls="get_object", act=get_object),
    Operation(name="head_object", calls="head_object", act=head),
    Operation(name="read", calls="read_object", act=read, is_verified=True, reads_again=True),
    Operation(name="read big", calls="read_object", act=read_big, is_verified=True, reads_again=True),
    Operation(name="read range", calls="read_object", act=read_range),
    Operation(name="read end", calls="read_object", act=read_end),
    Operation(name="as_file", calls="open_object", act=read_file, is_verified=True),
    Operation(name="as_file seek", calls="open_object", act=seek_in_file),
    Operation(name="as_file lines", calls="open_object", act=iterate_file, is_verified=True),
    Operation(
        name="download small",
        calls="download_object",
        act=download_small,
        settle=file_is_whole,
        is_verified=True,
        reads_again=True,
    ),
    Operation(
        name="download big",
        calls="download_object",
        act=download_big,
        settle=file_is_whole,
        is_verified=True,
        reads_again=True,
    ),
    Operation(name="copy to another provider", calls="copy", act=copy_out, is_verified=True),
    Operation(name="presign", calls="presign", act=presign, is_possible=lambda can: can.presign),
]
