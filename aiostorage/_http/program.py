"""What a program prints that somebody has named as the source of credentials."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from asyncio.subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

from aiostorage._tasks import clean_up
from aiostorage.errors import AuthenticationError, StorageTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping

GRACE_S = 5.0
"""How long a killed program is waited for: a child of its own may hold its output open."""


async def output_of(
    command: str, *, where: str, provider: str, timeout_s: float, environ: Mapping[str, str] | None = None
) -> bytes:
    """What a program prints. It is run without a shell, and what it complains of is not kept.

    Args:
        command: Program and arguments, quoted as in a shell.
        where: What it is, for errors.
        provider: For errors.
        timeout_s: How long it may take; somebody may have to log in.
        environ: Its environment; None for our own.

    Raises:
        AuthenticationError: It cannot be run, or fails.
        StorageTimeoutError: It takes too long.
    """
    try:
        words = shlex.split(command, posix=os.name == "posix")
        running = await asyncio.create_subprocess_exec(*words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=environ)
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        # Not chained, and without its words: they hold the command, and that may hold a secret.
        raise AuthenticationError(f"{where} cannot be run: {type(error).__name__}", provider=provider) from None
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await running.communicate()
    except TimeoutError:
        raise StorageTimeoutError(f"{where} took more than {timeout_s:g} s", provider=provider) from None
    finally:
        if running.returncode is None:
            await clean_up(_end(running), grace_s=GRACE_S)
    if running.returncode != 0:
        raise AuthenticationError(f"{where} failed with exit code {running.returncode}", provider=provider)
    return output


async def _end(running: asyncio.subprocess.Process) -> None:
    """Kill a program and see it gone."""
    with contextlib.suppress(ProcessLookupError):
        running.kill()
    await running.wait()
