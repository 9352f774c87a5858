"""User metadata as header values, and back.

A header carries printable ASCII. Anything else is written as an encoded word of RFC 2047,
``=?utf-8?B?...?=``: it goes through every server and proxy unharmed, it says of itself that it is
encoded (a percent-encoded value does not), and it is the form in which Amazon S3 itself returns
values that it was given as raw UTF-8.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from quopri import decodestring
from typing import TYPE_CHECKING

from aiostorage.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_PLAIN = re.compile(r"(?!=\?)[!-~](?:[ -~]*[!-~])?")
_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
_CHARSETS = frozenset({"utf-8", "us-ascii", "iso-8859-1", "latin-1"})
"""Those that anybody has ever sent. For another, Python would look for a module of the name that the service chose."""

_WORDS = re.compile(rf"(?:{_WORD.pattern})(?:\s*{_WORD.pattern})*")


def to_headers(prefix: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as request headers. Names are case-insensitive, and come back in lower case.

    Raises:
        InvalidArgumentError: A name cannot be a header's, or is there twice.
    """
    headers: dict[str, str] = {}
    for name, value in metadata.items():
        header = prefix + name.lower()
        if not _TOKEN.fullmatch(header) or header == prefix or header in headers:
            raise InvalidArgumentError(f"{name!r} cannot be (another) name of metadata")
        headers[header] = encode(value)
    return headers


def from_headers(prefix: str, headers: Mapping[str, str], *, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """The metadata among the headers of a response, but for some names."""
    return {
        short: decode(value)
        for name, value in headers.items()
        if name.startswith(prefix) and (short := name[len(prefix) :]) not in without
    }


def encode(value: str) -> str:
    """A value that a header can carry.

    Raises:
        InvalidArgumentError: It is no text that could be encoded.
    """
    if not value or _PLAIN.fullmatch(value):
        return value
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError("text with lone surrogates cannot be sent") from None
    return f"=?utf-8?B?{b64encode(raw).decode()}?="


def decode(value: str) -> str:
    """A header value with its encoded words decoded, if it consists of nothing else."""
    if not _WORDS.fullmatch(value):
        try:
            value.encode()
        except UnicodeEncodeError:  # bytes that are not UTF-8 arrive as lone surrogates
            return value.encode("utf-8", "surrogateescape").decode("latin-1")
        return value
    try:
        return "".join(_decode_word(*word) for word in _WORD.findall(value))
    except (LookupError, ValueError, binascii.Error):
        return value


def _decode_word(charset: str, encoding: str, text: str) -> str:
    if charset.lower() not in _CHARSETS:
        raise LookupError(charset)
    raw = b64decode(text, validate=True) if encoding in "bB" else decodestring(text, header=True)
    return raw.decode(charset)
