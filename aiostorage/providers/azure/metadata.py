"""User metadata as header values, and back.

Azure takes only identifiers as names, so other characters of a name are written as .NET writes them
in the names of XML: ``dash-name`` is ``dash_x002d_name``. Values are encoded words where they are not
plain ASCII.

Source: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata,
https://learn.microsoft.com/dotnet/api/system.xml.xmlconvert.encodename
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiostorage._http import write_ids
from aiostorage._http.metadata import decode, encode
from aiostorage.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "x-ms-meta-"

_NOTHING = "=?utf-8?B??="
"""An empty text. An empty header may be lost."""

_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_ESCAPED = re.compile(r"_x([0-9a-f]{4})_")
_TO_ESCAPE = re.compile(r"_(?=x[0-9a-f]{4}_)|^[0-9]|[^a-z0-9_]")


def to_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as request headers. Names are case-insensitive, and come back in lower case.

    Raises:
        InvalidArgumentError: A name cannot be a header's, or is there twice.
    """
    headers: dict[str, str] = {}
    for name, value in metadata.items():
        low = name.lower()
        header = PREFIX + _TO_ESCAPE.sub(_escape, low)
        if not _TOKEN.fullmatch(low) or header in headers:
            raise InvalidArgumentError(f"{name!r} cannot be (another) name of metadata", provider="azure")
        headers[header] = encode(value) or _NOTHING
    return headers


def from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The metadata among the headers of a response, but for a mark of our own."""
    return {
        _ESCAPED.sub(_unescape, name[len(PREFIX) :]): decode(value)
        for name, value in headers.items()
        if name.startswith(PREFIX) and name != _WRITE_ID
    }


def write_id_of(headers: Mapping[str, str]) -> str | None:
    """What tells the write of an object from all others, if it was written under a condition."""
    return headers.get(_WRITE_ID)


def _escape(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04x}_"


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


_WRITE_ID = PREFIX + _TO_ESCAPE.sub(_escape, write_ids.NAME)
