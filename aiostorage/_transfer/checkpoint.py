"""What a later process needs to know to go on with an upload: a small JSON text, and where it is kept.

Which parts have arrived is not in it: the provider is asked. So it is written once, when the upload
has begun, and it can never be out of date.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, cast

from aiostorage._tasks import in_thread
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import Upload

if TYPE_CHECKING:
    from aiostorage.models import CustomerKey, HashAlgorithm, WriteOptions


class CheckpointStore(Protocol):
    """Where the checkpoint of one upload is kept: a file (:class:`CheckpointFile`), a row of a database."""

    async def load(self) -> str | None:
        """What was saved last; None where there is nothing."""
        ...

    async def save(self, text: str) -> None:
        """Keep the text; when this returns it must outlive the process."""
        ...

    async def clear(self) -> None:
        """Forget it. That there is nothing is no error."""
        ...


class CheckpointFile:
    """A checkpoint in a local file, which is there as long as the upload is unfinished.

    Args:
        path: The file. It is replaced whole, so a reader never sees half of it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)

    async def load(self) -> str | None:
        """What the file holds; None where there is none."""
        return await in_thread(self._load)

    async def save(self, text: str) -> None:
        """Write the file, down to the disk."""
        await in_thread(self._save, text)

    async def clear(self) -> None:
        """Remove the file."""
        await in_thread(self.path.unlink, missing_ok=True)

    def _load(self) -> str | None:
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _save(self, text: str) -> None:
        temporary = self.path.with_name(f".{self.path.name[:50]}.{secrets.token_hex(8)}")
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An upload by parts that was begun, and of what.

    Attributes:
        provider: Name of the provider.
        container: Name of the container.
        key: Name of the object to be.
        upload_id: The provider's name for the upload.
        part_size: Bytes of every part but the last.
        source: What tells the source from another, or from what it becomes when it is changed.
        options: The same for the headers and metadata that the upload was begun with.
        checksum: The hash that each part comes with, if the upload was begun with one; else empty.
    """

    provider: str
    container: str
    key: str
    upload_id: str
    part_size: int
    source: str
    options: str
    checksum: str

    def dump(self) -> str:
        """The checkpoint as JSON."""
        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint that a JSON text is.

        Raises:
            InvalidArgumentError: It is none.
        """
        try:
            found: object = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise InvalidArgumentError("the checkpoint is no JSON object")
        values = cast("dict[str, object]", found)  # JSON has no other keys
        texts: dict[str, str] = {}
        for field in fields(cls):
            value = values.get(field.name)
            if field.name != "part_size":
                if not isinstance(value, str):
                    raise InvalidArgumentError(f"the checkpoint has no {field.name}")
                texts[field.name] = value
        part_size = values.get("part_size")
        if not isinstance(part_size, int) or part_size < 1:
            raise InvalidArgumentError("the checkpoint has no part_size")
        return cls(part_size=part_size, **texts)

    def check_continues(self, wanted: Checkpoint) -> None:
        """Refuse to go on with another upload than this one was.

        Raises:
            InvalidArgumentError: It is of another object, or the source or the options have changed.
        """
        if (self.provider, self.container, self.key) != (wanted.provider, wanted.container, wanted.key):
            raise InvalidArgumentError("the checkpoint is of an upload of another object")
        if self.source != wanted.source:
            raise InvalidArgumentError("the source has changed since; clear the checkpoint to begin anew")
        if self.options != wanted.options:
            raise InvalidArgumentError("the upload was begun with other headers, metadata or tags")

    def upload(self, customer_key: CustomerKey | None) -> Upload:
        """The upload to go on with; keys are not part of a checkpoint."""
        return Upload(
            container=self.container,
            key=self.key,
            upload_id=self.upload_id,
            customer_key=customer_key,
            checksum=cast("HashAlgorithm", self.checksum) if self.checksum else None,  # as an upload had it
        )


def options_fingerprint(options: WriteOptions) -> str:
    """A digest of what an object is stored with; conditions may change, and keys are left out."""
    mappings = [sorted(mapping.items()) for mapping in (options.metadata, options.tags, options.extra)]
    values = [
        options.content_type,
        options.cache_control,
        options.content_disposition,
        options.content_encoding,
        options.content_language,
        options.storage_class,
        options.acl,
        options.legal_hold,
        options.checksum,
        None if options.retention is None else [options.retention.mode, options.retention.until.isoformat()],
        None if options.encryption is None else options.encryption.kind,
        mappings,
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
