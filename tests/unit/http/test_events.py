"""What a driver tells of its requests, and what it says when it was forgotten."""

from __future__ import annotations

import gc
import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

from aiostorage import (
    AttemptFailed,
    ObjectNotFoundError,
    RequestEnded,
    RequestStarted,
    RetryPolicy,
    S3Driver,
    ServiceUnavailableError,
    WrongLoopError,
    retrying,
)
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiostorage import Event

T = TypeVar("T")

pytestmark = pytest.mark.anyio


SIZE = 3_000_000


def forget(things: list[T]) -> None:
    things.clear()
    gc.collect()


@asynccontextmanager
async def driver_of(server: ScriptedServer, events: list[Event]) -> AsyncGenerator[S3Driver]:
    async with S3Driver(
        endpoint=server.url,
        region="us-east-1",
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI",
        retry=RetryPolicy(base_s=0),
        on_event=events.append,
    ) as driver:
        yield driver


async def test_a_request_is_told_of_from_beginning_to_end() -> None:
    events: list[Event] = []
    async with (
        ScriptedServer(Answer(status=503), Answer(headers={"ETag": '"e"'}, body=b"hello")) as server,
        driver_of(server, events) as driver,
    ):
        await driver.container("bucket").object("k").read()
    begun, failed, ended = events
    assert isinstance(begun, RequestStarted)
    assert (begun.provider, begun.operation, begun.container, begun.key) == ("s3", "get_object", "bucket", "k")
    assert (begun.method, f"http://{begun.host}") == ("GET", server.url)
    assert isinstance(failed, AttemptFailed)
    assert (failed.call, failed.attempt, failed.error.status) == (begun.call, 1, 503)
    assert isinstance(ended, RequestEnded)
    assert (ended.call, ended.attempts, ended.status, ended.received_bytes) == (begun.call, 2, 200, 5)
    assert ended.error is None


async def test_what_is_sent_is_counted() -> None:
    events: list[Event] = []
    async with ScriptedServer(Answer(headers={"ETag": '"e"'})) as server, driver_of(server, events) as driver:
        await driver.container("bucket").upload_object(b"12345678", "k")
    ended = events[-1]
    assert isinstance(ended, RequestEnded)
    assert (ended.sent_bytes, ended.received_bytes) == (8, 0)


async def test_an_error_is_told_and_the_last_of_its_attempts() -> None:
    events: list[Event] = []
    async with ScriptedServer(Answer(status=404)) as server, driver_of(server, events) as driver:
        with pytest.raises(ObjectNotFoundError) as caught:
            await driver.container("bucket").get_object("k")
    ended = events[-1]
    assert isinstance(ended, RequestEnded)
    assert (ended.status, ended.error) == (404, caught.value)


async def test_a_callback_that_fails_spoils_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_event: Event) -> None:
        raise RuntimeError("boom")

    async with (
        ScriptedServer(Answer(headers={"ETag": '"e"'}, body=b"x")) as server,
        S3Driver(endpoint=server.url, region="us-east-1", anonymous=True, on_event=fail) as driver,
    ):
        assert await driver.container("bucket").object("k").read() == b"x"
    assert "callback for events" in caplog.text


async def test_a_retry_is_logged_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aiostorage")
    async with (
        ScriptedServer(Answer(status=503), Answer(headers={"ETag": '"e"'}, body=b"x")) as server,
        driver_of(server, []) as driver,
    ):
        await driver.container("bucket").object("k").read()
    (record,) = [record for record in caplog.records if "get_object failed" in record.message]
    assert record.__dict__["storage_status"] == 503
    everything = "".join(str(record.__dict__) for record in caplog.records)
    assert "wJalrXUtnFEMI" not in everything
    assert "AKIDEXAMPLE" not in everything


async def test_another_policy_for_some_calls() -> None:
    async with ScriptedServer(answer=lambda _: Answer(status=503)) as server, driver_of(server, []) as driver:
        obj = driver.container("bucket").object("k")
        with retrying(RetryPolicy(max_attempts=2, base_s=0)), pytest.raises(ServiceUnavailableError) as caught:
            await obj.read()
        assert caught.value.attempts == 2
        with pytest.raises(ServiceUnavailableError) as caught:
            await obj.read()
        assert caught.value.attempts == 5


async def test_a_body_that_nobody_closed_says_so_and_gives_its_connection_back() -> None:
    async with (
        ScriptedServer(answer=lambda _: Answer(headers={"ETag": '"e"'}, body=b"x" * SIZE)) as server,
        S3Driver(
            endpoint=server.url, region="us-east-1", anonymous=True, max_connections=1, pool_timeout_s=5
        ) as driver,
    ):
        readers = [await driver.container("bucket").object("k").as_file()]
        with pytest.warns(ResourceWarning, match="the body of get_object of 'k' in 'bucket' was not closed"):
            forget(readers)
        assert len(await driver.container("bucket").object("k").read()) == SIZE


async def test_a_driver_that_nobody_closed_says_where_it_was_made() -> None:
    async with ScriptedServer(Answer(headers={"ETag": '"e"'}, body=b"x")) as server:
        drivers = [S3Driver(endpoint=server.url, region="us-east-1", anonymous=True)]
        await drivers[0].container("bucket").object("k").read()
        with pytest.warns(ResourceWarning) as caught:
            forget(drivers)
    assert any(f"made at {__file__}:" in str(warning.message) for warning in caught)


async def test_a_forked_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        ScriptedServer(Answer(headers={"ETag": '"e"'}, body=b"x")) as server,
        S3Driver(endpoint=server.url, region="us-east-1", anonymous=True) as driver,
    ):
        await driver.container("bucket").object("k").read()
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with pytest.raises(WrongLoopError, match="forked"):
            await driver.container("bucket").object("k").read()
        monkeypatch.undo()
