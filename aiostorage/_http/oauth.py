"""Access tokens of OAuth 2.0: how they are asked for, and how the answers read. Pure.

Source: RFC 6749 sections 4.5, 5.1 and 5.2
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from aiostorage._http import json
from aiostorage._http.messages import Request
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    RateLimitedError,
    ServiceUnavailableError,
    UnexpectedResponseError,
)
from aiostorage.models import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage._http.messages import Response
    from aiostorage.errors import StorageError

_TOKEN = re.compile(r"[!-~]{1,16384}")
_CODE = re.compile(r"[a-z_]{1,64}")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A bearer token, and when it stops to work; None where nobody says."""

    token: str = field(repr=False)
    expires_at: datetime | None = None

    @property
    def identity(self) -> object:
        """What tells it from others of the same source."""
        return self.token


def token_request(url: str, form: Mapping[str, str], headers: Mapping[str, str] = EMPTY) -> Request:
    """A request for a token."""
    return Request(
        operation="get_credentials",
        method="POST",
        url=url,
        headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **headers},
        body=urlencode(form).encode(),
    )


def token_in(document: bytes, now: datetime, *, where: str) -> AccessToken:
    """The token in an answer.

    Args:
        document: The answer.
        now: When it came, for its end.
        where: Who answered, for errors.

    Raises:
        UnexpectedResponseError: There is none in it.
    """
    try:
        answer = json.parse(document)
    except json.MalformedJSONError:
        answer = EMPTY
    token = json.text(answer, "access_token")
    lives_s = json.integer(answer, "expires_in")
    if not token or not _TOKEN.fullmatch(token):
        raise UnexpectedResponseError(f"what {where} answered is no access token")
    return AccessToken(token=token, expires_at=None if lives_s is None else now + timedelta(seconds=lives_s))


def read_error(request: Request, response: Response) -> StorageError | None:
    """The error in an answer. Its words are not shown: they may repeat what was sent, which holds secrets."""
    if response.status == 200:
        return None
    try:
        code = json.text(json.parse(response.body), "error") or ""
    except json.MalformedJSONError:
        code = ""
    kind: type[StorageError] = AuthenticationError
    if response.status == 429:
        kind = RateLimitedError
    elif response.status >= 500 or response.status == 408 or code in {"temporarily_unavailable", "server_error"}:
        kind = ServiceUnavailableError
    return kind(
        f"no access token came from {urlsplit(request.url).netloc}",
        status=response.status,
        code=code if _CODE.fullmatch(code) else None,
        retryable=kind is not AuthenticationError,
    )


def check_url(url: str, *, what: str, may_be_link_local: bool = False) -> str:
    """A URL that secrets may be sent to: over TLS, or to this machine.

    Args:
        url: The URL.
        what: What it is, for errors.
        may_be_link_local: Whether it may also be a metadata server, at an address of 169.254.0.0/16.

    Raises:
        InvalidArgumentError: It is none.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_fine = parts.scheme == "https" or (
            parts.scheme == "http" and (host in _LOCAL or (may_be_link_local and IPv4Address(host).is_link_local))
        )
        is_fine = is_fine and bool(host) and parts.username is None
    except ValueError:
        is_fine = False
    if not is_fine or not _TOKEN.fullmatch(url):
        raise InvalidArgumentError(f"{what} is no URL over https")
    return url
