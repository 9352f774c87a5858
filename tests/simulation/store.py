"""What every simulated store has in common: it remembers all that ever took effect."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from aiostorage.models import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    OnEffect: TypeAlias = Callable[[int, str, bytes | None], None]

BUCKET = "box"
"""The one bucket that there is."""

LIMITS = Limits(
    max_object_size_bytes=1 << 20,
    max_put_size_bytes=1 << 20,
    max_copy_size_bytes=48,
    min_part_size_bytes=4,
    max_part_size_bytes=32,
    max_parts=40,
    max_delete_batch=2,
    max_page_size=2,
)
"""Small ones, so that little data has many parts and pages."""

OTHERS = 0
"""The number of whoever else uses the store."""


@dataclass(frozen=True, slots=True)
class Version:
    """A whole value that an object has, or had."""

    data: bytes
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it arrives.

    Attributes:
        owner: The number of the operation that it belongs to.
        sent_at: The moment, by the store's count of effects, at which it was sent.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    owner: int
    sent_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer.

    Attributes:
        is_document: Whether the body is XML or JSON, and not an object's content.
        upload_id: That of the upload that has begun, if one has.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_document: bool = False
    upload_id: str | None = None


class Store(ABC):
    """A bucket with objects and uploads by parts, and everything that became of them.

    Args:
        on_effect: Told of the owner, key and new content (None for a deletion) of everything that takes effect.

    Attributes:
        tick: Counts effects; it is the time by which they are ordered.
        history: What each object was from which tick on.
        hides_errors: Whether an answer of status 200 may be an error all the same.
        checksum_header: What tells of the whole object's checksum in an answer.
        completes_aborted: Whether an abort may break the object of a completion that is under way.
    """

    hides_errors: bool
    checksum_header: str
    completes_aborted = False

    def __init__(self, on_effect: OnEffect) -> None:
        self._on_effect = on_effect
        self.tick = 0
        self.history: dict[str, list[tuple[int, Version | None]]] = {}

    @abstractmethod
    def handle(self, asked: Asked) -> Reply:
        """What the service answers, and does."""

    @abstractmethod
    def put(self, owner: int, key: str, data: bytes) -> None:
        """Have an object from now on."""

    @abstractmethod
    def delete(self, owner: int, key: str) -> None:
        """Have an object no more."""

    @abstractmethod
    def has_bucket(self) -> bool:
        """Whether it is there still."""

    @abstractmethod
    def open_uploads(self) -> list[str]:
        """The ids of the uploads that are neither completed nor aborted."""

    @abstractmethod
    def corruptible(self, asked: Asked) -> range:
        """Those bytes of a request's body that the service has a checksum of."""

    def _has_become(self, owner: int, key: str, version: Version | None) -> None:
        self.tick += 1
        self.history.setdefault(key, [(0, None)]).append((self.tick, version))
        self._on_effect(owner, key, None if version is None else version.data)


def error(status: int, code: str) -> Reply:
    """A refusal."""
    body = f"<Error><Code>{code}</Code><Message>made up</Message></Error>".encode()
    return Reply(status=status, body=body)


def folded(key: str, prefix: str, delimiter: str) -> str:
    """What a listing shows of a key: all, or up to the delimiter."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key if end < 0 else key[: end + len(delimiter)]
