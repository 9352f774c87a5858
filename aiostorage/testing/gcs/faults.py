"""What goes wrong when a test wants it to: refusals, lost answers, connections that break."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import GCSError, invalid
from aiostorage.testing.gcs.messages import Answer, integer, json_answer, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiostorage.testing.gcs.messages import JSON, Call, Source

PATH = "/_testing/faults"
"""Where a process is told of faults: POST one as a JSON object of its fields, DELETE all, GET how many wait."""

_REASONS = {408: "requestTimeout", 429: "rateLimitExceeded", 500: "internalError", 503: "backendError"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the next requests that fit.

    Attributes:
        method: Of the requests; empty for any.
        path: A regular expression to be found in their path or query.
        times: With how many of them.
        status: They are refused with this status, and nothing is done.
        retry_after: What a refusal says in that header.
        body_bytes: Their connection breaks after so many bytes of their body.
        answer_bytes: All is done, but the connection breaks after so many bytes of the answer's body; with -1
            there is no answer at all.
    """

    method: str = ""
    path: str = ""
    times: int = 1
    status: int | None = None
    retry_after: str | None = None
    body_bytes: int | None = None
    answer_bytes: int | None = None

    def fits(self, call: Call) -> bool:
        """Whether it is for this request."""
        target = f"{call.path}?{call.raw_query}"
        return self.method in {"", call.method} and re.search(self.path, target) is not None

    def refusal(self) -> tuple[GCSError, tuple[tuple[str, str], ...]]:
        """How a request is refused."""
        assert self.status is not None
        headers = () if self.retry_after is None else (("Retry-After", self.retry_after),)
        reason = _REASONS.get(self.status, "backendError")
        return GCSError(self.status, reason, "InternalError", "A test asked for this."), headers

    async def cut(self, source: Source) -> AsyncIterator[bytes]:
        """A body that breaks off.

        Raises:
            ConnectionResetError: Where it does.
        """
        left = self.body_bytes
        async for piece in source:
            if left is None:
                yield piece
            elif len(piece) < left:
                left -= len(piece)
                yield piece
            else:
                yield piece[:left]
                raise ConnectionResetError("A test asked for this.")


class Faults:
    """Those that are still to come."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """One more, behind the others."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._waiting.clear()

    def take(self, call: Call) -> Fault | None:
        """The first that is for this request."""
        for position, fault in enumerate(self._waiting):
            if fault.fits(call):
                if fault.times > 1:
                    self._waiting[position] = replace(fault, times=fault.times - 1)
                else:
                    del self._waiting[position]
                return fault
        return None

    def answer(self, call: Call) -> Answer:
        """What a process is told.

        Raises:
            GCSError: It makes no sense.
        """
        match call.method:
            case "GET":
                pass
            case "DELETE":
                self.clear()
            case _:
                self.add(_fault(call.document()))
        return json_answer({"waiting": len(self._waiting)})


def _fault(document: Mapping[str, JSON]) -> Fault:
    def number(name: str) -> int | None:
        value = document.get(name)
        return None if value is None else integer(value, name)

    if unknown := document.keys() - Fault.__dataclass_fields__.keys():
        raise invalid(f"A fault has no {', '.join(sorted(unknown))}")
    path = text(document, "path") or ""
    try:
        re.compile(path)
    except re.error:
        raise invalid(f"Invalid regular expression: {path}") from None
    return Fault(
        method=text(document, "method") or "",
        path=path,
        times=number("times") or 1,
        status=number("status"),
        retry_after=text(document, "retry_after"),
        body_bytes=number("body_bytes"),
        answer_bytes=number("answer_bytes"),
    )
