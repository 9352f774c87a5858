"""Which names Google Cloud Storage can hold. Pure: what is refused here never becomes a request.

Source: https://cloud.google.com/storage/docs/buckets#naming,
https://cloud.google.com/storage/docs/objects#naming
"""

from __future__ import annotations

import re

from aiostorage.errors import InvalidNameError

MAX_KEY_BYTES = 1024

_LABEL = r"[a-z0-9_-]{1,63}"
_CONTAINER = re.compile(
    rf"(?=[a-z0-9])(?=.*[a-z0-9]\Z)(?!\d+\.\d+\.\d+\.\d+\Z)(?:(?!.*\.)[a-z0-9_-]{{3,63}}|(?=.{{3,222}}\Z){_LABEL}(?:\.{_LABEL})+)"
)


def check_container(container: str) -> None:
    """Refuse a bucket's name that cannot exist. Which names are Google's own only the service knows.

    Raises:
        InvalidNameError: The service cannot hold it.
    """
    if not _CONTAINER.fullmatch(container):
        raise InvalidNameError(
            "not a name for a container (3 to 63 of a-z, 0-9, hyphen, underscore and dot, letters or digits at the "
            "ends; 222 with dots)",
            provider="gcs",
            container=container,
        )


def check_key(container: str, key: str) -> None:
    """Refuse an object's name that cannot exist.

    Raises:
        InvalidNameError: The service cannot hold it.
    """
    if why := _fault(key):
        raise InvalidNameError(f"not a name for an object ({why})", provider="gcs", container=container, key=key)


def _fault(key: str) -> str | None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "lone surrogates"
    if not 0 < size <= MAX_KEY_BYTES:
        return f"1 to {MAX_KEY_BYTES} bytes of UTF-8"
    if "\r" in key or "\n" in key:
        return "no line breaks"
    if key in {".", ".."} or key.startswith(".well-known/acme-challenge/"):
        return "the service keeps no such keys"
    return None
