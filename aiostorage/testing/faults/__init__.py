"""A proxy that stands before a real server and does what may go wrong on the way.

A test says what shall happen, to which request, and how often; the server behind stays a real one, so that what
is stored can be looked at directly afterwards::

    from aiostorage.testing.faults import Break, Fault, FaultProxy, Reply

    async with FaultProxy("http://127.0.0.1:9000", dialect="s3") as proxy:
        lost = Fault(what=Break(at="reply"), method="PUT")                 # done, but the client is not told
        busy = Fault(what=Reply(status=503, retry_after=1), method="GET", nth=2, times=3)
        proxy.inject(lost, busy)
        async with S3Driver(endpoint=proxy.url, ...) as driver:
            await driver.container("photos").upload_object(b"...", "cat.jpg")
        assert proxy.count(lost) == 1                                      # it did happen

It works for any client, not only for those of this package. ``dialect`` is the form in which errors are said.
"""

from aiostorage.testing.faults.actions import (
    Action,
    Break,
    CloseIdle,
    Corrupt,
    Drip,
    Fault,
    Garbage,
    IgnoreRange,
    OldVersion,
    Refuse,
    RepeatPage,
    Reply,
    Truncate,
    WrongLength,
)
from aiostorage.testing.faults.forms import Dialect
from aiostorage.testing.faults.proxy import Exchange, FaultProxy
from aiostorage.testing.faults.wire import ProxyAnswer, ProxyRequest

__all__ = [
    "Action",
    "Break",
    "CloseIdle",
    "Corrupt",
    "Dialect",
    "Drip",
    "Exchange",
    "Fault",
    "FaultProxy",
    "Garbage",
    "IgnoreRange",
    "OldVersion",
    "ProxyAnswer",
    "ProxyRequest",
    "Refuse",
    "RepeatPage",
    "Reply",
    "Truncate",
    "WrongLength",
]
