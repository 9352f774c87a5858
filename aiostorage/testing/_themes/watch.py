"""Sees the requests that a driver asks its backend to make, and acts when one begins or ends.

It changes nothing about them: every request goes through to the provider.
"""

from __future__ import annotations

import inspect
from collections import Counter
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeVar, cast

import pytest

from aiostorage.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from types import TracebackType
    from typing import TypeAlias

    from aiostorage.driver import Driver

    Action: TypeAlias = Callable[[], Awaitable[object] | object]
    Side: TypeAlias = Literal["before", "after"]

T = TypeVar("T")

REQUESTS = tuple(name for name, value in vars(Backend).items() if inspect.iscoroutinefunction(value))


class _Method(Protocol):
    """A coroutine function of a backend's class."""

    async def __call__(self, backend: Backend, /, *args: object, **options: object) -> object:
        """Make a request."""
        ...


_is_inside: ContextVar[bool] = ContextVar("_is_inside", default=False)


class Watch:
    """The requests of a driver while the block runs, in the order in which they begin.

    Attributes:
        made: Their names, such as ``"put_object"``.
    """

    def __init__(self, driver: Driver) -> None:
        self.made: list[str] = []
        self._backend = driver.backend
        self._actions: dict[tuple[Side, str, int], Action] = {}
        self._count: Counter[tuple[Side, str]] = Counter()
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        for name in REQUESTS:
            # Every method of the protocol is a coroutine function of the backend's class.
            method = cast("_Method", getattr(type(self._backend), name))
            self._patch.setattr(type(self._backend), name, self._watched(name, method))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._patch.undo()

    def at(self, side: Side, request: str, action: Action, *, nth: int = 1) -> None:
        """Act when the nth request of this name is about to be made, or when the nth to be answered has been.

        Nobody knows the answer yet, then.
        """
        self._actions[side, request, nth] = action

    def _watched(self, name: str, method: _Method) -> _Method:
        @wraps(method)
        async def watched(backend: Backend, /, *args: object, **options: object) -> object:
            if backend is not self._backend or _is_inside.get():  # a backend may call itself
                return await method(backend, *args, **options)
            self.made.append(name)
            token = _is_inside.set(True)
            try:
                await self._act("before", name)
                answer = await method(backend, *args, **options)
                await self._act("after", name)
            finally:
                _is_inside.reset(token)
            return answer

        return watched

    async def _act(self, side: Side, request: str) -> None:
        self._count[side, request] += 1
        action = self._actions.get((side, request, self._count[side, request]))
        if action is not None:
            done = action()
            if inspect.isawaitable(done):
                await done


def at_once(work: Coroutine[object, None, T]) -> T:
    """The result of a coroutine that must not wait for anything, and so cannot make a request."""
    try:
        work.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)  # what a coroutine returns comes as this
    work.close()
    raise AssertionError("it waited for something, though it could have known the answer at once")
