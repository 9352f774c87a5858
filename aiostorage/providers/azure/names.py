"""Which names Azure can hold. Pure: what is refused here never becomes a request.

Source: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
"""

from __future__ import annotations

import re

from aiostorage.errors import InvalidNameError

MAX_KEY_BYTES = 1024
MAX_SEGMENTS = 254

_CONTAINER = re.compile(r"\$(?:root|web|logs|blobchangefeed)|[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\\\\\ufffe\uffff]")


def check_container(container: str) -> None:
    """Refuse a container's name that cannot exist.

    Raises:
        InvalidNameError: Azure cannot hold it.
    """
    if not _CONTAINER.fullmatch(container):
        raise InvalidNameError(
            "not a name for a container (3 to 63 of a-z, 0-9 and single hyphens)",
            provider="azure",
            container=container,
        )


def check_key(container: str, key: str) -> None:
    """Refuse an object's name that cannot exist, or would become another one.

    Raises:
        InvalidNameError: Azure cannot hold it.
    """
    if why := _fault(key):
        raise InvalidNameError(f"not a name for an object ({why})", provider="azure", container=container, key=key)


def _fault(key: str) -> str | None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "lone surrogates"
    if not 0 < size <= MAX_KEY_BYTES:
        return f"1 to {MAX_KEY_BYTES} bytes of UTF-8"
    if _FORBIDDEN.search(key):
        return "no backslash, which becomes a slash, and no control characters"
    segments = key.split("/")
    if len(segments) > MAX_SEGMENTS:
        return f"{MAX_SEGMENTS} segments at most"
    if any(segment.endswith(".") for segment in segments):
        return "no segment ends with a dot, which may be dropped"
    return None
