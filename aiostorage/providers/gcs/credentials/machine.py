"""Access tokens of the machine, pod or function that this runs on, from its metadata server.

Source: https://cloud.google.com/compute/docs/metadata/querying-metadata,
https://cloud.google.com/docs/authentication/get-id-token#metadata-server
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage._http import oauth
from aiostorage._http.asking import asking
from aiostorage._http.canonical import with_query
from aiostorage._http.messages import Request, Response
from aiostorage._http.retry import RetryPolicy
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage._http.oauth import AccessToken

_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]{1,255}")
_WHERE = "the metadata server of this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The metadata server.

    Attributes:
        host: Its name, with a port if need be.
        scopes: What tokens are asked for; a virtual machine may be restricted to others.
        timeout_s: To connect, and to wait for an answer.
        max_attempts: For each request.
    """

    host: str
    scopes: tuple[str, ...] = ()
    timeout_s: float = 3.0
    max_attempts: int = 3

    async def fetch(self, now: datetime) -> AccessToken | None:
        """A new access token; None where there is no such server, or no account."""
        path = with_query("instance/service-accounts/default/token", ("scopes", ",".join(self.scopes) or None))
        answer = await self._get(path)
        return None if answer is None else oauth.token_in(answer, now, where=_WHERE)

    async def email(self) -> str | None:
        """The e-mail address of the machine's service account."""
        return _line(await self._get("instance/service-accounts/default/email"))

    async def project(self) -> str | None:
        """The project that the machine belongs to."""
        return _line(await self._get("project/project-id"))

    async def _get(self, path: str) -> bytes | None:
        request = Request(
            operation="get_credentials",
            method="GET",
            url=f"http://{self.host}/computeMetadata/v1/{path}",
            headers={"metadata-flavor": "Google"},
        )
        async with asking(
            "gcs",
            _read_error,
            proxy="",
            connect_timeout_s=self.timeout_s,
            idle_timeout_s=self.timeout_s,
            retry=RetryPolicy(max_attempts=self.max_attempts),
        ) as client:
            try:
                return (await client.send(request)).body
            except (StorageConnectionError, StorageTimeoutError):
                return None
            except AuthenticationError as error:
                if error.status == 404:
                    return None
                raise


def _read_error(request: Request, response: Response) -> StorageError | None:
    """An answer that does not say that it is of this server is somebody else's, perhaps a captive portal's."""
    if response.status == 200 and response.headers.get("metadata-flavor") != "Google":
        return AuthenticationError("what answered in the place of the metadata server is none", status=404)
    return oauth.read_error(request, response)


def _line(answer: bytes | None) -> str | None:
    text = b"" if answer is None else answer.strip()
    return text.decode("ascii") if text.isascii() and text and b"\n" not in text else None


def machine(environ: Mapping[str, str], scopes: tuple[str, ...]) -> Machine | None:
    """The metadata server, unless NO_GCE_CHECK says that there is none.

    Raises:
        InvalidArgumentError: GCE_METADATA_HOST is no name of a host.
    """
    if environ.get("NO_GCE_CHECK", "").lower() == "true":
        return None
    host = environ.get("GCE_METADATA_HOST") or environ.get("GCE_METADATA_ROOT") or "metadata.google.internal"
    if not _HOST.fullmatch(host):
        raise InvalidArgumentError("GCE_METADATA_HOST is no name of a host", provider="gcs")
    return Machine(host=host, scopes=scopes)
