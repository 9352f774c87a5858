"""Drivers against a service, and the services that give them credentials: from the environment to the last byte."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
import traceback
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from aiostorage import RetryPolicy, S3Driver
from aiostorage.errors import AuthenticationError, StorageError, StorageTimeoutError
from aiostorage.providers.s3.config import Settings
from aiostorage.providers.s3.credentials import S3Credentials, chain, find
from aiostorage.providers.s3.credentials.sts import WebIdentity
from tests.scripted import Answer, ScriptedServer
from tests.unit.s3.aws import Metadata, SecurityTokens, keys_json, sts_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

LATER = datetime.now(UTC) + timedelta(hours=6)
PART = 5 * 1024 * 1024
JWT = "eyJhunter2.jwt.sig"


class Bucket:
    """S3, as far as a large upload needs it. Credentials in ``refused`` have expired."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.asked_by: list[str] = []
        self.expire_at_part = ""

    def __call__(self, seen: Seen) -> Answer:
        found = re.search(r"Credential=([^/]+)/", seen.headers.get("authorization", ""))
        who = found[1] if found else ""
        query = dict(parse_qsl(urlsplit(seen.target).query, keep_blank_values=True))
        self.asked_by.append(who)
        if self.expire_at_part and query.get("partNumber") == self.expire_at_part:
            self.refused.add(who)
            self.expire_at_part = ""
        if who in self.refused or (
            who.startswith("ASIA") and seen.headers.get("x-amz-security-token") != "hunter2session"
        ):
            return Answer(status=400, body=b"<Error><Code>ExpiredToken</Code><Message>hunter2session</Message></Error>")
        if "uploads" in query:
            return Answer(
                body=b"<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"
            )
        if seen.method == "POST":
            return Answer(body=b"<CompleteMultipartUploadResult><ETag>x-5</ETag></CompleteMultipartUploadResult>")
        return Answer(headers={"ETag": '"x"'})


@asynccontextmanager
async def driver_of(server: ScriptedServer, *, profile: str | None = None) -> AsyncIterator[S3Driver]:
    retry = RetryPolicy(max_attempts=2, base_s=0)
    async with S3Driver(endpoint=server.url, region="eu-west-1", profile=profile, retry=retry) as driver:
        yield driver


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Metadata:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    return Metadata(answers=[keys_json(f"ASIA{number}", expires_at=LATER) for number in range(10)])


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.verifies("credentials: renewed in the middle of an upload", "credentials: session tokens", on="fake")
async def test_a_token_that_expires_in_the_middle_of_an_upload(
    concurrency: int, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket()
    bucket.expire_at_part = "3"
    async with ScriptedServer(answer=metadata) as machine, ScriptedServer(answer=bucket) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.url)
        async with driver_of(server) as driver:
            container = driver.container("bucket")
            await container.upload_object(bytes(5 * PART), "large", part_size_bytes=PART, concurrency=concurrency)
        assert machine.open_connections == 0
    assert set(bucket.asked_by) == {"ASIA0", "ASIA1"}
    assert bucket.asked_by[-1] == "ASIA1"
    assert metadata.fetches == 2
    assert [seen.target for seen in server.seen if seen.method == "DELETE"] == []


async def test_a_function_that_does_not_tell_when_they_end_is_asked_again_in_the_middle_of_an_upload() -> None:
    bucket = Bucket()
    bucket.expire_at_part = "3"
    given = [
        S3Credentials(access_key_id=f"ASIA{number}", secret_access_key="hunter2key", session_token="hunter2session")
        for number in range(2)
    ]

    async def fetch() -> S3Credentials:
        return given.pop(0)

    async with ScriptedServer(answer=bucket) as server:
        retry = RetryPolicy(max_attempts=1)
        async with S3Driver(endpoint=server.url, region="eu-west-1", credentials=fetch, retry=retry) as driver:
            container = driver.container("bucket")
            await container.upload_object(bytes(5 * PART), "large", part_size_bytes=PART)
    assert set(bucket.asked_by) == {"ASIA0", "ASIA1"}
    assert bucket.asked_by[-1] == "ASIA1"


async def test_a_service_that_refuses_the_new_ones_too(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket()
    bucket.refused = {f"ASIA{number}" for number in range(10)}
    async with ScriptedServer(answer=metadata) as machine, ScriptedServer(answer=bucket) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.url)
        async with driver_of(server) as driver:
            with pytest.raises(AuthenticationError) as caught:
                await driver.container("bucket").get_object("k")
    assert bucket.asked_by == ["ASIA0", "ASIA1"]
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_a_hundred_drivers_ask_the_machine_once(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=metadata) as machine, ScriptedServer(answer=Bucket()) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.url)

        async def ask() -> None:
            async with driver_of(server) as driver:
                await driver.container("bucket").get_object("k")

        await asyncio.gather(*(ask() for _ in range(100)))
    assert len(machine.seen) == 3
    assert len(server.seen) == 100


async def test_the_order_of_the_places(metadata: Metadata, tmp_path: Path) -> None:
    """Each place in turn is asked once the one before it is gone."""
    (tmp_path / "token").write_text(JWT)
    (tmp_path / "config").write_text(
        "[default]\naws_access_key_id = AKIA-file\naws_secret_access_key = hunter2\n"
        "[profile mine]\nrole_arn = arn:aws:iam::1:role/mine\nsource_profile = default\n"
    )
    tokens = SecurityTokens(secrets={"AKIA-file": ("hunter2", None)}, expires_at=LATER)
    agent = Answer(body=json.dumps(keys_json("ASIA-agent", expires_at=LATER)).encode())
    async with (
        ScriptedServer(answer=metadata) as machine,
        ScriptedServer(answer=tokens) as sts,
        ScriptedServer(answer=lambda _: agent) as task,
    ):
        environ = {
            "AWS_ACCESS_KEY_ID": "AKIA-env",
            "AWS_SECRET_ACCESS_KEY": "hunter2",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/web",
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": task.url,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": machine.url,
            "AWS_ENDPOINT_URL_STS": sts.url,
        }

        async def who(settings: Settings | None = None) -> str:
            return (await find(chain(settings or Settings(), environ))).access_key_id

        assert await who(Settings(profile="mine")) == "ASIA-mine"
        assert await who() == "AKIA-env"
        del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
        assert await who() == "ASIA-web"
        del environ["AWS_ROLE_ARN"]
        assert await who() == "AKIA-file"
        (tmp_path / "config").unlink()
        assert await who() == "ASIA-agent"
        del environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        assert await who() == "ASIA0"
        metadata.role = ""
        assert await who() == "ASIA0"  # it is still good
        environ["AWS_EC2_METADATA_DISABLED"] = "true"
        with pytest.raises(AuthenticationError, match="no credentials found"):
            await who()
    assert [form["RoleSessionName"] for form in tokens.forms] == ["aiostorage", "aiostorage"]


async def test_a_place_that_has_them_and_cannot_give_them_is_the_last(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    async with ScriptedServer(answer=SecurityTokens()) as sts:
        environ = {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/web",
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_ENDPOINT_URL_STS": sts.url,
        }
        with pytest.raises(AuthenticationError, match="role/web"):
            await find(chain(Settings(), environ))
    assert len(sts.seen) == 1


async def test_the_option_fips_is_for_sts_too(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nrole_arn = arn:x\nweb_identity_token_file = /token\n")
    environ = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
        "AWS_ROLE_ARN": "arn:x",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    found = [await place.look() for place in chain(Settings(fips=True, region="us-east-2"), environ)]
    urls = [source.service.url for source in found if isinstance(source, WebIdentity)]
    assert urls == ["https://sts-fips.us-east-2.amazonaws.com/"] * 2


async def test_a_role_of_a_profile_signs_the_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    program = [sys.executable, "-S", "-c", "import sys; print(sys.argv[1])"]
    printed = {"Version": 1, "AccessKeyId": "AKIA-program", "SecretAccessKey": "hunter2key"}
    tokens = SecurityTokens(region="eu-west-1", secrets={"AKIA-program": ("hunter2key", None)}, expires_at=LATER)
    async with ScriptedServer(answer=tokens) as sts, ScriptedServer(answer=Bucket()) as server:
        config.write_text(
            f"[profile base]\ncredential_process = {shlex.join([*program, json.dumps(printed)])}\n"
            "[profile mine]\nrole_arn = arn:aws:iam::1:role/mine\nsource_profile = base\nservices = here\n"
            f"[services here]\nsts =\n  endpoint_url = {sts.url}\n"
            "[profile login]\nsso_session = x\n"
        )
        async with driver_of(server, profile="mine") as driver:
            for _ in range(3):
                await driver.container("bucket").get_object("k")
        async with driver_of(server, profile="login") as driver:
            with pytest.raises(AuthenticationError, match="sso_account_id"):
                await driver.container("bucket").get_object("k")
    assert len(sts.seen) == 1
    authorizations = {seen.headers["authorization"].partition("/")[0] for seen in server.seen}
    assert authorizations == {"AWS4-HMAC-SHA256 Credential=ASIA-mine"}


@pytest.mark.verifies("credentials: a role with a code (MFA)", on="fake")
async def test_a_code_is_asked_for_with_the_drivers_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(
        "[profile mine]\nrole_arn = arn:aws:iam::1:role/mine\nsource_profile = mine\nmfa_serial = device\n"
        "aws_access_key_id = AKIA1\naws_secret_access_key = hunter2key\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    tokens = SecurityTokens(region="eu-west-1", expires_at=LATER)

    async def code(serial: str) -> str:
        return f"code of {serial}"

    async with ScriptedServer(answer=tokens) as sts, ScriptedServer(answer=Bucket()) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        async with S3Driver(endpoint=server.url, region="eu-west-1", profile="mine", mfa_code=code) as driver:
            await driver.container("bucket").get_object("k")
    assert tokens.forms[0]["TokenCode"] == "code of device"


@pytest.mark.parametrize("fault", [sts_error(403, "AccessDenied"), Answer(body=b"hunter2"), Answer(status=500)])
async def test_nothing_secret_is_told_when_it_fails(
    fault: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    (tmp_path / "token").write_text(JWT)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/web")
    async with ScriptedServer(answer=lambda _: fault) as sts, ScriptedServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        async with driver_of(server) as driver:
            with pytest.raises(StorageError) as caught:
                await driver.container("bucket").get_object("k")
            shown = f"{driver!r} {caught.value!r} {caught.value.details()} {caplog.text}"
    assert "hunter2" not in shown + "".join(traceback.format_exception(caught.value))
    assert "STS" in str(caught.value)
    assert not server.seen
    assert len(sts.seen) <= 2  # however often the driver tries


async def test_a_function_of_the_user_that_fails_is_its_own_matter() -> None:
    async def fetch() -> S3Credentials:
        raise StorageTimeoutError("mine")

    with pytest.raises(StorageTimeoutError, match="mine"):
        await find(chain(Settings(credentials=fetch), {}))


def test_who_gives_keys_does_not_import_the_places_where_others_are_looked_for() -> None:
    script = (
        "import sys; from aiostorage import S3Driver\n"
        "S3Driver(access_key_id='key', secret_access_key='secret', region='us-east-1')\n"
        "print(*(name for name in sys.modules if name.startswith(('aiostorage.providers.s3.credentials', 'xml.sax'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert "chain" in imported
    assert not imported & {"places", "sts", "sso", "container", "instance", "process", "saxutils"}
