"""Signature Version 4, as S3 wants it. Pure: no clock, no I/O.

S3 differs from the generic scheme: a path is encoded once, and ``.``, ``..`` and ``//`` in it stay.
So what is signed is, byte for byte, what is sent: URLs are encoded when a request is built, with
:func:`quote_key` and :func:`canonical_query`, and never again.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiostorage._http.messages import Wire
from aiostorage.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from aiostorage._http.messages import Request
    from aiostorage.providers.s3.credentials import S3Credentials

EMPTY_SHA256 = hashlib.sha256().hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
MAX_PRESIGN_S = 7 * 24 * 3600
SECURITY_TOKEN = "X-Amz-Security-Token"  # noqa: S105 - the name of a header, and of a parameter
SESSION_TOKEN = "X-Amz-S3session-Token"  # noqa: S105 - the same, for sessions with directory buckets

# Proxies, and Google's front end, rewrite this one on the way.
_UNSIGNED_HEADERS = frozenset({"accept-encoding"})


def quote_key(key: str) -> str:
    """A key as a URL path: all but unreserved characters and slashes percent-encoded as UTF-8."""
    return _quote(key, "/")


def canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    """A query string in the one form that is both sent and signed: encoded, then sorted."""
    return _join(sorted((_quote(name, ""), _quote(value, "")) for name, value in parameters))


def _quote(text: str, safe: str) -> str:
    try:
        return quote(text, safe)
    except UnicodeEncodeError:
        raise InvalidArgumentError("text with lone surrogates cannot be sent", provider="s3") from None


def _join(encoded: Iterable[tuple[str, str]]) -> str:
    return "&".join([f"{name}={value}" for name, value in encoded])


def canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], payload: str) -> tuple[str, str]:
    """The text that a signature covers, and the names of the headers in it.

    Args:
        method: HTTP method.
        path: Encoded path, as it is sent.
        query: From :func:`canonical_query`.
        headers: Lower-case names, ``host`` included.
        payload: SHA-256 of the body in hexadecimal, or what stands in its place.
    """
    names = sorted(headers.keys() - _UNSIGNED_HEADERS)
    lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
    signed = ";".join(names)
    return f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}", signed


class Signer:
    """Signs for one region. The key derived for a day is kept until the day, or the secret, changes."""

    def __init__(self, region: str, service: str = "s3", *, token_name: str = SECURITY_TOKEN) -> None:
        self._region = region
        self._service = service
        self._token_name = token_name
        self._token_header = token_name.lower()
        self._derived_from = ("", "")
        self._key = b""

    def sign(self, request: Request, credentials: S3Credentials | None, now: datetime) -> Wire:
        """The request with its ``Authorization`` header; as it is where there are no credentials.

        The SHA-256 of a body, or what stands in its place, is in ``x-amz-content-sha256`` already.
        """
        if credentials is None:
            return Wire(request.url, request.headers)
        timestamp = _timestamp(now)
        host, path, query = _split(request.url)
        headers = {**request.headers, "host": host, "x-amz-date": timestamp}
        payload = headers.setdefault("x-amz-content-sha256", UNSIGNED_PAYLOAD if request.body else EMPTY_SHA256)
        if credentials.session_token is not None:
            headers[self._token_header] = credentials.session_token
        text, signed = canonical_request(request.method, path, query, headers, payload)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{self._scope(timestamp)}, "
            f"SignedHeaders={signed}, Signature={self.signature(text, credentials.secret_access_key, timestamp)}"
        )
        return Wire(request.url, headers)

    def presign(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        credentials: S3Credentials,
        now: datetime,
        expires_in_s: int,
    ) -> str:
        """The URL with a signature in its query, for whoever sends exactly these headers with it.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
        """
        timestamp = _timestamp(now)
        host, path, query = _split(url)
        signed = {**headers, "host": host}
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{credentials.access_key_id}/{self._scope(timestamp)}",
            "X-Amz-Date": timestamp,
            "X-Amz-Expires": str(expires_in_s),
            "X-Amz-SignedHeaders": ";".join(sorted(signed)),
        }
        if credentials.session_token is not None:
            parameters[self._token_name] = credentials.session_token
        encoded = [(_quote(name, ""), _quote(value, "")) for name, value in parameters.items()]
        for pair in query.split("&") if query else ():
            name, _, value = pair.partition("=")
            encoded.append((name, value))
        query = _join(sorted(encoded))
        text, _ = canonical_request(method, path, query, signed, UNSIGNED_PAYLOAD)
        signature = self.signature(text, credentials.secret_access_key, timestamp)
        return f"{url.partition('?')[0]}?{query}&X-Amz-Signature={signature}"

    def signature(self, canonical: str, secret: str, timestamp: str) -> str:
        """The signature of a canonical request."""
        date = timestamp[:8]
        if self._derived_from != (secret, date):
            key = f"AWS4{secret}".encode()
            for step in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            self._key = key
            self._derived_from = (secret, date)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{self._scope(timestamp)}\n{digest}"
        return hmac.digest(self._key, to_sign.encode(), "sha256").hex()

    def _scope(self, timestamp: str) -> str:
        return f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request"


def _timestamp(now: datetime) -> str:
    text = now.astimezone(UTC).isoformat(timespec="seconds")  # three times as fast as strftime
    return f"{text[:4]}{text[5:7]}{text[8:13]}{text[14:16]}{text[17:19]}Z"


def _split(url: str) -> tuple[str, str, str]:
    """Host, path and query of a URL that was built by ``requests``."""
    host, _, path = url.partition("://")[2].partition("/")
    path, _, query = path.partition("?")
    return host, f"/{path}", query
