"""An operation of the matrix: a small program whose outcome can be checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import TypeAlias

    from aiostorage import Capabilities
    from aiostorage.errors import StorageError
    from tests.matrix.scene import Scene

    Step: TypeAlias = Callable[[Scene], Coroutine[Any, Any, None]]
    Settle: TypeAlias = Callable[[Scene, bool], Coroutine[Any, Any, None]]
    Contents: TypeAlias = Mapping[str, bytes | None] | Callable[[Scene], Mapping[str, bytes | None]]


async def _nothing(_: Scene) -> None: ...


async def _settled(_: Scene, __: bool) -> None: ...  # the type is Settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A call, and what is to be seen of it.

    Attributes:
        name: For the report.
        calls: The public method of the driver that it is about.
        act: Makes the call, and checks what it returns.
        before: The objects that are there when it begins.
        after: The objects that it changes, when it has succeeded; None for one that is gone. When it has failed each
            is as before or as after, and nothing between.
        arrange: What else has to be there.
        settle: What else has to be so afterwards; told whether the call succeeded.
        is_possible: Whether a provider can do it.
        is_verified: Whether it reads whole objects, so that a wrong byte is found.
        reads_again: Whether it can begin anew when what was read turns out to be wrong.
        leaves_upload: Whether an upload that it could not finish stays for a later call to go on with.
        allowed: The errors that may come of it where a reply was lost.
    """

    name: str
    calls: str
    act: Step
    before: Contents = field(default_factory=dict)
    after: Contents = field(default_factory=dict)
    arrange: Step = _nothing
    settle: Settle = _settled
    is_possible: Callable[[Capabilities], bool] = lambda _: True
    is_verified: bool = False
    reads_again: bool = False
    leaves_upload: bool = False
    allowed: tuple[type[StorageError], ...] = ()


def contents(what: Contents, scene: Scene) -> Mapping[str, bytes | None]:
    return what(scene) if callable(what) else what
