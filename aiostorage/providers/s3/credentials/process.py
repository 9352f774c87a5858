"""Credentials from a program that the user names in a profile.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiostorage._http.program import output_of
from aiostorage.errors import UnexpectedResponseError
from aiostorage.providers.s3.credentials.values import json_fields, temporary

if TYPE_CHECKING:
    from datetime import datetime

    from aiostorage.providers.s3.credentials.values import S3Credentials


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
        output = await output_of(self.command, where=where, provider="s3", timeout_s=self.timeout_s)
        fields = json_fields(output, where=where)
        if fields.get("Version") != "1":
            raise UnexpectedResponseError(f"what {where} printed is not of version 1", provider="s3")
        return temporary(fields, where=where, now=now, may_last=True)
