from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import AuthenticationError, InvalidArgumentError, StorageError, UnexpectedResponseError
from aiostorage.providers.s3.credentials.container import Container, container
from tests.scripted import Answer, ScriptedServer
from tests.unit.s3.aws import LATER, NOW, keys_json

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

FULL, RELATIVE = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
TOKEN, TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"


def agent(seen: Seen) -> Answer:
    is_known = seen.headers.get("authorization") == "Bearer hunter2agent" and (seen.method, seen.target) == (
        "GET",
        "/x?y=1",
    )
    return Answer(body=json.dumps(keys_json()).encode()) if is_known else Answer(status=401, body=b"hunter2agent")


@pytest.mark.parametrize("is_in_file", [False, True])
@pytest.mark.verifies("credentials: ECS and EKS", on="fake")
async def test_what_the_agent_asks_for(is_in_file: bool, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("Bearer hunter2agent\n")
    more = {TOKEN_FILE: str(file), TOKEN: "another"} if is_in_file else {TOKEN: "Bearer hunter2agent"}
    async with ScriptedServer(answer=agent) as server:
        source = container({FULL: f"{server.url}/x?y=1", **more})
        assert source is not None
        found = await source.fetch(NOW)
        assert (found.access_key_id, found.session_token, found.expires_at) == ("ASIA1", "hunter2session", LATER)
        assert "hunter2" not in repr((source, found))
        file.write_text("Bearer hunter2other")  # it is read again each time
        if not is_in_file:
            return
        with pytest.raises(AuthenticationError) as caught:
            await source.fetch(NOW)
    assert caught.value.status == 401
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80/x",
        "http://127.9.9.9/x",
        "http://localhost/x",
        "http://[::1]:1234/x",
        "http://169.254.170.2/x",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
        "https://example.org/x",
    ],
)
def test_whom_the_token_is_told(url: str) -> None:
    assert container({FULL: url}) == Container(url=url)


@pytest.mark.parametrize(
    "environ",
    [
        {FULL: "http://example.org/hunter2"},
        {FULL: "http://169.254.169.254/hunter2"},
        {FULL: "http://169.254.170.2.example.org/"},
        {FULL: "http://localhost.example.org/"},
        {FULL: "http://user:hunter2@127.0.0.1/"},
        {FULL: "http://[::1/"},
        {FULL: "http:///x"},
        {FULL: "file:///hunter2"},
        {FULL: "http://127.0.0.1/a b"},
        {FULL: "http://127.0.0.1/\r\nhunter2: 1"},
        {RELATIVE: ".example.org/hunter2"},
        {RELATIVE: "@example.org/hunter2"},
    ],
)
def test_whom_it_is_not_told(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        container(environ)
    assert "hunter2" not in str(caught.value)


def test_the_agent_of_ecs_comes_first() -> None:
    assert container({RELATIVE: "/v2/x", FULL: "https://example.org"}) == Container(url="http://169.254.170.2/v2/x")
    assert container({}) is None


@pytest.mark.parametrize(
    ("content", "message"), [(b"a\nhunter2: 1", "line break"), (b"hunter2\xff", "cannot read"), (None, "cannot read")]
)
async def test_a_token_that_cannot_be_told(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    async with ScriptedServer() as server:
        with pytest.raises(AuthenticationError, match=message) as caught:
            await Container(url=server.url, token_file=str(tmp_path / "token")).fetch(NOW)
    assert "hunter2" not in repr(caught.value)
    assert not server.seen


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(body=b"hunter2"), UnexpectedResponseError),
        (Answer(body=b"{}"), UnexpectedResponseError),
        (Answer(status=404, body=b"hunter2"), AuthenticationError),
        (Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}), AuthenticationError),
        (Answer(body=json.dumps(keys_json(expires_at=NOW)).encode()), AuthenticationError),
    ],
)
async def test_answers_that_are_no_credentials(answer: Answer, kind: type[StorageError]) -> None:
    async with ScriptedServer(answer) as server:
        with pytest.raises(kind) as caught:
            await Container(url=server.url).fetch(NOW)
    assert "hunter2" not in str(caught.value)
    assert len(server.seen) == 1


async def test_an_agent_that_is_busy_is_asked_again() -> None:
    good = Answer(body=json.dumps(keys_json()).encode())
    async with ScriptedServer(Answer(status=500), good) as server:
        assert (await Container(url=server.url).fetch(NOW)).access_key_id == "ASIA1"
    assert "authorization" not in server.seen[0].headers
