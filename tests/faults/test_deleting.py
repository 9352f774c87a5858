"""A container that is to go, while answers are lost, objects cannot be deleted, or others do the same."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from aiostorage import (
    ContainerNotEmptyError,
    ContainerNotFoundError,
    PermissionDeniedError,
    RetryPolicy,
    S3Driver,
    ServiceUnavailableError,
)
from aiostorage._transfer import delete
from tests.scripted import Answer, ScriptedServer, Seen, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

GONE = Answer(status=204)


class Service:
    """One container of some objects.

    Attributes:
        deletions: What DeleteObjects says, from the first to the last; nothing, where it succeeds.
        refusals: Answers to DeleteObjects, before there is any other.
        removals: Answers to DeleteBucket; when they are used up it tells the truth.
    """

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.deletions: list[str] = []
        self.refusals: list[Answer] = []
        self.removals: list[Answer] = []

    def answer(self, seen: Seen) -> Answer:
        _, _, query = seen.target.partition("?")
        if query.startswith("uploads"):
            return Answer(
                body=b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
            )
        if seen.method == "GET":
            items = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in self.keys)
            return Answer(body=f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode())
        if seen.method == "POST":
            return self.refusals.pop(0) if self.refusals else self.delete_objects()
        if self.removals:
            return self.removals.pop(0)
        return refusal(409, "BucketNotEmpty") if self.keys else GONE

    def delete_objects(self) -> Answer:
        code = self.deletions.pop(0) if self.deletions else ""
        first, *others = self.keys
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in others)
        if code:
            deleted += f"<Error><Key>{first}</Key><Code>{code}</Code></Error>"
            self.keys = [first]
        else:
            deleted += f"<Deleted><Key>{first}</Key></Deleted>"
            self.keys = []
        return Answer(body=f"<DeleteResult>{deleted}</DeleteResult>".encode())


def refusal(status: int, code: str) -> Answer:
    return Answer(status=status, body=f"<Error><Code>{code}</Code></Error>".encode())


@asynccontextmanager
async def driver_of(service: Service) -> AsyncIterator[S3Driver]:
    async with (
        ScriptedServer(answer=service.answer) as server,
        S3Driver(endpoint=server.url, region="r", anonymous=True, retry=RetryPolicy(base_s=0)) as driver,
    ):
        yield driver


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delete, "_NEXT_PASS_AFTER_S", 0.0)


async def test_a_removal_whose_answer_was_lost_has_succeeded() -> None:
    service = Service("a", "b")
    service.removals = [reset(), refusal(404, "NoSuchBucket")]
    async with driver_of(service) as driver:
        await driver.delete_container("bucket")
    assert service.keys == []


async def test_a_removal_of_an_empty_container_whose_answer_was_lost_has_succeeded() -> None:
    service = Service()
    service.removals = [reset(), refusal(404, "NoSuchBucket")]
    async with driver_of(service) as driver:
        await driver.delete_container("bucket", only_if_empty=True)


async def test_an_empty_container_that_is_not_there_is_not_found() -> None:
    service = Service()
    service.removals = [refusal(404, "NoSuchBucket")]
    async with driver_of(service) as driver:
        with pytest.raises(ContainerNotFoundError):
            await driver.delete_container("bucket", only_if_empty=True)


@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey"])
async def test_somebody_else_was_faster(code: str) -> None:
    """Ceph answers NoSuchKey when another request removes the container after this one has found it."""
    service = Service("a")
    service.removals = [refusal(404, code)]
    async with driver_of(service) as driver:
        with pytest.raises(ContainerNotFoundError):
            await driver.delete_container("bucket")


async def test_an_object_that_could_not_be_deleted_for_a_moment_is_tried_again() -> None:
    service = Service("a", "b")
    service.deletions = ["InternalError", "SlowDown"]
    async with driver_of(service) as driver:
        await driver.delete_container("bucket")
    assert service.keys == []


async def test_an_object_that_can_only_go_after_another_is_tried_again() -> None:
    """On Azure one with snapshots; here a condition that nobody has made."""
    service = Service("a", "b")
    service.deletions = ["PreconditionFailed"]
    async with driver_of(service) as driver:
        await driver.delete_container("bucket")
    assert service.keys == []


async def test_a_service_that_asks_for_a_longer_pause_than_that_between_two_passes_is_not_asked_again() -> None:
    service = Service("a")
    service.refusals = [Answer(status=503, headers={"Retry-After": "3600"})]
    async with driver_of(service) as driver:
        with pytest.raises(ContainerNotEmptyError) as caught:
            await driver.delete_container("bucket")
    assert isinstance(caught.value.__cause__, ServiceUnavailableError)
    assert caught.value.__cause__.retry_after_s == 3600
    assert service.keys == ["a"]


@pytest.mark.parametrize(
    ("code", "cause", "tries"),
    [("AccessDenied", PermissionDeniedError, 1), ("InternalError", ServiceUnavailableError, 5)],
)
async def test_an_object_that_cannot_be_deleted_is_the_reason(code: str, cause: type[Exception], tries: int) -> None:
    service = Service("a", "b")
    service.deletions = [code] * 10
    async with driver_of(service) as driver:
        with pytest.raises(ContainerNotEmptyError) as caught:
            await driver.delete_container("bucket")
    assert type(caught.value.__cause__) is cause
    assert len(service.deletions) == 10 - tries
