"""What changes objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage import MemoryDriver
from aiostorage.errors import ObjectChangedError, PreconditionFailedError
from tests.matrix.operation import Operation
from tests.matrix.scene import SMALL, content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.matrix.scene import Scene

OLD = content(2000, seed=5)


async def upload_small(scene: Scene) -> None:
    obj = await scene.there.upload_object(SMALL, scene.prefix + "key", metadata={"colour": "blue"})
    assert obj.size == len(SMALL)


async def metadata_is_there(scene: Scene, is_done: bool) -> None:
    if is_done:
        obj = await scene.direct.container(scene.work).get_object(scene.prefix + "key")
        assert obj.metadata == {"colour": "blue"}


async def upload_if_absent(scene: Scene) -> None:
    await scene.there.upload_object(SMALL, scene.prefix + "key", if_none_match="*")


async def upload_if_match(scene: Scene) -> None:
    obj = await scene.direct.container(scene.work).get_object(scene.prefix + "key")
    await scene.there.upload_object(SMALL, scene.prefix + "key", if_match=obj.etag)


async def upload_large(scene: Scene) -> None:
    obj = await scene.there.upload_object(scene.large, scene.prefix + "key", part_size_bytes=scene.part_size)
    assert obj.size == len(scene.large)


async def upload_file(scene: Scene) -> None:
    source = scene.folder.with_name(f"{scene.folder.name}.source")
    source.write_bytes(scene.large)
    try:
        await scene.there.upload_object(source, scene.prefix + "key", part_size_bytes=scene.part_size)
    finally:
        source.unlink()


async def upload_stream(scene: Scene) -> None:
    async def stream() -> AsyncIterator[bytes]:
        whole = scene.large
        for start in range(0, len(whole), 100_000):
            yield whole[start : start + 100_000]

    await scene.there.upload_object(stream(), scene.prefix + "key", part_size_bytes=scene.part_size)


async def upload_resumably(scene: Scene) -> None:
    checkpoint = scene.folder.with_name(f"{scene.folder.name}.checkpoint")
    await scene.there.upload_object(
        scene.large, scene.prefix + "key", part_size_bytes=scene.part_size, checkpoint=checkpoint
    )
    assert not checkpoint.exists()


async def resume(scene: Scene, is_done: bool) -> None:
    """The same call goes on with what has been left."""
    checkpoint = scene.folder.with_name(f"{scene.folder.name}.checkpoint")
    if not is_done:
        there = scene.direct.container(scene.work)
        await there.upload_object(
            scene.large, scene.prefix + "key", part_size_bytes=scene.part_size, checkpoint=checkpoint
        )
        assert await scene.witness.get(scene.work, scene.prefix + "key") == scene.large
        assert not checkpoint.exists()


async def write_small(scene: Scene) -> None:
    async with scene.there.open_writer(scene.prefix + "key") as writer:
        await writer.write(SMALL[:1000])
        await writer.write(SMALL[1000:])


async def write_large(scene: Scene) -> None:
    async with scene.there.open_writer(scene.prefix + "key", part_size_bytes=scene.part_size) as writer:
        for start in range(0, len(scene.large), 100_000):
            await writer.write(scene.large[start : start + 100_000])


async def update_object(scene: Scene) -> None:
    await scene.object("key").update(metadata={"colour": "blue"})


async def set_tags(scene: Scene) -> None:
    await scene.object("key").set_tags({"colour": "blue"})


async def tags_are_there(scene: Scene, is_done: bool) -> None:
    tags = await scene.direct.container(scene.work).object(scene.prefix + "key").get_tags()
    assert tags == {"colour": "blue"} or (not is_done and not tags)


async def get_tags(scene: Scene) -> None:
    assert await scene.object("key").get_tags() == {"colour": "red"}


async def make_tags(scene: Scene) -> None:
    await scene.direct.container(scene.work).object(scene.prefix + "key").set_tags({"colour": "red"})


async def set_acl(scene: Scene) -> None:
    await scene.object("key").set_acl("private")


async def copy(scene: Scene) -> None:
    await scene.object("source").copy_to(scene.there, scene.prefix + "key")


async def copy_in(scene: Scene) -> None:
    async with MemoryDriver() as memory:
        here = await memory.create_container("here")
        source = await here.upload_object(scene.large, "key")
        await source.copy_to(scene.there, scene.prefix + "key", part_size_bytes=scene.part_size)


async def copy_large(scene: Scene) -> None:
    await scene.object("source").copy_to(scene.there, scene.prefix + "key")


async def delete(scene: Scene) -> None:
    await scene.object("key").delete()


async def delete_many(scene: Scene) -> None:
    names = [scene.prefix + name for name in ("a", "b", "c", "missing")]
    outcomes = await scene.there.delete_objects(names)
    assert [outcome.key for outcome in outcomes] == names
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def _large(scene: Scene) -> dict[str, bytes | None]:
    return {"key": scene.large}


OPERATIONS = [
    Operation(
        name="upload small",
        calls="upload_object",
        act=upload_small,
        after={"key": SMALL},
        settle=metadata_is_there,
    ),
    Operation(name="upload over", calls="upload_object", act=upload_small, before={"key": OLD}, after={"key": SMALL}),
    Operation(
        name="upload if_none_match",
        calls="upload_object",
        act=upload_if_absent,
        after={"key": SMALL},
        is_possible=lambda can: can.create_if_absent,
    ),
    Operation(
        name="upload if_match",
        calls="upload_object",
        act=upload_if_match,
        before={"key": OLD},
        after={"key": SMALL},
        is_possible=lambda can: can.write_if_match,
    ),
    Operation(name="upload large", calls="upload_object", act=upload_large, after=_large),
    Operation(name="upload file", calls="upload_object", act=upload_file, before={"key": OLD}, after=_large),
    Operation(name="upload stream", calls="upload_object", act=upload_stream, after=_large),
    Operation(
        name="upload checkpoint",
        calls="upload_object",
        act=upload_resumably,
        after=_large,
        settle=resume,
        leaves_upload=True,
    ),
    Operation(name="open_writer small", calls="open_writer", act=write_small, after={"key": SMALL}),
    Operation(name="open_writer large", calls="open_writer", act=write_large, after=_large),
    Operation(
        name="update_object",
        calls="update_object",
        act=update_object,
        before={"key": SMALL},
        settle=metadata_is_there,
        is_possible=lambda can: can.replaces_metadata or can.update_in_place,
        # It is made under a condition, and has no mark by which a change would be known for one's own.
        allowed=(ObjectChangedError, PreconditionFailedError),
    ),
    Operation(
        name="set_tags",
        calls="set_tags",
        act=set_tags,
        before={"key": SMALL},
        settle=tags_are_there,
        is_possible=lambda can: can.tags,
    ),
    Operation(
        name="get_tags",
        calls="get_tags",
        act=get_tags,
        before={"key": SMALL},
        arrange=make_tags,
        is_possible=lambda can: can.tags,
    ),
    Operation(name="set_acl", calls="set_acl", act=set_acl, before={"key": SMALL}, is_possible=lambda can: can.acl),
    Operation(name="copy", calls="copy", act=copy, before={"source": SMALL}, after={"key": SMALL}),
    Operation(
        name="copy large",
        calls="copy",
        act=copy_large,
        before=lambda scene: {"source": scene.large},
        after=_large,
        is_possible=lambda can: can.limits.max_copy_size_bytes < 200_000 and can.server_side_copy,
    ),
    Operation(name="copy from another provider", calls="copy", act=copy_in, after=_large),
    Operation(name="delete_object", calls="delete_object", act=delete, before={"key": SMALL}, after={"key": None}),
    Operation(name="delete_object missing", calls="delete_object", act=delete),
    Operation(
        name="delete_objects",
        calls="delete_objects",
        act=delete_many,
        before={"a": SMALL, "b": SMALL, "c": SMALL, "d": SMALL},
        after={"a": None, "b": None, "c": None},
    ),
]
