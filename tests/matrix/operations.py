"""Every public operation, as a small program whose outcome can be checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from aiostorage import MemoryDriver
from aiostorage.errors import AlreadyExistsError, ContainerNotFoundError
from tests.matrix.scene import BIG, NAMES, RANGE_BYTES, SMALL, content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import TypeAlias

    from aiostorage import Capabilities
    from aiostorage.errors import StorageError
    from tests.matrix.scene import Scene

    Step: TypeAlias = Callable[[Scene], Awaitable[None]]
    Settle: TypeAlias = Callable[[Scene, bool], Awaitable[None]]
    Contents: TypeAlias = Mapping[str, bytes | None] | Callable[[Scene], Mapping[str, bytes | None]]


async def _nothing(_: Scene) -> None: ...


async def _settled(_: Scene, __: bool) -> None: ...  # noqa: FBT001 - the type is Settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A call, and what is to be seen of it.

    Attributes:
        name: For the report.
        act: Makes the call, and checks what it returns.
        before: The objects that are there when it begins.
        after: The objects that it changes, when it has succeeded; None for one that is gone. When it has failed each
            is as before or as after, and nothing between.
        arrange: What else has to be there.
        settle: What else has to be so afterwards; told whether the call succeeded.
        is_possible: Whether a provider can do it.
        is_verified: Whether it reads whole objects, so that a wrong byte is found.
        allowed: The errors that may come of it where a reply was lost.
    """

    name: str
    act: Step
    before: Contents = field(default_factory=dict)
    after: Contents = field(default_factory=dict)
    arrange: Step = _nothing
    settle: Settle = _settled
    is_possible: Callable[[Capabilities], bool] = lambda _: True
    is_verified: bool = False
    allowed: tuple[type[StorageError], ...] = ()


def contents(what: Contents, scene: Scene) -> Mapping[str, bytes | None]:
    return what(scene) if callable(what) else what


# Containers


async def create_container(scene: Scene) -> None:
    assert (await scene.driver.create_container(scene.prefix + "new")).name == scene.prefix + "new"


async def remove_container(scene: Scene, is_done: bool) -> None:
    there = await has_container(scene, "new")
    assert there or not is_done
    if there:
        await scene.direct.delete_container(scene.prefix + "new")


async def has_container(scene: Scene, name: str) -> bool:
    try:
        await scene.direct.get_container(scene.prefix + name)
    except ContainerNotFoundError:
        return False
    return True


async def get_container(scene: Scene) -> None:
    assert (await scene.driver.get_container(scene.shared)).name == scene.shared


async def make_empty(scene: Scene) -> None:
    await scene.direct.create_container(scene.prefix + "old")


async def make_full(scene: Scene) -> None:
    container = await scene.direct.create_container(scene.prefix + "old")
    for number in range(3):
        await container.upload_object(SMALL, f"object {number}")
    await container.create_upload("unfinished")


async def delete_container(scene: Scene) -> None:
    await scene.driver.delete_container(scene.prefix + "old")


async def delete_empty(scene: Scene) -> None:
    await scene.driver.delete_container(scene.prefix + "old", only_if_empty=True)


async def old_is_gone(scene: Scene, is_done: bool) -> None:
    there = await has_container(scene, "old")
    assert not (is_done and there)
    if there:
        await scene.direct.delete_container(scene.prefix + "old")


async def list_containers(scene: Scene) -> None:
    names = [container.name async for container in scene.driver.list_containers(prefix=scene.shared)]
    assert names == [scene.shared]


async def list_objects(scene: Scene) -> None:
    container = scene.driver.container(scene.shared)
    found = [(obj.name, obj.size) async for obj in container.list_objects(prefix="list/", page_size=3)]
    assert found == [(name, len(name)) for name in NAMES]


async def list_folders(scene: Scene) -> None:
    container = scene.driver.container(scene.shared)
    assert [item.name async for item in container.list_objects(prefix="list/", delimiter="/")] == ["list/a/", "list/b/"]


# Writes


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
        assert await scene.content_of("key") == scene.large
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


# Reads


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
    path.unlink()


async def download_big(scene: Scene) -> None:
    path = await scene.read_only("big").download(scene.folder / "file", part_size_bytes=RANGE_BYTES, concurrency=3)
    assert path.read_bytes() == BIG
    path.unlink()


# Copies


async def copy(scene: Scene) -> None:
    await scene.object("source").copy_to(scene.there, scene.prefix + "key")


async def copy_out(scene: Scene) -> None:
    async with MemoryDriver() as memory:
        obj = await scene.read_only("big").copy_to(await memory.create_container("here"), "key")
        assert await obj.read() == BIG


async def copy_in(scene: Scene) -> None:
    async with MemoryDriver() as memory:
        here = await memory.create_container("here")
        source = await here.upload_object(scene.large, "key")
        await source.copy_to(scene.there, scene.prefix + "key", part_size_bytes=scene.part_size)


# Deletions


async def delete(scene: Scene) -> None:
    await scene.object("key").delete()


async def delete_many(scene: Scene) -> None:
    names = [scene.prefix + name for name in ("a", "b", "c", "missing")]
    outcomes = await scene.there.delete_objects(names)
    assert [outcome.key for outcome in outcomes] == names
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


# Uploads by hand


async def make_upload(scene: Scene) -> None:
    await scene.direct.create_upload(scene.work, scene.prefix + "key")


async def create_upload(scene: Scene) -> None:
    upload = await scene.driver.create_upload(scene.work, scene.prefix + "key")
    await scene.direct.abort_upload(upload)


async def list_uploads(scene: Scene) -> None:
    found = [upload.key async for upload in scene.there.list_uploads(prefix=scene.prefix)]
    assert found == [scene.prefix + "key"]


async def abort_uploads(scene: Scene) -> None:
    await scene.there.abort_stale_uploads(older_than=timedelta(days=-1), prefix=scene.prefix)


async def no_upload(scene: Scene, is_done: bool) -> None:
    found = [upload async for upload in scene.direct.list_uploads(scene.work, prefix=scene.prefix)]
    assert not (is_done and found)
    await drop_uploads(scene, is_done)


async def drop_uploads(scene: Scene, _: bool) -> None:
    await scene.direct.abort_stale_uploads(scene.work, older_than=timedelta(days=-1), prefix=scene.prefix)


async def complete_upload(scene: Scene) -> None:
    """Parts that somebody else has sent."""
    backend = scene.direct.backend
    upload = await scene.direct.create_upload(scene.work, scene.prefix + "key")
    half = scene.part_size
    for number, start in enumerate((0, half), 1):
        await backend.upload_part(upload, number, start, scene.large[start : start + half], on_sent=None)
    parts = [part async for part in scene.driver.list_parts(upload)]
    assert [part.size for part in parts] == [half, half]
    await scene.driver.complete_upload(upload, parts)


# Settings


async def get_versioning(scene: Scene) -> None:
    assert await scene.driver.container(scene.shared).get_versioning() is False


OLD = content(2000, seed=5)

OPERATIONS = [
    Operation(name="create_container", act=create_container, settle=remove_container, allowed=(AlreadyExistsError,)),
    Operation(name="get_container", act=get_container),
    Operation(name="delete_container", act=delete_container, arrange=make_full, settle=old_is_gone),
    Operation(name="delete_container only_if_empty", act=delete_empty, arrange=make_empty, settle=old_is_gone),
    Operation(name="list_containers", act=list_containers),
    Operation(name="list_objects", act=list_objects),
    Operation(name="list_objects delimiter", act=list_folders),
    Operation(name="upload small", act=upload_small, after={"key": SMALL}, settle=metadata_is_there),
    Operation(name="upload over", act=upload_small, before={"key": OLD}, after={"key": SMALL}),
    Operation(
        name="upload if_none_match",
        act=upload_if_absent,
        after={"key": SMALL},
        is_possible=lambda can: can.create_if_absent,
    ),
    Operation(
        name="upload if_match",
        act=upload_if_match,
        before={"key": OLD},
        after={"key": SMALL},
        is_possible=lambda can: can.write_if_match,
    ),
    Operation(name="upload large", act=upload_large, after=lambda scene: {"key": scene.large}),
    Operation(name="upload file", act=upload_file, before={"key": OLD}, after=lambda scene: {"key": scene.large}),
    Operation(name="upload stream", act=upload_stream, after=lambda scene: {"key": scene.large}),
    Operation(
        name="upload checkpoint",
        act=upload_resumably,
        after=lambda scene: {"key": scene.large},
        settle=resume,
    ),
    Operation(name="open_writer small", act=write_small, after={"key": SMALL}),
    Operation(name="open_writer large", act=write_large, after=lambda scene: {"key": scene.large}),
    Operation(
        name="update_object",
        act=update_object,
        before={"key": SMALL},
        settle=metadata_is_there,
        is_possible=lambda can: can.replaces_metadata or can.update_in_place,
    ),
    Operation(
        name="set_tags",
        act=set_tags,
        before={"key": SMALL},
        settle=tags_are_there,
        is_possible=lambda can: can.tags,
    ),
    Operation(
        name="get_tags", act=get_tags, before={"key": SMALL}, arrange=make_tags, is_possible=lambda can: can.tags
    ),
    Operation(name="head_object", act=head),
    Operation(name="read", act=read, is_verified=True),
    Operation(name="read big", act=read_big, is_verified=True),
    Operation(name="read range", act=read_range),
    Operation(name="read end", act=read_end),
    Operation(name="as_file", act=read_file, is_verified=True),
    Operation(name="as_file seek", act=seek_in_file),
    Operation(name="as_file lines", act=iterate_file, is_verified=True),
    Operation(name="download small", act=download_small, is_verified=True),
    Operation(name="download big", act=download_big, is_verified=True),
    Operation(name="copy", act=copy, before={"source": SMALL}, after={"key": SMALL}),
    Operation(name="copy to another provider", act=copy_out, is_verified=True),
    Operation(name="copy from another provider", act=copy_in, after=lambda scene: {"key": scene.large}),
    Operation(name="delete_object", act=delete, before={"key": SMALL}, after={"key": None}),
    Operation(name="delete_object missing", act=delete),
    Operation(
        name="delete_objects",
        act=delete_many,
        before={"a": SMALL, "b": SMALL, "c": SMALL, "d": SMALL},
        after={"a": None, "b": None, "c": None},
    ),
    Operation(name="create_upload", act=create_upload, settle=drop_uploads),
    Operation(name="list_uploads", act=list_uploads, arrange=make_upload, settle=drop_uploads),
    Operation(name="abort_stale_uploads", act=abort_uploads, arrange=make_upload, settle=no_upload),
    Operation(
        name="complete_upload",
        act=complete_upload,
        after=lambda scene: {"key": scene.large[: 2 * scene.part_size]},
        settle=drop_uploads,
    ),
    Operation(name="get_versioning", act=get_versioning, is_possible=lambda can: can.versioning),
]
