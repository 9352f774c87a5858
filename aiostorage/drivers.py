"""The drivers, one for each provider: a :class:`Driver` over its backend, with options of its own.

A backend is imported when its driver is made, so that importing the package costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from aiostorage.driver import DEFAULT_CONCURRENCY, DEFAULT_PART_BYTES, Driver

if TYPE_CHECKING:
    import os

    from aiostorage.options import TransferOptions
    from aiostorage.providers.s3.config import S3Options


class MemoryDriver(Driver):
    """Objects in this process's memory, gone with the driver; for tests, with the semantics of the others.

    Args:
        **options: See :class:`~aiostorage.options.TransferOptions`.
    """

    def __init__(self, **options: Unpack[TransferOptions]) -> None:
        from aiostorage.providers.memory.backend import MemoryBackend  # noqa: PLC0415 - see the head

        super().__init__(MemoryBackend(), **options)


class LocalDriver(Driver):
    """Objects as the files of a folder; each folder in it is a container.

    Args:
        root: The folder. It is made when a container is, if it is not there.
        fsync: Whether a write returns only when the data is on the disk, not only in its cache.
        **options: See :class:`~aiostorage.options.TransferOptions`.
    """

    def __init__(
        self, root: str | os.PathLike[str], *, fsync: bool = False, **options: Unpack[TransferOptions]
    ) -> None:
        from aiostorage.providers.local.backend import LocalBackend  # noqa: PLC0415 - see the head

        super().__init__(LocalBackend(root, fsync=fsync), **options)


class S3Driver(Driver):
    """Amazon S3, and everything that speaks its protocol.

    Args:
        part_size_bytes: Bytes of a part of a large object, unless a call says otherwise.
        concurrency: Parts, ranges or batches under way at once, unless a call says otherwise.
        **options: See :class:`~aiostorage.providers.s3.config.S3Options` for what concerns S3, and
            :class:`~aiostorage.HTTPOptions` for HTTP.

    Raises:
        InvalidArgumentError: The options contradict each other.
    """

    def __init__(
        self,
        *,
        part_size_bytes: int = DEFAULT_PART_BYTES,
        concurrency: int = DEFAULT_CONCURRENCY,
        **options: Unpack[S3Options],
    ) -> None:
        from aiostorage.providers.s3.backend import S3Backend  # noqa: PLC0415 - see the head

        super().__init__(S3Backend(**options), part_size_bytes=part_size_bytes, concurrency=concurrency)
