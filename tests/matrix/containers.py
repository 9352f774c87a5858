"""What is done with containers, and with uploads that last longer than a call."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aiostorage.errors import AlreadyExistsError
from tests.matrix.operation import Operation
from tests.matrix.scene import NAMES, SMALL

if TYPE_CHECKING:
    from tests.matrix.scene import Scene


async def create_container(scene: Scene) -> None:
    assert (await scene.driver.create_container(scene.prefix + "new")).name == scene.prefix + "new"


async def new_is_there(scene: Scene, is_done: bool) -> None:
    assert await scene.witness.has_container(scene.prefix + "new") or not is_done
    await scene.witness.remove_container(scene.prefix + "new")


async def get_container(scene: Scene) -> None:
    assert (await scene.driver.get_container(scene.shared)).name == scene.shared


async def make_empty(scene: Scene) -> None:
    await scene.witness.make_container(scene.prefix + "old")


async def make_full(scene: Scene) -> None:
    await make_empty(scene)
    for number in range(3):
        await scene.witness.put(scene.prefix + "old", f"object {number}", SMALL)
    await scene.witness.begin_upload(scene.prefix + "old", "unfinished", SMALL)


async def delete_container(scene: Scene) -> None:
    await scene.driver.delete_container(scene.prefix + "old")


async def delete_empty(scene: Scene) -> None:
    await scene.driver.delete_container(scene.prefix + "old", only_if_empty=True)


async def old_is_gone(scene: Scene, is_done: bool) -> None:
    assert not (is_done and await scene.witness.has_container(scene.prefix + "old"))
    await scene.witness.remove_container(scene.prefix + "old")


async def list_containers(scene: Scene) -> None:
    names = [container.name async for container in scene.driver.list_containers(prefix=scene.shared)]
    assert names in ([scene.shared], [scene.shared, f"{scene.shared}_segments"])


async def list_objects(scene: Scene) -> None:
    container = scene.driver.container(scene.shared)
    found = [(obj.name, obj.size) async for obj in container.list_objects(prefix="list/", page_size=3)]
    assert found == [(name, len(name)) for name in NAMES]


async def list_folders(scene: Scene) -> None:
    container = scene.driver.container(scene.shared)
    assert [item.name async for item in container.list_objects(prefix="list/", delimiter="/")] == ["list/a/", "list/b/"]


# Uploads by hand


async def make_upload(scene: Scene) -> None:
    await scene.witness.begin_upload(scene.work, scene.prefix + "key", SMALL)


async def create_upload(scene: Scene) -> None:
    assert (await scene.driver.create_upload(scene.work, scene.prefix + "key")).key == scene.prefix + "key"


async def list_uploads(scene: Scene) -> None:
    found = [upload.key async for upload in scene.there.list_uploads(prefix=scene.prefix)]
    assert found == [scene.prefix + "key"]


async def abort_stale(scene: Scene) -> None:
    await scene.there.abort_stale_uploads(older_than=timedelta(days=-1), prefix=scene.prefix)


async def no_upload(scene: Scene, is_done: bool) -> None:
    if not is_done:
        await drop_uploads(scene, is_done)


async def drop_uploads(scene: Scene, _: bool) -> None:
    await scene.direct.abort_stale_uploads(scene.work, older_than=timedelta(days=-1), prefix=scene.prefix)


async def send_parts(scene: Scene) -> None:
    backend = scene.direct.backend
    upload = scene.upload = await scene.direct.create_upload(scene.work, scene.prefix + "key")
    for number, start in enumerate((0, scene.part_size), 1):
        piece = scene.large[start : start + scene.part_size]
        await backend.upload_part(upload, number, start, piece, on_sent=None)


async def list_parts(scene: Scene) -> None:
    parts = [part async for part in scene.driver.list_parts(scene.begun)]
    assert [(part.number, part.size) for part in parts] == [(1, scene.part_size), (2, scene.part_size)]


async def complete_upload(scene: Scene) -> None:
    """Parts that somebody else has sent."""
    parts = [part async for part in scene.direct.list_parts(scene.begun)]
    await scene.driver.complete_upload(scene.begun, parts)


async def abort_upload(scene: Scene) -> None:
    await scene.driver.abort_upload(scene.begun)


# Settings


async def get_versioning(scene: Scene) -> None:
    assert await scene.driver.container(scene.shared).get_versioning() is False


async def set_versioning(scene: Scene) -> None:
    await scene.driver.container(scene.prefix + "old").set_versioning(is_kept=True)


async def keeps_versions(scene: Scene, is_done: bool) -> None:
    assert await scene.direct.container(scene.prefix + "old").get_versioning() or not is_done
    await scene.witness.remove_container(scene.prefix + "old")


async def get_labels(scene: Scene) -> None:
    assert await scene.driver.container(scene.shared).get_tags() == {}


async def set_labels(scene: Scene) -> None:
    await scene.driver.container(scene.prefix + "old").set_tags({"colour": "blue"})


async def has_labels(scene: Scene, is_done: bool) -> None:
    assert await scene.direct.container(scene.prefix + "old").get_tags() == {"colour": "blue"} or not is_done
    await scene.witness.remove_container(scene.prefix + "old")


async def make_setting(scene: Scene) -> None:
    await make_empty(scene)
    await scene.direct.container(scene.prefix + "old").set_setting("cors", scene.cors)


async def get_setting(scene: Scene) -> None:
    assert "app.example" in (await scene.driver.container(scene.prefix + "old").get_setting("cors") or "")


async def set_setting(scene: Scene) -> None:
    await scene.driver.container(scene.prefix + "old").set_setting("cors", scene.cors)


async def delete_setting(scene: Scene) -> None:
    await scene.driver.container(scene.prefix + "old").delete_setting("cors")


async def has_setting(scene: Scene, is_done: bool) -> None:
    found = await scene.direct.container(scene.prefix + "old").get_setting("cors")
    assert "app.example" in (found or "") or not is_done
    await scene.witness.remove_container(scene.prefix + "old")


async def has_no_setting(scene: Scene, is_done: bool) -> None:
    assert not await scene.direct.container(scene.prefix + "old").get_setting("cors") or not is_done
    await scene.witness.remove_container(scene.prefix + "old")


async def remove_old(scene: Scene, _: bool) -> None:
    await scene.witness.remove_container(scene.prefix + "old")


OPERATIONS = [
    Operation(
        name="create_container",
        calls="create_container",
        act=create_container,
        settle=new_is_there,
        allowed=(AlreadyExistsError,),
    ),
    Operation(name="get_container", calls="get_container", act=get_container),
    Operation(
        name="delete_container", calls="delete_container", act=delete_container, arrange=make_full, settle=old_is_gone
    ),
    Operation(
        name="delete_container only_if_empty",
        calls="delete_container",
        act=delete_empty,
        arrange=make_empty,
        settle=old_is_gone,
    ),
    Operation(name="list_containers", calls="list_containers", act=list_containers),
    Operation(name="list_objects", calls="list_objects", act=list_objects),
    Operation(name="list_objects delimiter", calls="list_objects", act=list_folders),
    Operation(name="create_upload", calls="create_upload", act=create_upload, settle=drop_uploads),
    Operation(name="list_uploads", calls="list_uploads", act=list_uploads, arrange=make_upload, settle=drop_uploads),
    Operation(name="list_parts", calls="list_parts", act=list_parts, arrange=send_parts, settle=drop_uploads),
    Operation(
        name="complete_upload",
        calls="complete_upload",
        act=complete_upload,
        arrange=send_parts,
        after=lambda scene: {"key": scene.large[: 2 * scene.part_size]},
        settle=drop_uploads,
    ),
    Operation(name="abort_upload", calls="abort_upload", act=abort_upload, arrange=send_parts, settle=no_upload),
    Operation(
        name="abort_stale_uploads", calls="abort_stale_uploads", act=abort_stale, arrange=make_upload, settle=no_upload
    ),
    Operation(
        name="get_versioning", calls="get_versioning", act=get_versioning, is_possible=lambda can: can.versioning
    ),
    Operation(
        name="set_versioning",
        calls="set_versioning",
        act=set_versioning,
        arrange=make_empty,
        settle=keeps_versions,
        is_possible=lambda can: can.versioning,
    ),
    Operation(name="get_container_tags", calls="get_container_tags", act=get_labels, is_possible=lambda can: can.tags),
    Operation(
        name="set_container_tags",
        calls="set_container_tags",
        act=set_labels,
        arrange=make_empty,
        settle=has_labels,
        is_possible=lambda can: can.tags,
    ),
    Operation(
        name="get_setting",
        calls="get_setting",
        act=get_setting,
        arrange=make_setting,
        settle=remove_old,
        is_possible=lambda can: "cors" in can.settings,
    ),
    Operation(
        name="set_setting",
        calls="set_setting",
        act=set_setting,
        arrange=make_empty,
        settle=has_setting,
        is_possible=lambda can: "cors" in can.settings,
    ),
    Operation(
        name="delete_setting",
        calls="delete_setting",
        act=delete_setting,
        arrange=make_setting,
        settle=has_no_setting,
        is_possible=lambda can: "cors" in can.settings,
    ),
]
