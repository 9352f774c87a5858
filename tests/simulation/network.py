"""A network that does harm: the transport of the shell, between a driver and the simulated store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiostorage._http.messages import TransportError
from tests.simulation.ledger import Cleaning, current
from tests.simulation.store import OTHERS, Asked, Reply, error

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from aiostorage.models import Buffer
    from tests.simulation.ledger import Ledger, Operation
    from tests.simulation.store import Store

IDLE_S = 60.0

BEFORE = (
    "refused", "reset", "timeout", "late", "late timeout", "500", "503", "slow down", "retry after", "corrupt request",
)  # fmt: skip
"""What may happen instead of an effect, or (the late ones) before it."""

SURE = {"refused", "slow down", "retry after", "expired token", "corrupt request"}
"""After which of these it is certain that there was no effect, and will be none."""

AFTER = ("reply lost", "reply timeout", "500 after", "cut document", "hidden error after")
"""What may happen after the effect."""

BODY = ("cut", "stall", "corrupt body", "other range", "range ignored")
"""What may happen to the body of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the network is.

    Attributes:
        faults: The chance of a fault, for each request.
        latency_s: The longest way, each way.
        kinds: Of faults that there are. Few at a time go deeper than all at once.
            Source: https://doi.org/10.1145/2338965.2336763 ("swarm testing")
        is_signed: Whether requests are signed, and credentials may expire.
    """

    faults: float
    kinds: frozenset[str]
    latency_s: float
    is_signed: bool


class Network:
    """Takes requests to the store, or not.

    Args:
        store: Where to.
        dice: Decide what happens.
        weather: How bad it is; may be changed.
        ledger: Told of all that happens.
        concurrency: Of parts of one call.
    """

    def __init__(
        self,
        store: Store,
        dice: random.Random,
        weather: Weather,
        ledger: Ledger,
        *,
        concurrency: int,
        memory_limit: int,
    ) -> None:
        self._store = store
        self._dice = dice
        self.weather = weather
        self._ledger = ledger
        self._concurrency = concurrency
        self._memory_limit = memory_limit
        self._counted: list[int] = []
        self.open_answers: list[SimulatedAnswer] = []
        self.under_way = 0
        self.requests = 0
        self.is_closed = False
        self._ends = 0
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: Buffer, on_sent: Callable[[int], None] | None
    ) -> SimulatedAnswer:
        """Send a request and return when the head of the answer is there."""
        self.requests += 1
        operation = current.get()
        asked = Asked(
            method=method,
            url=url,
            headers=headers,
            body=bytes(body),
            owner=OTHERS if operation is None else operation.number,
            sent_at=self._store.tick,
        )
        name = upload_id_of(url)
        is_part = method == "PUT" and bool(name)
        cleaning = None
        if name and method in {"DELETE", "GET"}:
            cleaning = self._ledger.cleaning.setdefault(name, Cleaning())
            cleaning.attempts += 1
            cleaning.faults += 1  # until it turns out well
        self.under_way += 1
        if on_sent is not None and body:
            on_sent(len(body))
        if is_part and operation is not None:
            operation.parts_under_way += 1
            self._ledger.check_memory(operation, self._concurrency)
            if body and operation.is_budgeted:
                self._counted.append(len(body))
                held = sum(self._counted)
                self._ledger.check(
                    "budget", held <= max(self._memory_limit, *self._counted), f"{held} bytes of parts are under way"
                )
        try:
            answer = await self._exchange(asked, operation)
        except asyncio.CancelledError:
            if method == "POST":
                self._ledger.unanswered.add(name)
            raise
        finally:
            self.under_way -= 1
            self._has_ended()
            if is_part and operation is not None:
                operation.parts_under_way -= 1
                if body and operation.is_budgeted:
                    self._counted.remove(len(body))
            if operation is not None and cleaning is None:
                operation.last_work_s = self._ledger.clock()
        if is_part and operation is not None and answer.status == 200:
            operation.stored += len(body)
        if cleaning is not None and not answer.is_fault:
            cleaning.faults = 0
            if answer.status == 404 or (method == "GET" and b"<Part>" not in answer.body):
                cleaning.looked_at_tick = asked.sent_at
        return answer

    def after(self, ends: int, callback: Callable[[], None]) -> None:
        """Call back when so many more requests, whoever's, have ended: before anybody else notices it."""
        self._waiting.append((self._ends + ends, callback))

    def _has_ended(self) -> None:
        self._ends += 1
        for due in [each for each in self._waiting if each[0] <= self._ends]:
            self._waiting.remove(due)
            asyncio.get_running_loop().call_soon(due[1])

    async def aclose(self) -> None:
        """Close all connections."""
        self.is_closed = True

    async def _exchange(self, asked: Asked, operation: Operation | None) -> SimulatedAnswer:
        dice = self._dice
        fault = self._fault(asked)
        if fault is not None:
            self._ledger.fault(operation, fault)
            name = upload_id_of(asked.url)
            if name in self._ledger.cleaning:
                self._ledger.cleaning[name].last_fault = fault
            if asked.method == "POST" and fault not in SURE:
                self._ledger.unanswered.add(name)
        match fault:
            case "refused":
                raise TransportError("connection", "made up: refused", may_have_arrived=False)
            case "corrupt request" if self._store.corruptible(asked):
                at = dice.choice(self._store.corruptible(asked))
                damaged = asked.body[:at] + bytes([asked.body[at] ^ 1]) + asked.body[at + 1 :]
                asked = replace(asked, body=damaged)
        try:
            await asyncio.sleep(self._way_s())
        except asyncio.CancelledError:
            if fault in {None, "late"} and dice.random() < 0.5:  # it is on its way
                self._land_later(asked)
            raise
        match fault:
            case "reset":
                raise TransportError("connection", "made up: reset", may_have_arrived=True)
            case "timeout":
                await asyncio.sleep(IDLE_S)
                raise TransportError("timeout", "made up: no answer", may_have_arrived=True)
            case "late":
                self._land_later(asked)
                raise TransportError("connection", "made up: reset, and it lands later", may_have_arrived=True)
            case "late timeout":
                self._land_later(asked)
                await asyncio.sleep(IDLE_S)
                raise TransportError("timeout", "made up: no answer, and it lands some time", may_have_arrived=True)
            case "500" | "503":
                return self._answer(Reply(status=int(fault)), asked, operation, is_fault=True)
            case "slow down":
                return self._answer(error(503, "SlowDown"), asked, operation, is_fault=True)
            case "retry after":
                reply = replace(error(429, "TooManyRequests"), headers={"retry-after": dice.choice("012")})
                return self._answer(reply, asked, operation, is_fault=True)
            case "expired token":
                return self._answer(error(400, "ExpiredToken"), asked, operation, is_fault=True)
            case "range ignored":
                asked = replace(asked, headers={name: asked.headers[name] for name in asked.headers if name != "range"})
        reply = self._land(asked)
        if reply.upload_id is not None and operation is not None and (fault is None or fault in BODY):
            operation.upload_ids.append(reply.upload_id)  # from now on the call is to blame for it
        await asyncio.sleep(self._way_s())
        match fault:
            case "reply lost":
                raise TransportError("connection", "made up: the answer is lost", may_have_arrived=True)
            case "reply timeout":
                await asyncio.sleep(IDLE_S)
                raise TransportError("timeout", "made up: the answer does not come", may_have_arrived=True)
            case "500 after":
                return self._answer(Reply(status=500), asked, operation, is_fault=True)
            case "hidden error after" if self._store.hides_errors and reply.status == 200 and reply.is_document:
                return self._answer(error(200, "InternalError"), asked, operation, is_fault=True)
            case "cut document" if reply.is_document and reply.body:
                cut = reply.body[: dice.randrange(len(reply.body))]
                return self._answer(replace(reply, body=cut), asked, operation, is_fault=True)
        return self._answer(reply, asked, operation, fault=fault)

    def _fault(self, asked: Asked) -> str | None:
        dice, weather = self._dice, self.weather
        if dice.random() >= weather.faults:
            return None
        if weather.is_signed and dice.random() < 0.05:
            return "expired token"
        is_object = asked.method == "GET" and "?" not in asked.url
        kinds = BODY if is_object and dice.random() < 0.6 else BEFORE + AFTER
        possible = [kind for kind in kinds if kind in weather.kinds]
        return dice.choice(possible) if possible else None

    def _way_s(self) -> float:
        return self._dice.random() * self.weather.latency_s

    def _land_later(self, asked: Asked) -> None:
        self._ledger.operations[asked.owner].may_haunt = True
        delay_s = self._dice.choice((self._way_s(), 1.0, 65.0))
        asyncio.get_running_loop().call_later(delay_s, self._land, asked)

    def _land(self, asked: Asked) -> Reply:
        reply = self._store.handle(asked)
        self._ledger.note(f"#{asked.owner} {asked.method} {asked.url[20:]} {len(asked.body)}: {reply.status}")
        name = upload_id_of(asked.url)
        if asked.method == "PUT" and name and reply.status == 200:
            self._ledger.landed_parts[name] = self._store.tick
        return reply

    def _answer(
        self,
        reply: Reply,
        asked: Asked,
        operation: Operation | None,
        *,
        fault: str | None = None,
        is_fault: bool = False,
    ) -> SimulatedAnswer:
        dice = self._dice
        body, headers = reply.body, dict(reply.headers)
        stops_at: int | None = None
        if fault in {"cut", "stall"} and body:
            stops_at = dice.randrange(len(body))
        elif fault == "corrupt body" and body and self._store.checksum_header in headers and _is_verified(operation):
            at = dice.randrange(len(body))
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        elif fault == "other range" and reply.status == 206:
            first, _, rest = headers["content-range"].removeprefix("bytes ").partition("-")
            headers["content-range"] = f"bytes {int(first) + 1}-{rest}"
        answer = SimulatedAnswer(
            replace(reply, body=body, headers=headers),
            stops_at=stops_at,
            is_stalled=fault == "stall",
            chunk=dice.randint(1, 16),
            way_s=self.weather.latency_s / 10,
            on_close=self.open_answers.remove,
            operation=operation,
        )
        answer.is_fault = is_fault
        self.open_answers.append(answer)
        return answer


class SimulatedAnswer:
    """An answer whose body comes in pieces, and perhaps not whole."""

    def __init__(
        self,
        reply: Reply,
        *,
        stops_at: int | None,
        is_stalled: bool,
        chunk: int,
        way_s: float,
        on_close: Callable[[SimulatedAnswer], None],
        operation: Operation | None,
    ) -> None:
        self.status = reply.status
        self.body = reply.body
        self.operation = operation
        self.is_fault = False
        self._headers = dict(reply.headers)
        self._stops_at = stops_at
        self._is_stalled = is_stalled
        self._chunk = chunk
        self._way_s = way_s
        self._on_close: Callable[[SimulatedAnswer], None] | None = on_close
        self._position = 0

    def headers(self) -> dict[str, str]:
        """Lower-case names."""
        return dict(self._headers)

    async def read_chunk(self) -> bytes:
        """What has arrived of the body; empty at its end."""
        if self._on_close is None:
            raise TransportError("connection", "made up: it was closed", may_have_arrived=True)
        await asyncio.sleep(self._way_s)
        stop = min(self._position + self._chunk, len(self.body))
        if self._stops_at is not None and stop > self._stops_at:
            if self._position < self._stops_at:
                stop = self._stops_at
            elif self._is_stalled:
                await asyncio.sleep(IDLE_S)
                raise TransportError("timeout", "made up: the body stalls", may_have_arrived=True)
            else:
                raise TransportError("connection", "made up: the body is cut off", may_have_arrived=True)
        piece = self.body[self._position : stop]
        self._position = stop
        return piece

    async def read(self) -> bytes:
        """The whole body."""
        pieces: list[bytes] = []
        while piece := await self.read_chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def read_at_most(self, limit: int) -> bytes:
        """The whole body of an answer that ought to be small; it comes in one piece."""
        assert len(self.body) <= limit
        if self._stops_at is not None:
            return await self.read()
        return self.body

    def close(self) -> None:
        """Drop the connection."""
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close(self)


def _is_verified(operation: Operation | None) -> bool:
    """Whether the bytes of an answer are compared with the checksum in it: all of them, before anybody sees them."""
    return operation is not None and operation.kind in {"read", "download"}


def upload_id_of(url: str) -> str:
    """The upload that a request is about; empty where it is about none."""
    return url.partition("uploadId=")[2].partition("&")[0]
