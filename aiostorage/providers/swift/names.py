"""Which names Swift can hold, and how the segments of a large object are named. Pure.

The parts of ``key`` in ``container`` are objects ``key/slo/<upload id>/<part number>`` in
``container_segments``: the place where other clients, too, keep and look for them. An upload that is
not finished is nothing but its segments, so all that is to be known of it is in their names.

Source: https://docs.openstack.org/swift/latest/api/object_api_v1_overview.html,
https://docs.openstack.org/swift/latest/api/large_objects.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from aiostorage.errors import InvalidNameError, UploadNotFoundError

if TYPE_CHECKING:
    from aiostorage.models import Upload

MAX_CONTAINER_BYTES: Final = 256
MAX_KEY_BYTES: Final = 1024
SEGMENTS: Final = "_segments"

_ID = re.compile(r"\d{10}\.\d{6}-[0-9a-f]{16}")
_SEGMENT = re.compile(rf"(.+)/slo/({_ID.pattern})/(\d{{8}})", re.DOTALL)
_SUFFIX_BYTES = len("/slo/") + 10 + 1 + 6 + 1 + 16 + len("/00000000")


class Segment(NamedTuple):
    """What the name of a segment tells."""

    key: str
    upload_id: str
    number: int


def check_name(container: str, key: str | None = None) -> None:
    """Refuse what Swift cannot hold.

    Raises:
        InvalidNameError: The container or the key cannot exist.
    """
    size = _utf8_size(container)
    if "/" in container or not 0 < size <= MAX_CONTAINER_BYTES or "\0" in container:
        raise InvalidNameError(
            f"a container's name is 1 to {MAX_CONTAINER_BYTES} bytes of UTF-8 without slash and NUL",
            provider="swift",
            container=container,
        )
    if key is not None and (not 0 < _utf8_size(key) <= MAX_KEY_BYTES or "\0" in key):
        raise InvalidNameError(
            f"a key is 1 to {MAX_KEY_BYTES} bytes of UTF-8 without NUL", provider="swift", container=container, key=key
        )


def _utf8_size(text: str) -> int:
    """How many bytes a text has; 0 for one that has no encoding."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return 0


def check_upload(container: str, key: str) -> None:
    """Refuse names that leave no room for those of segments.

    Raises:
        InvalidNameError: The object can only be stored in one request.
    """
    if not has_segments(container) or len(key.encode()) + _SUFFIX_BYTES > MAX_KEY_BYTES:
        raise InvalidNameError(
            f"an object in parts has a key of at most {MAX_KEY_BYTES - _SUFFIX_BYTES} bytes, in a container whose name "
            f"has at most {MAX_CONTAINER_BYTES - len(SEGMENTS)}; a larger part_size_bytes stores it in one request",
            provider="swift",
            container=container,
            key=key,
        )


def has_segments(container: str) -> bool:
    """Whether the container's name leaves room for that of its segments' container."""
    return len(container.encode()) + len(SEGMENTS) <= MAX_CONTAINER_BYTES


def segments_container(container: str) -> str:
    """The container of the segments of a container's objects."""
    return container + SEGMENTS


def new_upload_id(now: datetime, chance: str) -> str:
    """An id that tells when the upload began, and that no other has."""
    return f"{now.timestamp():017.6f}-{chance}"


def started_at(upload_id: str) -> datetime:
    """When an upload began."""
    return datetime.fromtimestamp(float(upload_id.partition("-")[0]), UTC)


def segment_prefix(upload: Upload) -> str:
    """What the names of all segments of an upload begin with.

    Raises:
        UploadNotFoundError: No upload has such an id.
    """
    if not _ID.fullmatch(upload.upload_id):
        raise UploadNotFoundError(
            "this is not the id of an upload", provider="swift", container=upload.container, key=upload.key
        )
    return f"{upload.key}/slo/{upload.upload_id}/"


def segment_name(upload: Upload, number: int) -> str:
    """The name of a segment."""
    return f"{segment_prefix(upload)}{number:08}"


def read_segment(name: str) -> Segment | None:
    """What the name of a segment tells; None for names that are none of ours."""
    found = _SEGMENT.fullmatch(name)
    return None if found is None else Segment(found[1], found[2], int(found[3]))


def goes_with(key: str, name: str) -> bool:
    """Whether a segment goes when its object does: it is named after this one, and not after one below it."""
    found = read_segment(name)
    return name.startswith(f"{key}/") if found is None else found.key == key
