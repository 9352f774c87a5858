"""Whether a service obeys conditions, found out by trying."""

from __future__ import annotations

import contextlib
import functools
import secrets
from typing import TYPE_CHECKING, TypeAlias

from aiostorage._tasks import clean_up, each
from aiostorage.errors import (
    InvalidArgumentError,
    NotFoundError,
    NotModifiedError,
    PreconditionFailedError,
    StorageError,
    UnsupportedError,
)
from aiostorage.models import WHOLE, Conditions, ObjectRef, ReadOptions, WriteOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from aiostorage.backend import Backend

    Write: TypeAlias = Callable[[str, bytes, WriteOptions], Awaitable[object]]

RACERS = 8
RACES = 3
"""A service that looks first and writes later is caught by a race, but not by every one."""


async def verify_conditions(backend: Backend, container: str) -> Conditions:
    """Try each condition that the driver would rely on, and say which of them the service obeys.

    One that it obeys when nobody else writes, but not while others do, counts as not obeyed, where a race shows it.
    """
    probe = _Probe(backend, container)
    try:
        return Conditions(
            create_if_absent=await _holds(probe.create_if_absent()),
            write_if_match=await _holds(probe.write_if_match()),
            conditional_parts=await _holds(probe.conditional_parts()),
            conditional_copy=await _holds(probe.conditional_copy()),
            read_conditions=await _holds(probe.read_conditions()),
            delete_if_match=await _holds(probe.delete_if_match()),
        )
    finally:
        failure = await clean_up(probe.remove())
        if isinstance(failure, StorageError):
            raise failure


async def _holds(trial: Coroutine[None, None, bool]) -> bool:
    try:
        return await trial
    except (UnsupportedError, InvalidArgumentError):  # the driver refuses it, or the service does
        return False


class _Probe:
    """Trials on an object that nobody else knows of, and a second one for copies."""

    def __init__(self, backend: Backend, container: str) -> None:
        self._backend = backend
        self._container = container
        self._key = f"aiostorage-verify-{secrets.token_hex(8)}"
        self._other = f"{self._key}-source"

    async def create_if_absent(self) -> bool:
        return await self._creates(self._put) and await self._one_wins(is_new=True)

    async def write_if_match(self) -> bool:
        return await self._replaces(self._put) and await self._one_wins(is_new=False)

    async def conditional_parts(self) -> bool:
        return await self._creates(self._put_parts) and await self._replaces(self._put_parts)

    async def conditional_copy(self) -> bool:
        await self._fresh(self._other)
        return await self._creates(self._copy) and await self._replaces(self._copy)

    async def read_conditions(self) -> bool:
        stale, etag = await self._fresh(self._key), await self._fresh(self._key)
        return (
            await self._refuses(self._get(ReadOptions(if_match=stale)))
            and await self._refuses(self._get(ReadOptions(if_none_match=etag)), NotModifiedError)
            and await self._accepts(self._get(ReadOptions(if_match=etag)))
        )

    async def delete_if_match(self) -> bool:
        stale, etag = await self._fresh(self._key), await self._fresh(self._key)
        is_spared = await self._refuses(self._delete(stale))
        return is_spared and await self._accepts(self._delete(etag)) and not await self._accepts(self._get(WHOLE))

    async def remove(self) -> None:
        for key in (self._key, self._other):
            await self._backend.delete_object(self._container, key)

    async def _creates(self, write: Write) -> bool:
        """Whether a condition that nothing is there is obeyed, both ways."""
        condition = WriteOptions(if_none_match="*")
        await self._fresh(self._key)
        if not await self._refuses(write(self._key, b"second", condition)):
            return False
        await self._backend.delete_object(self._container, self._key)
        return await self._accepts(write(self._key, b"third", condition))

    async def _replaces(self, write: Write) -> bool:
        """Whether a condition that one version is there is obeyed, both ways."""
        stale, etag = await self._fresh(self._key), await self._fresh(self._key)
        is_spared = await self._refuses(write(self._key, b"x", WriteOptions(if_match=stale)))
        return is_spared and await self._accepts(write(self._key, b"y", WriteOptions(if_match=etag)))

    async def _one_wins(self, *, is_new: bool) -> bool:
        """Whether one of many that write at once wins, and the others hear of it."""
        for _ in range(RACES):
            condition = WriteOptions(if_none_match="*")
            if is_new:
                await self._backend.delete_object(self._container, self._key)
            else:
                condition = WriteOptions(if_match=await self._fresh(self._key))
            race = functools.partial(self._race, condition)
            won = await each(race, range(RACERS), at_once=RACERS)
            if sum(won) != 1:
                return False
        return True

    async def _race(self, condition: WriteOptions, number: int) -> bool:
        return await self._accepts(self._put(self._key, b"%d" % number, condition))

    async def _fresh(self, key: str) -> str:
        """The etag of an object that was just written."""
        info = await self._backend.put_object(self._container, key, secrets.token_bytes(8), WriteOptions())
        if info.etag is None:
            raise UnsupportedError("a write does not tell the etag", provider=self._backend.name)
        return info.etag

    async def _put(self, key: str, content: bytes, options: WriteOptions) -> None:
        await self._backend.put_object(self._container, key, content, options)

    async def _put_parts(self, key: str, content: bytes, options: WriteOptions) -> None:
        upload = await self._backend.create_upload(self._container, key, options)
        try:
            part = await self._backend.upload_part(upload, 1, 0, content)
            await self._backend.complete_upload(upload, [part], options)
        except BaseException:
            with contextlib.suppress(StorageError):
                await self._backend.abort_upload(upload)
            raise

    async def _copy(self, key: str, _content: bytes, options: WriteOptions) -> None:
        source = ObjectRef(container=self._container, key=self._other)
        await self._backend.copy_object(source, self._container, key, options)

    async def _get(self, options: ReadOptions) -> None:
        body = await self._backend.get_object(self._container, self._key, options)
        await body.aclose()

    async def _delete(self, etag: str) -> None:
        await self._backend.delete_object(self._container, self._key, if_match=etag)

    @staticmethod
    async def _accepts(call: Awaitable[object]) -> bool:
        try:
            await call
        except (PreconditionFailedError, NotFoundError):
            return False
        return True

    @staticmethod
    async def _refuses(call: Awaitable[object], kind: type[PreconditionFailedError] = PreconditionFailedError) -> bool:
        try:
            await call
        except kind:
            return True
        except NotFoundError:
            return False
        return False
