"""URLs and requests in the one form that is both sent and signed. Pure: no clock, no I/O.

Amazon's Signature Version 4 and Google's V4 signatures cover the same text. A URL is encoded once,
when a request is built; what is signed is, byte for byte, what is sent.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiostorage.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

_NONE: frozenset[str] = frozenset()


def quote_text(text: str, safe: str = "") -> str:
    """Text percent-encoded as UTF-8: all but unreserved characters, and those that are ``safe``.

    Raises:
        InvalidArgumentError: It is no text that could be encoded.
    """
    try:
        return quote(text, safe)
    except UnicodeEncodeError:
        raise InvalidArgumentError("text with lone surrogates cannot be sent") from None


def quote_key(key: str) -> str:
    """A key as a URL path: all but unreserved characters and slashes percent-encoded as UTF-8."""
    return quote_text(key, "/")


def canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    """A query string in the one form that is both sent and signed: encoded, then sorted."""
    return join_query(sorted((quote_text(name), quote_text(value)) for name, value in parameters))


def with_query(url: str, *parameters: tuple[str, str | None]) -> str:
    """The URL with those parameters that are not None."""
    query = canonical_query([(name, value) for name, value in parameters if value is not None])
    return f"{url}?{query}" if query else url


def join_query(encoded: Iterable[tuple[str, str]]) -> str:
    """A query string of names and values that are encoded already."""
    return "&".join([f"{name}={value}" for name, value in encoded])


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], payload: str, *, unsigned: AbstractSet[str] = _NONE
) -> tuple[str, str]:
    """The text that a signature covers, and the names of the headers in it.

    Args:
        method: HTTP method.
        path: Encoded path, as it is sent.
        query: From :func:`canonical_query`.
        headers: Lower-case names, ``host`` included.
        payload: SHA-256 of the body in hexadecimal, or what stands in its place.
        unsigned: Names of headers that are left out.
    """
    names = sorted(headers.keys() - unsigned)
    lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
    signed = ";".join(names)
    return f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}", signed


def timestamp_of(now: datetime) -> str:
    """A moment like ``20130524T000000Z``."""
    text = now.astimezone(UTC).isoformat(timespec="seconds")  # three times as fast as strftime
    return f"{text[:4]}{text[5:7]}{text[8:13]}{text[14:16]}{text[17:19]}Z"


def split_url(url: str) -> tuple[str, str, str]:
    """Host, path and query of a URL that was built for a request."""
    host, _, path = url.partition("://")[2].partition("/")
    path, _, query = path.partition("?")
    return host, f"/{path}", query
