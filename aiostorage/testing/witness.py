"""Whoever arranges and checks what a provider holds, without the driver under test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aiostorage.models import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping


def _nothing() -> Mapping[str, str]:
    return EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An object as a witness sees it. ``metadata`` has names in lower case and values as they are stored."""

    size: int
    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    metadata: Mapping[str, str] = field(default_factory=_nothing)


class Witness(Protocol):
    """Another way to the provider's data: another client, the files on the disk, the database.

    It must share no code with the driver under test, or it proves nothing. Keys are opaque here, too:
    what is put under a key must be under exactly that key. Blocking work belongs into a thread.
    """

    async def make_container(self, container: str) -> None:
        """Make a container that is not there yet."""
        ...

    async def has_container(self, container: str) -> bool:
        """Whether there is a container of this name."""
        ...

    async def remove_container(self, container: str) -> None:
        """Remove a container with all objects, versions and unfinished uploads; that there is none is fine."""
        ...

    async def put(
        self,
        container: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = EMPTY,
    ) -> None:
        """Store an object, or replace it."""
        ...

    async def get(self, container: str, key: str) -> bytes | None:
        """The content of an object; None where there is none."""
        ...

    async def head(self, container: str, key: str) -> Seen | None:
        """The properties of an object; None where there is none."""
        ...

    async def keys(self, container: str) -> list[str]:
        """All keys of a container, in any order."""
        ...

    async def delete(self, container: str, key: str) -> None:
        """Remove an object that is there."""
        ...

    async def begin_upload(self, container: str, key: str, part: bytes) -> None:
        """Begin an upload by parts, store its first part, and leave it so."""
        ...

    async def open_uploads(self, container: str) -> list[str]:
        """The key of each upload that is neither completed nor aborted, or of whatever such uploads have left."""
        ...

    async def keep_versions(self, container: str) -> None:
        """Have the container keep versions. Only asked of providers that say they can."""
        ...
