"""For what others do in their own time, such as a server that notices that its client has left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


async def settles(is_so: Callable[[], bool], *, within_s: float = 5.0) -> bool:
    """Whether it becomes so in time; it is looked at often, so that little time is lost."""
    pause_s = 0.001
    deadline = asyncio.get_running_loop().time() + within_s
    while not is_so():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(pause_s)
        pause_s = min(0.02, pause_s * 1.5)
    return True
