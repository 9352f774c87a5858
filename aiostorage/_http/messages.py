"""Requests and responses as plain values, so that providers can build and read them without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from aiostorage.models import EMPTY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiostorage.models import Buffer


class Subject(NamedTuple):
    """What a request is about, in words."""

    operation: str
    container: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        of = "" if self.key is None else f" of {self.key!r}"
        return f"{self.operation}{of}{'' if self.container is None else f' in {self.container!r}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request before it is signed.

    Attributes:
        operation: Name of the operation, for errors; such as ``"get_object"``.
        method: HTTP method.
        url: Absolute, and encoded already: it goes over the wire as it is. No credential is in it.
        headers: Lower-case names; they may hold keys, and are left out of the repr. ``host`` and
            ``content-length`` are added by the shell.
        body: The whole body; a request can always be sent again.
        container: For errors.
        key: For errors.
        is_repeatable: Whether sending it again does no harm although the first one may have taken
            effect. Without it only a request that surely never reached the service is sent again.
        on_sent: Told how many bytes of the body have been handed to the network.
    """

    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    body: Buffer = field(default=b"", repr=False)
    container: str | None = None
    key: str | None = None
    is_repeatable: bool = True
    on_sent: Callable[[int], None] | None = None

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return Subject(self.operation, self.container, self.key)

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.method in {"GET", "HEAD"}

    @property
    def endpoint(self) -> str:
        """Scheme and host of the URL."""
        end = self.url.find("/", 8)
        return self.url if end < 0 else self.url[:end]


class Wire(NamedTuple):
    """What goes over the wire: the URL and all headers of a request, signed. Both are secrets.

    ``body`` is that of the request, unless it is signed, too.
    """

    url: str
    headers: Mapping[str, str]
    body: Buffer | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, read to its end. Header names are lower-case; repeated ones are joined with ``, ``."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Answer(Protocol):
    """The head of an answer whose body has not been read."""

    status: int

    def headers(self) -> dict[str, str]:
        """Lower-case names; repeated ones are joined with ``, ``."""
        ...

    async def read_chunk(self) -> bytes:
        """What has arrived of the body, at least a byte; empty at its end."""
        ...

    async def read(self) -> bytes:
        """The whole body."""
        ...

    async def read_at_most(self, limit: int) -> bytes:
        """The whole body of an answer that ought to be small."""
        ...

    def close(self) -> None:
        """Drop the connection, unless the body was read to its end."""
        ...


class Transport(Protocol):
    """What takes requests to a service: a pool of connections, or a network that a test has made up."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: Buffer, on_sent: Callable[[int], None] | None
    ) -> Answer:
        """Send a request and return when the head of the answer is there.

        Raises:
            TransportError: There was no answer.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Twice is fine."""
        ...


class TransportError(Exception):
    """A request that got no usable answer.

    Attributes:
        kind: ``timeout``, ``connection``, ``certificate`` (no use to try again), or ``protocol``
            (what came was not HTTP).
        may_have_arrived: Whether the service may have seen the request.
    """

    def __init__(
        self, kind: Literal["timeout", "connection", "certificate", "protocol"], message: str, *, may_have_arrived: bool
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind: Literal["timeout", "connection", "certificate", "protocol"] = kind
        self.may_have_arrived = may_have_arrived
