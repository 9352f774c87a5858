"""Uploads by parts whose parts others send, or that others have left behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Unpack

from aiostorage._keywords import check_keywords
from aiostorage._transfer import listing
from aiostorage._transfer.delete import abort_upload, abort_uploads
from aiostorage.models import EMPTY, PresignOptions, check_lifetime
from aiostorage.object import Object
from aiostorage.options import WriteObjectOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import timedelta

    from aiostorage.backend import Backend
    from aiostorage.container import Container
    from aiostorage.models import Capabilities, Part, PresignedRequest, Upload, WriteOptions


class UploadOperations(ABC):
    """The part of :class:`~aiostorage.Driver` for uploads that last longer than a call.

    ``upload_object`` does all of this by itself. This is for browsers that send the parts, each with
    a request of :meth:`presign_part`, and for tidying up.
    """

    _backend: Backend
    _concurrency: int

    async def create_upload(
        self, container: Container | str, name: str, **options: Unpack[WriteObjectOptions]
    ) -> Upload:
        """Begin an upload by parts. Until it is completed or aborted the provider keeps, and bills, its parts.

        Raises:
            InvalidNameError: The provider cannot hold an object of this name.
        """
        check_keywords("create_upload()", options, WriteObjectOptions.__optional_keys__)
        where = self._container(container)
        self._backend.check_name(where.name, name)
        return await self._backend.create_upload(where.name, name, self._write_options("create_upload", name, options))

    async def presign_part(
        self, upload: Upload, part_number: int, *, expires_in_s: float = 3600, headers: Mapping[str, str] = EMPTY
    ) -> PresignedRequest:
        """A request that stores one part of an upload, for whoever holds it. Its answer's ETag is the part's.

        Raises:
            UnsupportedError: The provider cannot do that; ``capabilities.presign_part`` tells.
            InvalidArgumentError: Less than a second, or longer than the provider allows.
        """
        self._require("presign_part", self.capabilities.presign_part, "presigning of parts")
        check_lifetime(expires_in_s)
        options = PresignOptions(expires_in_s=expires_in_s, headers=headers, upload=upload, part_number=part_number)
        return await self._backend.presign("PUT", upload.container, upload.key, options)

    async def list_parts(self, upload: Upload) -> AsyncGenerator[Part, None]:
        """The parts that the provider holds for an upload.

        Raises:
            UploadNotFoundError: There is no such upload (any more).
        """
        found = listing.items(lambda token: self._backend.list_parts(upload, token=token))
        try:
            async for part in found:
                yield part
        finally:
            await found.aclose()

    async def complete_upload(
        self, upload: Upload, parts: Sequence[Part], **options: Unpack[WriteObjectOptions]
    ) -> Object:
        """Publish parts, in the order of their numbers, as one object.

        Args:
            upload: What :meth:`create_upload` has returned.
            parts: As :meth:`list_parts` has them, or as whoever sent them has noted.
            **options: The same as for :meth:`create_upload`; the conditions are looked at now.
        """
        check_keywords("complete_upload()", options, WriteObjectOptions.__optional_keys__)
        written = self._write_options("complete_upload", upload.key, options)
        ordered = sorted(parts, key=lambda part: part.number)
        info = await self._backend.complete_upload(upload, ordered, written)
        return Object(self._container(upload.container), upload.key, info=info)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and all its parts.

        Where ``capabilities.atomic_completion`` is False, not while its completion may still be under way, as it may be
        after an error that says ``may_be_done``: the abort could remove the parts of the object that is being made.

        Raises:
            UploadNotFoundError: There is no such upload (any more).
        """
        await abort_upload(self._backend, upload)

    async def list_uploads(self, container: Container | str, *, prefix: str = "") -> AsyncGenerator[Upload, None]:
        """The uploads of a container that are neither completed nor aborted, of objects that begin with ``prefix``."""
        where = self._container(container).name
        found = listing.items(lambda token: self._backend.list_uploads(where, prefix=prefix, token=token))
        try:
            async for upload in found:
                yield upload
        finally:
            await found.aclose()

    async def abort_stale_uploads(
        self, container: Container | str, *, older_than: timedelta, prefix: str = "", now: datetime | None = None
    ) -> int:
        """Drop the uploads of a container that began long ago, and say how many they were.

        An upload of which the provider does not say when it began is left alone.

        Args:
            container: The container, or its name.
            older_than: Longer than any upload that is still under way may last.
            prefix: Only of objects whose names begin with this.
            now: The time to count from, with a time zone; the clock's where it is not given.
        """
        where = self._container(container).name
        before = (datetime.now(UTC) if now is None else now) - older_than
        return await abort_uploads(
            self._backend,
            where,
            concurrency=self._concurrency,
            prefix=prefix,
            choose=lambda upload: upload.started_at is not None and upload.started_at < before,
        )

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the provider can do, with its limits."""

    @abstractmethod
    def _container(self, container: Container | str) -> Container: ...

    @abstractmethod
    def _require(self, operation: str, is_possible: bool, what: str) -> None: ...

    @abstractmethod
    def _write_options(self, operation: str, name: str, options: WriteObjectOptions) -> WriteOptions: ...
