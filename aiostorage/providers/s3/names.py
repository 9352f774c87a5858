"""Which names S3 can hold. Pure: what is refused here never becomes a request.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiostorage.errors import InvalidNameError
from aiostorage.providers.s3.endpoints import parse_arn

if TYPE_CHECKING:
    from aiostorage.providers.s3.profiles import Vendor

MAX_KEY_BYTES = 1024

_STRICT = re.compile(r"(?!\d+\.\d+\.\d+\.\d+\Z)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_LIBERAL = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x1f\x7f\ud800-\udfff]{1,255}")


def check_container(container: str, vendor: Vendor) -> None:
    """Refuse a container's name that cannot exist.

    Raises:
        InvalidNameError: The service cannot hold it.
        UnsupportedError: It is that of an access point which cannot be used here.
    """
    if vendor.amazon_names and parse_arn(container) is not None:
        return
    rule, what = (
        (_STRICT, "3 to 63 of a-z, 0-9, dot and hyphen") if vendor.strict_container_names else (_LIBERAL, "no slash")
    )
    if not rule.fullmatch(container):
        raise InvalidNameError(f"not a name for a container ({what})", provider="s3", container=container)


def check_key(container: str, key: str, vendor: Vendor) -> None:
    """Refuse an object's name that cannot exist.

    Raises:
        InvalidNameError: The service cannot hold it.
    """
    if why := _fault(key, vendor):
        raise InvalidNameError(f"not a name for an object ({why})", provider="s3", container=container, key=key)


def _fault(key: str, vendor: Vendor) -> str | None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "lone surrogates"
    if not 0 < size <= MAX_KEY_BYTES:
        return f"1 to {MAX_KEY_BYTES} bytes of UTF-8"
    if vendor.forbidden_key is not None and vendor.forbidden_key.search(key):
        return f"{vendor.name} keeps no such keys"
    longest = vendor.max_segment_bytes
    if longest is not None and size > longest and any(len(part.encode()) > longest for part in key.split("/")):
        return f"more than {longest} bytes between slashes"
    return None
