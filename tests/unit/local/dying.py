"""Does something to copies of a container, and is killed each time one step later.

``python -m tests.unit.local.dying CONTAINER OPERATION``: beside the container, in a copy ``c0`` of it, it
is killed before the first change of the file system; in ``c1`` before the second, and so on. It prints
the number of the copy in which nothing was left to be killed before.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from itertools import count

from aiostorage.models import ObjectRef, WriteOptions
from aiostorage.providers.local import LocalBackend

_CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "os.truncate"}

NEW = WriteOptions(content_type="text/new", metadata={"version": "new"})


async def overwrite(backend: LocalBackend, container: str) -> None:
    await backend.put_object(container, "old", b"new content", NEW)


async def displace(backend: LocalBackend, container: str) -> None:
    await backend.put_object(container, "old/below", b"new content", NEW)


async def delete(backend: LocalBackend, container: str) -> None:
    await backend.delete_object(container, "deep/er/object")


async def complete(backend: LocalBackend, container: str) -> None:
    upload = await backend.create_upload(container, "old", NEW)
    part = await backend.upload_part(upload, 1, 0, b"new content")
    await backend.complete_upload(upload, [part], NEW)


async def copy(backend: LocalBackend, container: str) -> None:
    await backend.copy_object(ObjectRef(container=container, key="deep/er/object"), container, "old", None)


OPERATIONS = {function.__name__: function for function in (overwrite, displace, delete, complete, copy)}


def run(root: str, operation: str, number: int) -> None:
    """Die before change ``number`` of what lies in container ``number``."""
    folder = f"{root}/c{number}"
    left = number

    def die(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _CHANGES and str(arguments[0]).startswith(folder):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(die)
    asyncio.run(OPERATIONS[operation](LocalBackend(root), f"c{number}"))


def main(container: str, operation: str) -> None:
    root = os.path.dirname(container)
    for number in count():
        shutil.copytree(container, f"{root}/c{number}", copy_function=shutil.copy2)
        child = os.fork()  # there is only this thread
        if child == 0:
            run(root, operation, number)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            sys.stdout.write(f"{number}\n")
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
