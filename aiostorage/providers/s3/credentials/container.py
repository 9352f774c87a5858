"""Credentials of a container's task, from the agent beside it (ECS, EKS Pod Identity, and others).

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiostorage._http.messages import Request
from aiostorage.errors import AuthenticationError, InvalidArgumentError
from aiostorage.providers.s3.credentials.asking import local_client
from aiostorage.providers.s3.credentials.values import json_fields, temporary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage.providers.s3.credentials.values import S3Credentials

_AGENTS: Final = frozenset(map(ipaddress.ip_address, ("169.254.170.2", "169.254.170.23", "fd00:ec2::23")))
_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The agent of a container.

    Attributes:
        url: Where it has the credentials.
        token: What it asks for in return, if it is always the same.
        token_file: The file that has it, if it changes.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None

    async def fetch(self, now: datetime) -> S3Credentials:
        """The credentials of the container's task."""
        token = await self._authorization()
        where = f"the agent at {urlsplit(self.url).netloc}"
        request = Request(
            operation="get_credentials",
            method="GET",
            url=self.url,
            headers={"accept": "application/json", **({"authorization": token} if token else {})},
        )
        async with local_client(timeout_s=2.0, max_attempts=3) as client:
            answer = await client.send(request)
        return temporary(json_fields(answer.body, where=where), where=where, now=now)

    async def _authorization(self) -> str:
        if self.token_file:
            token = (await asyncio.to_thread(read_token, self.token_file)).rstrip("\r\n")
        else:
            token = self.token or ""
        if not re.fullmatch("[ -~]*", token):
            raise AuthenticationError("a line break, or the like, is in the container's token", provider="s3")
        return token


def container(environ: Mapping[str, str]) -> Container | None:
    """The agent that the environment names, if it does.

    Raises:
        InvalidArgumentError: It is none to whom the container's token may be told.
    """
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if relative:
        url = f"http://169.254.170.2{relative}" if relative.startswith("/") else relative
    if not url:
        return None
    if not _URL.fullmatch(url) or not _is_trusted(url):
        raise InvalidArgumentError(
            "the URL of the container's credentials is neither https nor on this machine", provider="s3"
        )
    return Container(
        url=url.partition("#")[0],
        token=environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN") or None,
        token_file=environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") or None,
    )


def read_token(path: str) -> str:
    """The text of a small file that holds a token. Reading blocks: use a thread.

    Raises:
        AuthenticationError: There is none.
    """
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        # Not chained: a decoding error holds the text.
        raise AuthenticationError(f"cannot read the token in {path}: {type(error).__name__}", provider="s3") from None


def _is_trusted(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or parts.username is not None:
            return False
        if parts.scheme == "https" or host == "localhost":
            return True
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address in _AGENTS
