"""The keyword options of the public calls. All of them may be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._transfer.progress import ProgressCallback


class TransferOptions(TypedDict, total=False):
    """How a driver moves large objects, unless a call says otherwise."""

    part_size_bytes: int
    """Bytes of a part (8 MiB). It grows where the provider's limits demand it."""
    concurrency: int
    """Parts, ranges or batches under way at once (8)."""


class WriteObjectOptions(TransferOptions, total=False):
    """How an object is stored."""

    content_type: str | None
    """Guessed from the name where it is not given."""
    cache_control: str | None
    content_disposition: str | None
    content_encoding: str | None
    content_language: str | None
    metadata: Mapping[str, str]
    """The user's own names and values. Providers fold the case of names."""
    storage_class: str | None
    """The provider's own word for it."""
    if_match: str | None
    """Write only over the version with this etag."""
    if_none_match: str | None
    """``"*"``: write only if there is no object of this name."""


class UploadOptions(WriteObjectOptions, total=False):
    """How an upload is done."""

    size: int | None
    """How many bytes a stream will yield, where that is known; it is checked."""
    progress: ProgressCallback | None
    """Called with the bytes done and the total (None while unknown); may be a coroutine function."""


class ReadObjectOptions(TypedDict, total=False):
    """Which version of an object is read, and when."""

    version_id: str | None
    if_match: str | None
    """Read only the version with this etag."""
    if_none_match: str | None
    """Read only a version with another etag; else ``NotModifiedError``."""


class OpenOptions(ReadObjectOptions, total=False):
    """What of an object is read."""

    byte_range: tuple[int, int | None] | None
    """``(start, stop)``, half-open; ``(start, None)`` to the end; ``(-n, None)`` for the last n bytes."""


class DownloadOptions(TransferOptions, ReadObjectOptions, total=False):
    """How a download is done."""

    overwrite: bool
    """Whether a file that is there is replaced (True)."""
    fsync: bool
    """Whether the file is on the disk, not only in its cache, before it appears (False)."""
    progress: ProgressCallback | None
    """Called with the bytes done and the total (None while unknown); may be a coroutine function."""
