from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    ServiceUnavailableError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
)
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.credentials.cache import SharedCache
from aiostorage.providers.s3.credentials.instance import STABLE_FOR, Instance, instance
from tests.scripted import Answer, ScriptedServer, hang_up
from tests.unit.s3.aws import LATER, NOW, ROLES, Metadata, keys_json

if TYPE_CHECKING:
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

FOUND = S3Credentials(
    access_key_id="ASIA1", secret_access_key="hunter2key", session_token="hunter2session", expires_at=LATER
)


def source(server: ScriptedServer) -> Instance:
    return Instance(endpoint=server.url, max_attempts=2)


@pytest.mark.verifies("credentials: EC2 (IMDSv2)", on="fake")
async def test_a_token_then_the_role_then_its_credentials() -> None:
    async with ScriptedServer(answer=Metadata()) as server:
        assert await source(server).fetch(NOW) == FOUND
        assert [f"{seen.method} {seen.target}" for seen in server.seen] == [
            "PUT /latest/api/token",
            f"GET {ROLES}",
            f"GET {ROLES}the-role",
        ]


async def test_version_1_only_where_there_is_no_other_and_it_is_allowed() -> None:
    async with ScriptedServer(answer=Metadata(is_old=True)) as server:
        assert await source(server).fetch(NOW) == FOUND
        with pytest.raises(AuthenticationError) as caught:
            await replace(source(server), allows_v1=False).fetch(NOW)
    assert caught.value.status == 404


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_no_version_1_after_any_other_refusal(status: int) -> None:
    async with ScriptedServer(answer=lambda _: Answer(status=status)) as server:
        with pytest.raises(StorageError):
            await source(server).fetch(NOW)
    assert {seen.method for seen in server.seen} == {"PUT"}
    assert len(server.seen) == (2 if status == 500 else 1)


async def test_a_service_that_is_turned_off_a_machine_without_a_role_and_no_service_at_all() -> None:
    async with ScriptedServer(Answer(status=403)) as server:
        assert await source(server).fetch(NOW) is None
    assert await source(server).fetch(NOW) is None  # nobody listens any more
    for role in ("", "\n"):
        async with ScriptedServer(answer=Metadata(role=role)) as server:
            assert await source(server).fetch(NOW) is None
        assert server.seen[-1].target == ROLES


async def test_credentials_that_have_expired_are_used_until_there_are_others(caplog: pytest.LogCaptureFixture) -> None:
    """In an outage the service has no others, and AWS takes them. Nobody asks for each request."""
    cache = SharedCache[S3Credentials](now=lambda: LATER)
    metadata = Metadata()
    async with ScriptedServer(answer=metadata) as server:
        found = await cache.get(source(server))
        assert found == replace(FOUND, expires_at=LATER + STABLE_FOR)
        assert "have expired; they are used" in caplog.text
        assert [await cache.get(source(server), other_than=found) for _ in range(9)] == [found] * 9  # also if refused
        assert await cache.get(source(server)) is found
    assert metadata.fetches == 2


async def test_version_1_where_a_token_does_not_come_back() -> None:
    async with ScriptedServer(answer=Metadata(is_far=True)) as server:
        hasty = replace(source(server), timeout_s=0.05)
        assert await hasty.fetch(NOW) == FOUND
        assert [seen.method for seen in server.seen] == ["PUT", "PUT", "GET", "GET"]
        with pytest.raises(StorageTimeoutError, match="hop limit"):
            await replace(hasty, allows_v1=False).fetch(NOW)
        assert [seen.method for seen in server.seen[4:]] == ["PUT", "PUT"]


async def test_silence_is_not_waited_for() -> None:
    async with ScriptedServer(answer=lambda _: Answer(raw=b"", then="stall")) as server:
        with pytest.raises(StorageTimeoutError):
            await replace(source(server), timeout_s=0.05).fetch(NOW)
    assert [seen.method for seen in server.seen] == ["PUT", "PUT", "GET", "GET"]


async def test_no_connection_in_time_is_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # it fills the queue, so that no other gets in
            service = Instance(endpoint=f"http://127.0.0.1:{port}", timeout_s=0.05)
            assert await service.fetch(NOW) is None


async def test_no_proxy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=Metadata()) as server, ScriptedServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        assert await source(server).fetch(NOW) == FOUND
    assert not proxy.seen


async def test_a_throttled_request_is_sent_again() -> None:
    metadata, busy = Metadata(), [Answer(status=429), hang_up(), Answer(status=503)]

    def answer(seen: Seen) -> Answer:
        return busy.pop() if len(busy) and len(server.seen) % 2 else metadata(seen)

    async with ScriptedServer(answer=answer) as server:
        assert await source(server).fetch(NOW) == FOUND
    assert len(server.seen) == 6


async def test_a_service_that_stays_busy() -> None:
    async with ScriptedServer(Answer(status=503), Answer(status=503)) as server:
        with pytest.raises(ServiceUnavailableError) as caught:
            await source(server).fetch(NOW)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>hunter2key</html>", UnexpectedResponseError),
        (b'["hunter2key"]', UnexpectedResponseError),
        (b"[" * 100_000, UnexpectedResponseError),
        (b'{"SecretAccessKey": "hunter2key"', UnexpectedResponseError),
        (keys_json(Padding="x" * 300_000), UnexpectedResponseError),
        (keys_json(Token=None), UnexpectedResponseError),
        (keys_json(Token="hunter2\r\nevil: 1"), UnexpectedResponseError),
        (keys_json(AccessKeyId={"hunter2": 1}), UnexpectedResponseError),
        (keys_json(expires_at=None), UnexpectedResponseError),
        (keys_json(Expiration="hunter2"), UnexpectedResponseError),
        (keys_json(Code="AssumeRoleUnauthorizedAccess", Message="hunter2"), AuthenticationError),
    ],
)
async def test_answers_that_are_no_credentials(
    body: bytes | dict[str, object], kind: type[StorageError], caplog: pytest.LogCaptureFixture
) -> None:
    metadata = Metadata(answers=[body] if isinstance(body, dict) else [])

    def answer(seen: Seen) -> Answer:
        return Answer(body=body) if isinstance(body, bytes) and seen.target.endswith("the-role") else metadata(seen)

    caplog.set_level(0)
    async with ScriptedServer(answer=answer) as server:
        with pytest.raises(kind) as caught:
            await source(server).fetch(NOW)
    assert type(caught.value) is kind
    assert "hunter2" not in f"{caught.value!r} {caught.value} {caplog.text}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


async def test_a_token_or_a_role_that_would_break_a_request() -> None:
    async with ScriptedServer(Answer(body=b"a\r\nevil: 1")) as server:
        with pytest.raises(AuthenticationError, match="token"):
            await source(server).fetch(NOW)
    async with ScriptedServer(Answer(body=b"t"), Answer(body=b"../../x?y")) as server:
        with pytest.raises(AuthenticationError, match="role"):
            await source(server).fetch(NOW)


def test_where_it_is() -> None:
    assert instance({"AWS_EC2_METADATA_DISABLED": "True"}, {}) is None
    assert instance({}, {}) == Instance(endpoint="http://169.254.169.254")
    ipv6 = Instance(endpoint="http://[fd00:ec2::254]")
    assert instance({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, {}) == ipv6
    assert instance({}, {"ec2_metadata_service_endpoint_mode": "ipv6"}) == ipv6
    environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://here:1338/"}
    assert instance(environ, {"ec2_metadata_service_endpoint": "http://there"}) == Instance(endpoint="http://here:1338")
    assert instance({}, {"ec2_metadata_v1_disabled": "true"}) == Instance(
        endpoint="http://169.254.169.254", allows_v1=False
    )
    patient = instance({"AWS_METADATA_SERVICE_TIMEOUT": "5", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "7"}, {})
    assert patient == Instance(endpoint="http://169.254.169.254", timeout_s=5, max_attempts=7)
    for endpoint in ("169.254.169.254", "http://a b", "http://user:hunter2@host", "file:///etc"):
        with pytest.raises(InvalidArgumentError) as caught:
            instance({"AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint}, {})
        assert "hunter2" not in str(caught.value)
