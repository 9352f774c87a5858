"""A container that is elsewhere is found, and nobody else is told who we are."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Unpack
from urllib.parse import parse_qs, urlsplit

import pytest

from aiostorage import RetryPolicy
from aiostorage._http.messages import Request, Response, Wire
from aiostorage.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    InvalidNameError,
    PermissionDeniedError,
    ServiceUnavailableError,
)
from aiostorage.models import WHOLE, ListQuery, ObjectRef, PresignOptions, WriteOptions
from aiostorage.providers.s3 import routes
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.config import Settings, make_site
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.profiles import AWS
from aiostorage.providers.s3.routes import Routes
from tests.scripted import Answer, ScriptedServer
from tests.unit.s3.amazon import Amazon, error, permanent, serving, signature_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiostorage.providers.s3.config import S3Options
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

REDIRECTS: dict[str, Callable[[str, str], Answer]] = {
    "301": permanent,
    "301, the header only": lambda _, region: Answer(status=301, headers={"x-amz-bucket-region": region}),
    "301, the endpoint only": lambda bucket, region: error(
        301, "PermanentRedirect", f"<Endpoint>{bucket}.s3-{region}.amazonaws.com</Endpoint>"
    ),
    "307": lambda bucket, region: error(
        307, "TemporaryRedirect", f"<Endpoint>{bucket}.s3.{region}.amazonaws.com</Endpoint>", {"location": "https://x"}
    ),
    "400": lambda _, region: error(400, "AuthorizationHeaderMalformed", f"<Region>{region}</Region>"),
    "400, the header only": lambda _, region: Answer(status=400, headers={"x-amz-bucket-region": region}),
    "403": lambda _, region: error(403, "AccessDenied", headers={"x-amz-bucket-region": region}),
}


@asynccontextmanager
async def backend_of(amazon: Callable[[Seen], Answer], **options: Unpack[S3Options]) -> AsyncIterator[S3Backend]:
    if not options.get("anonymous"):
        options |= {"access_key_id": "AKIA1", "secret_access_key": "hunter2key"}
    async with serving(amazon) as (_, session):
        options |= {"region": "us-east-1", "session": session, "retry": RetryPolicy(max_attempts=2)}
        backend = S3Backend(**options)
        try:
            yield backend
        finally:
            await backend.aclose()


@pytest.mark.parametrize("redirect", REDIRECTS)
@pytest.mark.verifies("endpoints: the region of a container found", on="fake")
async def test_a_container_of_another_region_is_found_once(redirect: str) -> None:
    amazon = Amazon({"far": "eu-west-1"}, redirect=REDIRECTS[redirect])
    async with backend_of(amazon) as backend:
        body = await backend.get_object("far", "a b", WHOLE)
        assert await body.read() == b"abc"
        await body.aclose()
        await backend.put_object("far", "k", b"x" * 100_000, WriteOptions())
        await (await backend.get_object("near", "k", WHOLE)).aclose()
    assert amazon.asked == [
        ("far.s3.us-east-1.amazonaws.com", "/a%20b"),
        ("far.s3.eu-west-1.amazonaws.com", "/a%20b"),
        ("far.s3.eu-west-1.amazonaws.com", "/k"),
        ("near.s3.us-east-1.amazonaws.com", "/k"),
    ]


ACTIONS: dict[str, Callable[[S3Backend], object]] = {
    "head_container": lambda backend: backend.head_container("far"),
    "head_object": lambda backend: backend.head_object("far", "k", WHOLE),
    "delete_object": lambda backend: backend.delete_object("far", "k"),
    "delete_container": lambda backend: backend.delete_container("far"),
    "a write on a condition": lambda backend: backend.put_object("far", "k", b"x", WriteOptions(if_none_match="*")),
}


@pytest.mark.parametrize("redirect", ["301", "400, the header only"])
@pytest.mark.parametrize("action", ACTIONS)
async def test_whatever_comes_first_finds_it(action: str, redirect: str) -> None:
    amazon = Amazon({"far": "eu-west-1"}, redirect=REDIRECTS[redirect])
    async with backend_of(amazon) as backend:
        await ACTIONS[action](backend)  # type: ignore[misc]  # a coroutine each
    assert [host for host, _ in amazon.asked] == ["far.s3.us-east-1.amazonaws.com", "far.s3.eu-west-1.amazonaws.com"]


async def test_a_name_that_no_host_can_have_goes_by_its_path() -> None:
    amazon = Amazon({"far.away": "eu-west-1"})
    async with backend_of(amazon) as backend:
        await backend.head_object("far.away", "k", WHOLE)
    assert amazon.asked[1] == ("s3.eu-west-1.amazonaws.com", "/far.away/k")


async def test_without_keys_the_host_is_what_counts() -> None:
    amazon = Amazon({"far": "eu-west-1"}, is_public=True)
    async with backend_of(amazon, anonymous=True) as backend:
        await backend.head_object("far", "k", WHOLE)
    assert [host for host, _ in amazon.asked][-1] == "far.s3.eu-west-1.amazonaws.com"


async def test_many_that_ask_at_once_are_each_sent_on_once() -> None:
    amazon = Amazon({"far": "eu-west-1"})
    async with backend_of(amazon) as backend:
        await asyncio.gather(*[backend.head_object("far", str(number), WHOLE) for number in range(20)])
        assert len(amazon.asked) <= 40
        amazon.asked.clear()
        await backend.head_object("far", "k", WHOLE)
    assert len(amazon.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        error(
            301, "PermanentRedirect", "<Endpoint>evil.example.org</Endpoint>", {"location": "https://evil.example.org/"}
        ),
        error(
            307, "TemporaryRedirect", "", {"location": "https://evil.example.org/", "x-amz-bucket-region": "e.vil/#"}
        ),
        error(400, "AuthorizationHeaderMalformed", "<Region>x.evil.example.org</Region>"),
        error(301, "PermanentRedirect", "<Endpoint>s3.eu-west-1.amazonaws.com.evil.example.org</Endpoint>"),
        error(301, "PermanentRedirect", headers={"x-amz-bucket-region": "cn-north-1"}),  # nobody there knows our keys
        error(301, "PermanentRedirect", headers={"x-amz-bucket-region": "us-east-1"}),  # where we have just asked
        error(301, "PermanentRedirect"),
    ],
)
async def test_only_a_region_is_taken_from_an_answer(answer: Answer) -> None:
    amazon = Amazon({"far": "eu-west-1"}, redirect=lambda *_: answer)
    async with backend_of(amazon) as backend:
        with pytest.raises(InvalidArgumentError) as caught:
            await backend.get_object("far", "k", WHOLE)
    assert caught.value.attempts == 1
    assert amazon.asked == [("far.s3.us-east-1.amazonaws.com", "/k")]


async def test_a_service_that_sends_us_round_in_circles_is_left() -> None:
    ways = {"us-east-1": "eu-west-1", "eu-west-1": "us-east-1"}
    hosts: list[str] = []

    def answer(seen: Seen) -> Answer:
        hosts.append(seen.headers["host"])
        return permanent("far", ways[hosts[-1].split(".")[2]])

    async with backend_of(answer) as backend:
        with pytest.raises(InvalidArgumentError, match="another region") as caught:
            await backend.get_object("far", "k", WHOLE)
    assert caught.value.attempts == len(hosts) == 2


async def test_a_refusal_in_the_right_region_is_one() -> None:
    denied = error(403, "AccessDenied", headers={"x-amz-bucket-region": "us-east-1"})
    asked: list[Seen] = []
    async with backend_of(lambda seen: asked.append(seen) or denied) as backend:  # type: ignore[func-returns-value]
        with pytest.raises(PermissionDeniedError):
            await backend.head_container("near")
    assert len(asked) == 1


async def test_a_token_that_has_ended_is_told_from_a_wrong_region_without_a_document() -> None:
    asked: list[str] = []

    async def fetch() -> S3Credentials:
        later = datetime.now(UTC) + timedelta(hours=1)
        return S3Credentials(access_key_id=f"ASIA{len(asked)}", secret_access_key="hunter2key", expires_at=later)

    def answer(seen: Seen) -> Answer:
        asked.append(seen.headers["authorization"].partition("=")[2].partition("/")[0])
        return Answer(status=400 if len(asked) == 1 else 200, headers={"x-amz-bucket-region": "us-east-1"})

    async with serving(answer) as (_, session):
        backend = S3Backend(region="us-east-1", session=session, credentials=fetch)
        await backend.head_object("near", "k", WHOLE)
        await backend.aclose()
    assert asked == ["ASIA0", "ASIA1"]


async def test_an_endpoint_of_the_users_own_is_never_left() -> None:
    def answer(seen: Seen) -> Answer:
        found = signature_of(seen, {"AKIA1": "hunter2key"})
        assert found is not None
        if found.region != "regionone":
            return error(400, "AuthorizationHeaderMalformed", "<Region>regionone</Region>")
        return Answer(headers={"ETag": '"x"'}, body=b"<ListAllMyBucketsResult/>")

    async with ScriptedServer(answer=answer) as server:
        backend = S3Backend(
            endpoint=server.url, region="us-east-1", access_key_id="AKIA1", secret_access_key="hunter2key"
        )
        for _ in range(2):
            await backend.put_object("bucket", "k", b"x", WriteOptions())
            await backend.list_containers(prefix="", token=None)
        await backend.aclose()
    assert [seen.target for seen in server.seen] == ["/bucket/k", "/bucket/k", "/", "/", "/bucket/k", "/"]


async def test_a_container_is_made_where_it_is_configured() -> None:
    amazon = Amazon({"far": "eu-west-1"})
    async with backend_of(amazon) as backend:
        await backend.head_container("far")
        amazon.regions = {}
        await backend.delete_container("far")
        amazon.asked.clear()
        with pytest.raises(AlreadyExistsError):  # to this server everything is there
            await backend.create_container("far")
        backend._site = replace(backend._site, vendor=replace(AWS, recreates_containers=False))
        await backend.create_container("far")
        await backend.head_container("far")
    assert [host.split(".")[2] for host, _ in amazon.asked] == ["eu-west-1", "us-east-1", "eu-west-1"]


async def test_links_are_for_where_the_container_is() -> None:
    amazon = Amazon({"far": "eu-west-1"})
    async with backend_of(amazon) as backend:
        await backend.head_container("far")
        link = await backend.presign("GET", "far", "k", PresignOptions(expires_in_s=60))
    assert link.url.startswith("https://far.s3.eu-west-1.amazonaws.com/k?")
    assert "%2Feu-west-1%2Fs3%2Faws4_request" in link.url


async def test_listing_containers_takes_the_region_that_is_named() -> None:
    def answer(seen: Seen) -> Answer:
        found = signature_of(seen, {"AKIA1": "hunter2key"})
        assert found is not None
        is_right = (found.region, seen.headers["host"]) == ("eu-west-1", "s3.eu-west-1.amazonaws.com")
        return Answer(body=b"<ListAllMyBucketsResult/>") if is_right else REDIRECTS["400"]("", "eu-west-1")

    async with backend_of(answer) as backend:
        assert not (await backend.list_containers(prefix="", token=None)).items


# Who pays


@pytest.mark.verifies("endpoints: requester pays", on="fake")
async def test_whoever_agrees_to_pay_says_so_where_it_counts() -> None:
    asked: dict[str, bool] = {}

    def answer(seen: Seen) -> Answer:
        found = signature_of(seen, {"AKIA1": "hunter2key"})
        assert found is not None
        if "x-amz-request-payer" in seen.headers:
            assert seen.headers["x-amz-request-payer"] == "requester"
            assert "x-amz-request-payer" in found.headers
        asked[f"{seen.method} {seen.target}"] = "x-amz-request-payer" in seen.headers
        if seen.method == "POST":
            return Answer(body=b"<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>")
        return Answer(headers={"ETag": '"x"'}, body=b"<ListBucketResult/>" if "list-type" in seen.target else b"")

    async with backend_of(answer, requester_pays=True) as backend:
        await backend.head_container("bucket")
        await backend.head_object("bucket", "k", WHOLE)
        await backend.put_object("bucket", "k", b"x", WriteOptions())
        await backend.list_objects("bucket", ListQuery(), token=None)
        await backend.delete_objects("bucket", [ObjectRef(container="bucket", key="k")])
        await backend.delete_container("bucket")
        link = await backend.presign("GET", "bucket", "k", PresignOptions(expires_in_s=60))
    assert asked == {
        "HEAD /": False,
        "HEAD /k": True,
        "PUT /k": True,
        "GET /?encoding-type=url&list-type=2": True,
        "POST /?delete=": True,
        "DELETE /": False,
    }
    assert parse_qs(urlsplit(link.url).query)["x-amz-request-payer"] == ["requester"]
    assert not link.headers


# Pure


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MAX_REMEMBERED", 3)
    found = Routes(make_site(Settings(region="us-east-1"), {}, {}))
    for number in range(10):
        request = Request(
            operation="x", method="GET", url=f"https://b{number}.s3.us-east-1.amazonaws.com/", container=f"b{number}"
        )
        wire = found.sign(request, None, None)  # type: ignore[arg-type]  # nothing is signed, so no time is needed
        named = Response(status=301, headers={"x-amz-bucket-region": "eu-west-1"}, body=b"")
        assert found.learn(request, wire, named)
        assert not found.learn(request, Wire(f"https://b{number}.s3.eu-west-1.amazonaws.com/", {}), named)
    assert len(found._known) <= 3
    assert len(found._regions) <= 3


# Access points


@pytest.mark.verifies("endpoints: access points", on="fake")
async def test_an_access_point_stands_for_a_container() -> None:
    arn = "arn:aws:s3:us-west-2:123456789012:accesspoint/my-point"
    asked: list[tuple[str, str, str]] = []

    def answer(seen: Seen) -> Answer:
        found = signature_of(seen, {"AKIA1": "hunter2key"})
        assert found is not None
        assert (found.region, found.service) == ("us-west-2", "s3")
        asked.append((seen.method, seen.headers["host"], seen.target))
        if "x-amz-copy-source" in seen.headers:
            point = "arn%3Aaws%3As3%3Aus-west-2%3A123456789012%3Aaccesspoint/my-point"
            assert seen.headers["x-amz-copy-source"] == f"{point}/object/a%20b"
            return Answer(body=b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")
        return Answer(headers={"ETag": '"x"'}, body=b"")

    async with backend_of(answer) as backend:
        await backend.put_object(arn, "a b", b"x", WriteOptions())
        await backend.head_container(arn)
        await backend.copy_object(ObjectRef(container=arn, key="a b"), arn, "c", None)
    host = "my-point-123456789012.s3-accesspoint.us-west-2.amazonaws.com"
    assert asked == [("PUT", host, "/a%20b"), ("HEAD", host, "/"), ("PUT", host, "/c")]


@pytest.mark.verifies("endpoints: acceleration", on="fake")
async def test_acceleration_is_for_all_but_the_container_itself() -> None:
    asked: list[tuple[str, str, str]] = []

    def answer(seen: Seen) -> Answer:
        assert signature_of(seen, {"AKIA1": "hunter2key"}) is not None
        asked.append((seen.method, seen.headers["host"], seen.target))
        return Answer(status=404 if seen.method == "HEAD" else 200, headers={"ETag": '"x"'})

    async with backend_of(answer, accelerate=True) as backend:
        await backend.create_container("bucket")
        await backend.put_object("bucket", "k", b"x", WriteOptions())
        await backend.delete_container("bucket")
        with pytest.raises(InvalidNameError):
            await backend.put_object("my.bucket", "k", b"x", WriteOptions())
    assert asked[1:] == [
        ("PUT", "bucket.s3.us-east-1.amazonaws.com", "/"),
        ("PUT", "bucket.s3-accelerate.amazonaws.com", "/k"),
        ("DELETE", "bucket.s3.us-east-1.amazonaws.com", "/"),
    ]


async def test_a_container_is_not_made_again_because_nobody_could_tell_whether_it_is_there() -> None:
    asked: list[str] = []

    def answer(seen: Seen) -> Answer:
        asked.append(seen.method)
        return Answer(status=503)

    async with backend_of(answer) as backend:
        with pytest.raises(ServiceUnavailableError):
            await backend.create_container("bucket")
    assert "PUT" not in asked
