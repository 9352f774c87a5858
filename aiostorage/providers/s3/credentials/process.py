"""Credentials from a program that the user names in a profile.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiostorage._tasks import clean_up
from aiostorage.errors import AuthenticationError, StorageTimeoutError, UnexpectedResponseError
from aiostorage.providers.s3.credentials.values import json_fields, temporary

if TYPE_CHECKING:
    from datetime import datetime

    from aiostorage.providers.s3.credentials.values import S3Credentials

GRACE_S = 5.0
"""How long a killed program is waited for: a child of its own may hold its output open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A program that prints credentials. It is run without a shell, and what it complains of is not kept.

    Attributes:
        command: Program and arguments, quoted as in a shell.
        profile: Where it is written, for errors.
        timeout_s: How long it may take; somebody may have to log in.
    """

    command: str = field(repr=False)
    profile: str
    timeout_s: float = 60.0

    async def fetch(self, now: datetime) -> S3Credentials:
        """What the program prints."""
        where = f"the credential_process of profile {self.profile!r}"
        try:
            words = shlex.split(self.command, posix=os.name == "posix")
            running = await asyncio.create_subprocess_exec(*words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        except (OSError, ValueError, TypeError, NotImplementedError) as error:
            # Not chained, and without its words: they hold the command, and that may hold a secret.
            raise AuthenticationError(f"{where} cannot be run: {type(error).__name__}", provider="s3") from None
        try:
            async with asyncio.timeout(self.timeout_s):
                output, _ = await running.communicate()
        except TimeoutError:
            raise StorageTimeoutError(f"{where} took more than {self.timeout_s:g} s", provider="s3") from None
        finally:
            if running.returncode is None:
                await clean_up(_end(running), grace_s=GRACE_S)
        if running.returncode != 0:
            raise AuthenticationError(f"{where} failed with exit code {running.returncode}", provider="s3")
        fields = json_fields(output, where=where)
        if fields.get("Version") != "1":
            raise UnexpectedResponseError(f"what {where} printed is not of version 1", provider="s3")
        return temporary(fields, where=where, now=now, may_last=True)


async def _end(running: asyncio.subprocess.Process) -> None:
    """Kill a program and see it gone."""
    with contextlib.suppress(ProcessLookupError):
        running.kill()
    await running.wait()
