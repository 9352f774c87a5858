"""Directory buckets, on a server that knows their rules.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlsplit
from zlib import crc32

import pytest

from aiostorage import RetryPolicy, S3Driver
from aiostorage._http.messages import Request, Response
from aiostorage.errors import PermissionDeniedError, UnexpectedResponseError, UnsupportedError
from aiostorage.models import ListQuery
from aiostorage.providers.s3 import express, requests
from aiostorage.providers.s3.config import Settings, make_site
from aiostorage.providers.s3.credentials import S3Credentials
from tests.scripted import Answer
from tests.unit.s3.amazon import error, serving, signature_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

BUCKET = "data--usw2-az1--x-s3"
ZONE = f"{BUCKET}.s3express-usw2-az1.us-west-2.amazonaws.com"
REGION = "s3express-control.us-west-2.amazonaws.com"
PART = 5 * 1024 * 1024


@dataclass(slots=True)
class Zone:
    """A zone, and its region: each operation where it belongs, signed as it must be, and nothing else."""

    lives_for: timedelta = timedelta(minutes=5)
    sessions: int = 0
    refused: set[str] = field(default_factory=set)
    objects: dict[str, bytes] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    def __call__(self, seen: Seen) -> Answer:
        sessions = {f"SESSION{number}": f"hunter2secret{number}" for number in range(1, self.sessions + 1)}
        signature = signature_of(seen, {"AKIA1": "hunter2key", **sessions})
        if signature is None:
            return error(403, "SignatureDoesNotMatch")
        if (signature.service, signature.region) != ("s3express", "us-west-2"):
            return error(400, "AuthorizationHeaderMalformed")
        query = dict(parse_qsl(urlsplit(seen.target).query, keep_blank_values=True))
        path, host = urlsplit(seen.target).path, seen.headers["host"]
        if host == REGION:
            is_right = signature.key_id == "AKIA1" and path == f"/{BUCKET}"
            return self._region(seen) if is_right else error(400, "InvalidRequest")
        assert host == ZONE
        assert "content-md5" not in seen.headers, "directory buckets know no MD5"
        is_plain = "session" in query or "x-amz-copy-source" in seen.headers or (seen.method, path) == ("HEAD", "/")
        if is_plain:
            is_right = signature.key_id == "AKIA1" and seen.headers.get("x-amz-security-token") == "hunter2token"
            if not is_right or "x-amz-s3session-token" in seen.headers:
                return error(403, "AccessDenied")
        elif seen.headers.get("x-amz-s3session-token") != f"hunter2session{signature.key_id[7:]}":
            return error(403, "AccessDenied")
        elif "x-amz-security-token" in seen.headers:
            return error(400, "InvalidRequest")
        elif signature.key_id in self.refused:
            return error(400, "ExpiredToken")
        return self._session(seen) if "session" in query else self._zone(seen, path.lstrip("/"), query)

    def _region(self, seen: Seen) -> Answer:
        self.made.append(seen.method)
        return Answer(status=204 if seen.method == "DELETE" else 200)

    def _session(self, seen: Seen) -> Answer:
        assert "x-amz-create-session-mode" not in seen.headers, "who may only read would be refused"
        self.sessions += 1
        end = (datetime.now(UTC) + self.lives_for).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answer(
            body=f'<CreateSessionResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Credentials>'
            f"<SessionToken>hunter2session{self.sessions}</SessionToken><Expiration>{end}</Expiration>"
            f"<SecretAccessKey>hunter2secret{self.sessions}</SecretAccessKey>"
            f"<AccessKeyId>SESSION{self.sessions}</AccessKeyId></Credentials></CreateSessionResult>".encode()
        )

    def _zone(self, seen: Seen, key: str, query: dict[str, str]) -> Answer:
        self.answered.append(f"{seen.method} {key or ','.join(sorted(query))}")
        if "list-type" in query:
            assert not query.keys() & {"start-after", "versions"}
            assert query.get("prefix", "/").endswith("/")
            keys = [name for name in self.objects if name.startswith(query.get("prefix", ""))]
            items = "".join(f"<Contents><Key>{name}</Key><Size>1</Size></Contents>" for name in keys)
            return Answer(body=f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode())
        if "delete" in query:
            digest = b64encode(crc32(seen.body).to_bytes(4, "big")).decode()
            assert seen.headers["x-amz-checksum-crc32"] == digest
            gone = re.findall("<Key>(.*?)</Key>", seen.body.decode())
            for name in gone:
                del self.objects[name]
            items = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in gone)
            return Answer(body=f"<DeleteResult>{items}</DeleteResult>".encode())
        if "uploads" in query and seen.method == "POST":
            assert seen.headers["x-amz-checksum-algorithm"] == "CRC32"
            assert "x-amz-checksum-type" not in seen.headers
            return Answer(body=b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        if "uploads" in query:
            return Answer(
                body=b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
            )
        if seen.method == "POST":
            assert seen.body.count(b"<ChecksumCRC32>") == 3
            self.objects[key] = b"whole"
            return Answer(body=b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
        if "x-amz-copy-source" in seen.headers:
            self.objects[key] = self.objects[seen.headers["x-amz-copy-source"].removeprefix(f"/{BUCKET}/")]
            return Answer(body=b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>")
        if seen.method == "PUT":
            digest = b64encode(crc32(seen.body).to_bytes(4, "big")).decode()
            assert seen.headers["x-amz-checksum-crc32"] == digest
            self.objects[key] = seen.body
            return Answer(headers={"ETag": '"a94a8fe5ccb19ba61c4c0873d391e987"'})
        if seen.method == "DELETE":
            self.objects.pop(key, None)
            return Answer(status=204)
        body = self.objects.get(key, b"")
        return Answer(headers={"ETag": '"a94a8fe5ccb19ba61c4c0873d391e987"'}, body=body)


@asynccontextmanager
async def driver_of(zone: Zone) -> AsyncIterator[S3Driver]:
    async with serving(zone) as (_, session):
        driver = S3Driver(
            region="us-west-2",
            access_key_id="AKIA1",
            secret_access_key="hunter2key",
            session_token="hunter2token",
            session=session,
            retry=RetryPolicy(max_attempts=2, base_s=0),
            part_size_bytes=PART,
        )
        async with driver:
            yield driver


@pytest.mark.verifies("endpoints: directory buckets (Express)", on="fake")
async def test_a_directory_bucket_from_its_making_to_its_end() -> None:
    zone = Zone()
    async with driver_of(zone) as driver:
        container = driver.container(BUCKET)
        await driver.backend.head_container(BUCKET)
        await driver.delete_container(BUCKET, only_if_empty=True)
        small = await container.upload_object(b"abc", "dir/small")
        assert small.object_hash is None or small.object_hash.algorithm != "md5"
        assert await small.read() == b"abc"
        await container.upload_object(b"x" * (2 * PART + 1), "dir/large")
        await small.copy_to(container, "copy")
        assert sorted([obj.name async for obj in container.list_objects(prefix="dir/")]) == ["dir/large", "dir/small"]
        await small.delete()
        await container.delete()
    assert not zone.objects
    assert zone.sessions == 1
    assert zone.made == ["DELETE", "DELETE"]


async def test_it_is_made_by_its_region() -> None:
    asked: list[Seen] = []

    def answer(seen: Seen) -> Answer:
        assert signature_of(seen, {"AKIA1": "hunter2key"})
        asked.append(seen)
        return Answer(status=404 if seen.method == "HEAD" else 200)

    async with serving(answer) as (_, session):
        driver = S3Driver(region="us-west-2", access_key_id="AKIA1", secret_access_key="hunter2key", session=session)
        async with driver:
            await driver.create_container(BUCKET)
    assert [(seen.method, seen.headers["host"], seen.target) for seen in asked] == [
        ("HEAD", ZONE, "/"),
        ("PUT", REGION, f"/{BUCKET}"),
    ]


@pytest.mark.parametrize(
    ("zone", "kind", "redundancy"),
    [("usw2-az1", "AvailabilityZone", "SingleAvailabilityZone"), ("usw2-lax1-az1", "LocalZone", "SingleLocalZone")],
)
def test_it_is_made_in_its_zone(zone: str, kind: str, redundancy: str) -> None:
    site = make_site(Settings(region="us-west-2"), {}, {})
    body = bytes(requests.create_container(site, f"data--{zone}--x-s3").body)
    assert body.partition(b"?>")[2].strip().decode() == (
        '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Location><Name>{zone}</Name><Type>{kind}</Type></Location>"
        f"<Bucket><DataRedundancy>{redundancy}</DataRedundancy><Type>Directory</Type></Bucket>"
        "</CreateBucketConfiguration>"
    )


async def test_many_wait_for_one_session() -> None:
    zone = Zone()
    async with driver_of(zone) as driver:
        container = driver.container(BUCKET)
        await asyncio.gather(*[container.upload_object(b"x", f"k{number}") for number in range(50)])
    assert zone.sessions == 1
    assert len(zone.objects) == 50


async def test_a_session_that_is_about_to_end_is_renewed_before() -> None:
    zone = Zone(lives_for=express.RENEW_BEFORE * 2 + timedelta(seconds=5))
    async with driver_of(zone) as driver:
        container = driver.container(BUCKET)
        await container.upload_object(b"x", "a")
        cache = driver.backend._sessions.of(BUCKET)  # type: ignore[attr-defined]
        now = cache._now
        cache._now = lambda: now() + express.RENEW_BEFORE + timedelta(seconds=10)
        await container.upload_object(b"x", "b")
    assert zone.sessions == 2
    assert zone.answered == ["PUT a", "PUT b"]


async def test_a_session_that_ends_in_the_middle_is_replaced() -> None:
    zone = Zone()
    async with driver_of(zone) as driver:
        container = driver.container(BUCKET)
        await container.upload_object(b"x", "a")
        zone.refused.add("SESSION1")
        await container.upload_object(b"x", "b")
    assert zone.sessions == 2
    assert set(zone.objects) == {"a", "b"}


async def test_sessions_of_two_buckets_are_two() -> None:
    asked: dict[str, set[str]] = {}
    zone = Zone()

    def answer(seen: Seen) -> Answer:
        bucket = seen.headers["host"].partition(".")[0]
        if "session" in seen.target:
            return zone._session(seen)
        asked.setdefault(bucket, set()).add(seen.headers["x-amz-s3session-token"])
        return Answer(headers={"ETag": '"x"'})

    async with serving(answer) as (_, session):
        driver = S3Driver(region="us-west-2", access_key_id="AKIA1", secret_access_key="hunter2key", session=session)
        async with driver:
            for bucket in (BUCKET, "other--usw2-az1--x-s3", BUCKET):
                await driver.container(bucket).upload_object(b"", "k")
    assert asked == {"data--usw2-az1--x-s3": {"hunter2session1"}, "other--usw2-az1--x-s3": {"hunter2session2"}}


async def test_a_session_that_is_refused_says_why() -> None:
    async with serving(lambda _: error(403, "AccessDenied")) as (_, session):
        driver = S3Driver(region="us-west-2", access_key_id="AKIA1", secret_access_key="hunter2key", session=session)
        async with driver:
            with pytest.raises(PermissionDeniedError) as caught:
                await driver.container(BUCKET).upload_object(b"x", "k")
    assert caught.value.operation == "create_session"


async def test_waiting_for_a_session_needs_no_second_connection_of_the_same_few() -> None:
    zone = Zone()
    async with serving(zone) as (_, session):
        driver = S3Driver(
            region="us-west-2",
            credentials=keys,
            session=session,
            max_connections=1,
            pool_timeout_s=5,
        )
        async with driver:
            await driver.container(BUCKET).upload_object(b"x", "k")
    assert zone.objects == {"k": b"x"}


async def keys() -> S3Credentials:
    return S3Credentials(access_key_id="AKIA1", secret_access_key="hunter2key", session_token="hunter2token")


async def test_a_link_lives_no_longer_than_its_session() -> None:
    zone = Zone()
    async with driver_of(zone) as driver:
        link = await driver.container(BUCKET).object("k").presign(expires_in_s=3600)
    query = parse_qs(urlsplit(link.url).query)
    assert query["X-Amz-S3session-Token"] == ["hunter2session1"]
    assert "X-Amz-Security-Token" not in query
    assert link.expires_at <= datetime.now(UTC) + timedelta(minutes=5)


@pytest.mark.parametrize(
    "query", [ListQuery(start_after="k"), ListQuery(prefix="di"), ListQuery(delimiter="-"), ListQuery(prefix="x-")]
)
def test_what_a_listing_without_order_cannot_do_is_refused(query: ListQuery) -> None:
    with pytest.raises(UnsupportedError):
        express.check_listing(query)
    express.check_listing(ListQuery(prefix="dir/", delimiter="/"))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"<CreateSessionResult/>", b"<a><Credentials><X>hunter2</X></Credentials></a>"]
)
def test_an_answer_that_is_no_session(body: bytes) -> None:
    request = Request(operation="create_session", method="GET", url="https://x/?session=", container=BUCKET)
    with pytest.raises(UnexpectedResponseError) as caught:
        express.session_credentials(request, Response(status=200, headers={}, body=body), datetime.now(UTC))
    assert "hunter2" not in str(caught.value)
    assert caught.value.container == BUCKET
