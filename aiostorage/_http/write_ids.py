"""Was it us? A write whose reply was lost is sent again, and may then be refused because of its own success.

What is written under a condition carries a random value in its metadata, by which it is recognised.
Content alone would not do: of two that race to write the same, both would believe that they have won.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiostorage.errors import ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiostorage.errors import StorageError
    from aiostorage.models import ObjectInfo, WriteOptions

NAME: Final = "aiostorage-write-id"
"""Name of the metadata that holds it, which nobody is shown."""


def new_write_id(options: WriteOptions | None) -> str | None:
    """What tells this write from all others, where that may be needed."""
    if options is None or (options.if_match is None and options.if_none_match is None):
        return None
    return secrets.token_hex(16)


def marked(options: WriteOptions, write_id: str | None) -> WriteOptions:
    """The same with the mark in the metadata, if there is one."""
    return options if write_id is None else replace(options, metadata={**options.metadata, NAME: write_id})


async def written_before(
    write_id: str | None, error: StorageError, look: Callable[[], Awaitable[tuple[ObjectInfo, str | None]]]
) -> ObjectInfo:
    """The object, if an earlier try of a request that was refused has written it.

    Args:
        write_id: What it was marked with.
        error: How it was refused.
        look: Tells what is there, and what that was marked with.

    Raises:
        StorageError: It was not this write; then that is ``error``.
    """
    if error.attempts > 1 and write_id is not None:
        with suppress(ObjectNotFoundError):
            info, found = await look()
            if found == write_id:
                return info
    raise error
