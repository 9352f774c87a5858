"""A proxy that stands before a real server and does what may go wrong on the way.

A test says what shall happen, to which request, and how often; the server behind stays a real one, so that what
is stored can be looked at directly afterwards::

    from aiostorage.testing.faults import Break, Fault, FaultProxy, Reply

    async with FaultProxy("http://127.0.0.1:9000", dialect="s3") as proxy:
        lost = Fault(what=Break(at="reply"), operation="put_object", key="cat.jpg")  # done, but the client is not told
        busy = Fault(what=Reply(status=503, retry_after=1), method="GET", nth=2, times=3)
        proxy.inject(lost, busy)
        async with S3Driver(endpoint=proxy.url, ...) as driver:
            await driver.container("photos").upload_object(b"...", "cat.jpg")
        assert proxy.count(lost) == 1                                                # it did happen

It works for any client, in any language, and for any server that speaks plain HTTP. ``dialect`` (``"s3"``, ``"gcs"``,
``"azure"``, ``"swift"``) is the protocol: by it requests are told apart, and errors are said.

============================== ====================================================================================
``Refuse(for_s=)``             all connections are reset, and for a while nobody can connect
``Break(at=, how=)``           a reset, an end or silence: while the request is sent (``"upload"``), before the server
                               knows of it (``"request"``), after it has done it (``"reply"``, the lost reply), after
                               the head of the answer, or in its body, at a byte
``Reply(status=)``             any answer: 4xx, 5xx, SlowDown in the provider's own form, with ``retry_after`` or not;
                               an error in a 200; a page of a captive portal; with ``is_done`` all the same done
``Garbage()``                  what comes back is not HTTP
``Corrupt(at=)``               a byte of the body is another one
``Truncate(keep=)``            XML, JSON or content is cut, with a Content-Length that fits
``WrongLength(by=)``           Content-Length says more than comes, or less
``IgnoreRange(content=)``      a range is answered by 200 with everything
``OldVersion(content=)``       a replica that lags behind
``RepeatPage()``               a listing that never advances
``CloseIdle()``                the connection is closed after an answer that did not announce it
``Drip(interval_s=, size=)``   the body comes byte by byte
============================== ====================================================================================

A :class:`Fault` chooses requests by method, operation, container, key, path or a function of its own, and strikes the
``nth`` of them, from there on ``every`` so many, as many ``times`` as it is told; ``times=None, every=50`` is a
service in which each fiftieth request fails. :meth:`FaultProxy.count` tells how often it has happened, and
:attr:`FaultProxy.exchanges` all that has come.
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
from aiostorage.testing.faults.asked import Asked, Dialect
from aiostorage.testing.faults.proxy import Exchange, FaultProxy
from aiostorage.testing.faults.wire import ProxyAnswer, ProxyRequest

__all__ = [
    "Action",
    "Asked",
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
