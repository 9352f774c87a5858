"""Google Cloud Storage, as the server of this package has it: its cloud without its sockets."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from aiostorage.testing.gcs import Settings, routes
from aiostorage.testing.gcs.cloud import Cloud, Draft
from aiostorage.testing.gcs.content import Content
from aiostorage.testing.gcs.crc32c import crc32c
from aiostorage.testing.gcs.messages import Call
from tests.simulation.store import BUCKET, LIMITS, Reply, Store, Version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from aiostorage.testing.gcs.objects import StoredObject
    from tests.simulation.store import Asked, OnEffect

T = TypeVar("T")

EPOCH_S = 1_795_435_200.0
_DOCUMENTS = ("application/json", "application/xml")


class GCSStore(Store):
    """The bucket of a cloud. What takes effect shows in it after each request.

    Args:
        dice: Decide what uploads are called, and how much a rewrite copies at once.
        clock: Seconds since the run began.
        on_effect: Told of everything that takes effect.
    """

    hides_errors = False
    checksum_header = "x-goog-hash"

    def __init__(self, dice: random.Random, clock: Callable[[], float], on_effect: OnEffect) -> None:
        super().__init__(on_effect)
        settings = Settings(
            authorization="ignored",
            min_part_bytes=LIMITS.min_part_size_bytes,
            page_size=LIMITS.max_page_size,
            rewrite_bytes_per_call=dice.choice((None, 10)),
        )
        randomness = random.Random(dice.random())
        self._cloud = Cloud(settings, clock=lambda: EPOCH_S + clock(), randomness=randomness)
        self._cloud.create_bucket(BUCKET, {}, settings.project)
        self._seen: dict[str, StoredObject] = {}

    def handle(self, asked: Asked) -> Reply:
        """What the service answers, and does."""
        split = urlsplit(asked.url)
        call = Call(
            method=asked.method,
            path=split.path,
            raw_query=split.query,
            headers=dict(asked.headers),
            origin=f"{split.scheme}://{split.netloc}",
        )
        before = set(self._cloud.uploads)
        answer = _result(routes.answer(self._cloud, call, _once(asked.body)))
        self._look(asked.owner)
        begun = self._cloud.uploads.keys() - before
        body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        headers = {name.lower(): value for name, value in answer.headers}
        headers.setdefault("content-length", str(len(body) if answer.length is None else answer.length))
        return Reply(
            status=answer.status,
            headers=headers,
            body=b"" if asked.method == "HEAD" else body,
            is_document=headers.get("content-type", "").startswith(_DOCUMENTS),
            upload_id=min(begun, default=None),
        )

    def put(self, owner: int, key: str, data: bytes) -> None:
        """Have an object from now on."""
        md5 = hashlib.md5(data).digest()
        content = Content(blocks=(data,), size=len(data), crc32c=crc32c(data), md5=md5)
        self._cloud.publish(Draft(bucket=BUCKET, name=key), content)
        self._look(owner)

    def delete(self, owner: int, key: str) -> None:
        """Have an object no more."""
        if key in self._seen:
            self._cloud.bucket(BUCKET).delete(key, None, self._cloud.now())
            self._look(owner)

    def has_bucket(self) -> bool:
        """Whether it is there still."""
        return BUCKET in self._cloud.buckets

    def open_uploads(self) -> list[str]:
        """The ids of the uploads that are neither completed nor aborted."""
        return list(self._cloud.uploads)

    def corruptible(self, asked: Asked) -> range:
        """The content of an object, or a part; a description of what to do has no checksum."""
        if asked.method == "PUT":
            return range(len(asked.body))
        if "uploadType=multipart" not in asked.url:
            return range(0)
        description = asked.body.index(b"\r\n\r\n")
        start = asked.body.index(b"\r\n\r\n", description + 4) + 4
        return range(start, asked.body.rindex(b"\r\n--"))

    def _look(self, owner: int) -> None:
        """Note what has changed in the bucket."""
        live: dict[str, StoredObject] = {}
        if self.has_bucket():
            bucket = self._cloud.bucket(BUCKET)
            live = {name: found for name in bucket.names if (found := bucket.live(name)) is not None}
        seen, self._seen = self._seen, live
        for name in sorted(seen.keys() | live.keys()):
            found = live.get(name)
            if found is seen.get(name):
                continue
            version = None if found is None else Version(b"".join(found.content.pieces()), str(found.generation))
            self._has_become(owner, name, version)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


def _result(work: Coroutine[object, object, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("the cloud waits for something")
