"""The drivers, one for each provider: a :class:`Driver` over its backend, with options of its own.

A backend is imported when its driver is made, so that importing the package costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from aiostorage.driver import DEFAULT_CONCURRENCY, DEFAULT_MEMORY_LIMIT_BYTES, DEFAULT_PART_BYTES, Driver

if TYPE_CHECKING:
    import os

    from aiostorage.models import Capabilities
    from aiostorage.options import TransferOptions
    from aiostorage.providers.azure.config import AzureOptions
    from aiostorage.providers.gcs.backend import GCSBackend
    from aiostorage.providers.gcs.config import GCSOptions
    from aiostorage.providers.s3.config import S3Options
    from aiostorage.providers.swift.backend import SwiftBackend
    from aiostorage.providers.swift.config import SwiftOptions


class MemoryDriver(Driver):
    """Objects in this process's memory, gone with the driver; for tests, with the semantics of the others.

    Args:
        memory_limit_bytes: The most that the parts of all uploads together may take; see :class:`Driver`.
        **options: See :class:`~aiostorage.options.TransferOptions`.
    """

    def __init__(
        self, *, memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES, **options: Unpack[TransferOptions]
    ) -> None:
        from aiostorage.providers.memory.backend import MemoryBackend  # noqa: PLC0415 - see the head

        super().__init__(MemoryBackend(), memory_limit_bytes=memory_limit_bytes, **options)


class LocalDriver(Driver):
    """Objects as the files of a folder; each folder in it is a container.

    Args:
        root: The folder. It is made when a container is, if it is not there.
        fsync: Whether a write returns only when the data is on the disk, not only in its cache.
        memory_limit_bytes: The most that the parts of all uploads together may take; see :class:`Driver`.
        **options: See :class:`~aiostorage.options.TransferOptions`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        fsync: bool = False,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        **options: Unpack[TransferOptions],
    ) -> None:
        from aiostorage.providers.local.backend import LocalBackend  # noqa: PLC0415 - see the head

        super().__init__(LocalBackend(root, fsync=fsync), memory_limit_bytes=memory_limit_bytes, **options)


class GCSDriver(Driver):
    """Google Cloud Storage.

    Etags and version ids are generations. What :class:`~aiostorage.Driver` has no word for is in its
    :attr:`backend`: composing objects, and resumable uploads, which take conditions whatever their size.

    Args:
        part_size_bytes: Bytes of a part of a large object, unless a call says otherwise.
        concurrency: Parts, ranges or batches under way at once, unless a call says otherwise.
        memory_limit_bytes: The most that the parts of all uploads together may take; see :class:`Driver`.
        **options: See :class:`~aiostorage.providers.gcs.config.GCSOptions` for what concerns Google, and
            :class:`~aiostorage.HTTPOptions` for HTTP.

    Raises:
        InvalidArgumentError: The options contradict each other.
    """

    def __init__(
        self,
        *,
        part_size_bytes: int = DEFAULT_PART_BYTES,
        concurrency: int = DEFAULT_CONCURRENCY,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        **options: Unpack[GCSOptions],
    ) -> None:
        from aiostorage.providers.gcs.backend import GCSBackend  # noqa: PLC0415 - see the head

        backend = GCSBackend(**options)
        super().__init__(
            backend,
            part_size_bytes=part_size_bytes,
            concurrency=concurrency,
            memory_limit_bytes=memory_limit_bytes,
        )
        self._gcs = backend

    @property
    def backend(self) -> GCSBackend:
        """The provider, as requests; it can do more than others."""
        return self._gcs


class S3Driver(Driver):
    """Amazon S3, and everything that speaks its protocol.

    At Amazon a container may also be an access point, by its ARN or its alias, and a directory bucket
    (S3 Express One Zone), by its name that ends in ``--x-s3``. The latter's listings come in no order,
    know no ``start_after``, and take prefixes that end in a slash. A container of another region than
    the configured one is found by the first request for it.

    Args:
        part_size_bytes: Bytes of a part of a large object, unless a call says otherwise.
        concurrency: Parts, ranges or batches under way at once, unless a call says otherwise.
        memory_limit_bytes: The most that the parts of all uploads together may take; see :class:`Driver`.
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
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        **options: Unpack[S3Options],
    ) -> None:
        from aiostorage.providers.s3.backend import S3Backend  # noqa: PLC0415 - see the head

        super().__init__(
            S3Backend(**options),
            part_size_bytes=part_size_bytes,
            concurrency=concurrency,
            memory_limit_bytes=memory_limit_bytes,
        )


class AzureDriver(Driver):
    """An account of Azure Blob Storage.

    Args:
        part_size_bytes: Bytes of a part of a large object, unless a call says otherwise.
        concurrency: Parts, ranges or batches under way at once, unless a call says otherwise.
        memory_limit_bytes: The most that the parts of all uploads together may take; see :class:`Driver`.
        **options: See :class:`~aiostorage.providers.azure.config.AzureOptions` for what concerns Azure, and
            :class:`~aiostorage.HTTPOptions` for HTTP.

    Raises:
        InvalidArgumentError: The options contradict each other, or name no account.
    """

    def __init__(
        self,
        *,
        part_size_bytes: int = DEFAULT_PART_BYTES,
        concurrency: int = DEFAULT_CONCURRENCY,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        **options: Unpack[AzureOptions],
    ) -> None:
        from aiostorage.providers.azure.backend import AzureBackend  # noqa: PLC0415 - see the head

        super().__init__(
            AzureBackend(**options),
            part_size_bytes=part_size_bytes,
            concurrency=concurrency,
            memory_limit_bytes=memory_limit_bytes,
        )


class SwiftDriver(Driver):
    """OpenStack Swift, by its own protocol; also the object storage of many public clouds.

    Args:
        part_size_bytes: Bytes of a part of a large object, unless a call says otherwise.
        concurrency: Parts, ranges or batches under way at once, unless a call says otherwise.
        memory_limit_bytes: The most that the parts of all uploads together may take; see :class:`Driver`.
        **options: See :class:`~aiostorage.providers.swift.config.SwiftOptions` for what concerns Swift, and
            :class:`~aiostorage.HTTPOptions` for HTTP.

    Raises:
        InvalidArgumentError: The options contradict each other, or do not say how to log in.
    """

    def __init__(
        self,
        *,
        part_size_bytes: int = DEFAULT_PART_BYTES,
        concurrency: int = DEFAULT_CONCURRENCY,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
        **options: Unpack[SwiftOptions],
    ) -> None:
        from aiostorage.providers.swift.backend import SwiftBackend as Backend  # noqa: PLC0415 - see the head

        self._swift: SwiftBackend = Backend(**options)
        super().__init__(
            self._swift,
            part_size_bytes=part_size_bytes,
            concurrency=concurrency,
            memory_limit_bytes=memory_limit_bytes,
        )

    @property
    def backend(self) -> SwiftBackend:
        """The account, as requests; with what only Swift can do."""
        return self._swift

    async def read_info(self) -> Capabilities:
        """Ask the cluster what it can do, so that :attr:`capabilities` are its own; the first request does it, too."""
        return await self._swift.read_info()
