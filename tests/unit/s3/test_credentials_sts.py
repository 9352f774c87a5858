from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from aiostorage import RetryPolicy
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    PermissionDeniedError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageConnectionError,
    StorageError,
    UnexpectedResponseError,
)
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.credentials.asking import Network
from aiostorage.providers.s3.credentials.instance import Instance
from aiostorage.providers.s3.credentials.sts import AssumedRole, Role, Service, WebIdentity, service_of
from tests.scripted import Answer, ScriptedServer, reset
from tests.unit.s3.aws import LATER, NOW, Metadata, SecurityTokens, keys_json, sts_error

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

ARN = "arn:aws:iam::123456789012:role/reader"
BASE = S3Credentials(access_key_id="AKIA1", secret_access_key="hunter2key")
NETWORK = Network(retry=RetryPolicy(max_attempts=3, base_s=0))


def assumed(server: ScriptedServer, region: str = "us-east-1") -> AssumedRole:
    return AssumedRole(service=service(server, region), role=Role(arn=ARN), base=BASE)


def service(server: ScriptedServer, region: str = "us-east-1") -> Service:
    return Service(url=f"{server.url}/", region=region, network=NETWORK)


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    (tmp_path / "token").write_text("eyJhunter2.jwt.sig\n")
    return str(tmp_path / "token")


@pytest.mark.verifies("credentials: a role and its source profile", on="fake")
async def test_a_role_is_assumed_with_a_signature_that_botocore_would_make() -> None:
    tokens = SecurityTokens(region="eu-central-1")
    async with ScriptedServer(answer=tokens) as server:
        source = assumed(server, "eu-central-1")
        found = await source.fetch(NOW)
        assert found == S3Credentials(
            access_key_id="ASIA-reader",
            secret_access_key="hunter2key",
            session_token="hunter2session",
            expires_at=LATER,
        )
        with pytest.raises(AuthenticationError) as caught:
            await replace(source, base=replace(BASE, secret_access_key="other")).fetch(NOW)
        with pytest.raises(AuthenticationError):
            await replace(source, service=service(server, "us-east-1")).fetch(NOW)
    assert caught.value.code == "SignatureDoesNotMatch"
    assert len(server.seen) == 3
    assert tokens.forms[0] == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ARN,
        "RoleSessionName": "aiostorage",
    }
    assert server.open_connections == 0


async def test_all_that_a_role_may_want() -> None:
    tokens, asked = SecurityTokens(secrets={"AKIA1": ("hunter2key", "hunter2session")}), list[str]()

    async def code(serial: str) -> str:
        asked.append(serial)
        return "123456"

    role = Role(arn=ARN, session_name="me@here", duration_s=900, external_id="a&b=c ä", mfa_serial="arn:mfa/me")
    base = replace(BASE, session_token="hunter2session")
    async with ScriptedServer(answer=tokens) as server:
        source = replace(assumed(server), role=role, base=base, mfa_code=code)
        await source.fetch(NOW)
        with pytest.raises(AuthenticationError, match="mfa_code"):
            await replace(source, mfa_code=None).fetch(NOW)
    assert asked == ["arn:mfa/me"]
    assert len(server.seen) == 1
    assert (
        tokens.forms[0].items()
        >= {
            "RoleSessionName": "me@here",
            "DurationSeconds": "900",
            "ExternalId": "a&b=c ä",
            "SerialNumber": "arn:mfa/me",
            "TokenCode": "123456",
        }.items()
    )


@pytest.mark.verifies("credentials: web identity", on="fake")
async def test_a_web_identity_is_told_without_a_signature(token_file: str) -> None:
    async with ScriptedServer(answer=(tokens := SecurityTokens())) as server:
        role = Role(arn=ARN, session_name="pod", duration_s=3600)
        source = WebIdentity(service=service(server), role=role, token_file=token_file)
        assert (await source.fetch(NOW)).access_key_id == "ASIA-reader"
        tokens.jwt = "another"
        with pytest.raises(AuthenticationError, match="reader") as caught:
            await source.fetch(NOW)
        with pytest.raises(AuthenticationError, match="cannot read"):
            await replace(source, token_file=f"{token_file}.gone").fetch(NOW)
    assert tokens.forms[0] == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": ARN,
        "RoleSessionName": "pod",
        "DurationSeconds": "3600",
        "WebIdentityToken": "eyJhunter2.jwt.sig",
    }
    assert (caught.value.code, caught.value.status, caught.value.request_id) == ("InvalidIdentityToken", 400, "req-1")


@pytest.mark.verifies("credentials: a role with credential_source", on="fake")
async def test_roles_in_a_row_and_a_machine_behind_them() -> None:
    tokens = SecurityTokens(
        secrets={"ASIA1": ("hunter2key", "hunter2session"), "ASIA-first": ("hunter2key", "hunter2session")},
        expires_at=LATER + timedelta(days=36500),
    )
    metadata = Metadata(answers=[keys_json(expires_at=LATER + timedelta(days=36500))])
    async with ScriptedServer(answer=tokens) as server, ScriptedServer(answer=metadata) as machine:
        first = replace(assumed(server), role=Role(arn="arn:x/first"), base=Instance(endpoint=machine.url))
        second = replace(assumed(server), role=Role(arn="arn:x/second"), base=first)
        assert (await second.fetch(NOW)).access_key_id == "ASIA-second"
        await second.fetch(NOW)
    assert tokens.signers == ["ASIA1", "ASIA-first", "ASIA-first"]  # what is in between is kept
    assert metadata.fetches == 1


async def test_a_base_that_expired_is_renewed() -> None:
    far = LATER + timedelta(days=36500)
    metadata = Metadata(answers=[keys_json("ASIA0", expires_at=far), keys_json("ASIA1", expires_at=far)])
    tokens = SecurityTokens(
        secrets={"ASIA1": ("hunter2key", "hunter2session")}, refusals=[sts_error(403, "ExpiredToken")]
    )
    async with ScriptedServer(answer=tokens) as server, ScriptedServer(answer=metadata) as machine:
        source = replace(assumed(server), base=Instance(endpoint=machine.url))
        assert (await source.fetch(NOW)).access_key_id == "ASIA-reader"
    assert tokens.signers == ["ASIA1"]
    assert metadata.fetches == 2


async def test_a_base_that_is_not_there() -> None:
    async with ScriptedServer() as server, ScriptedServer(answer=Metadata(role="")) as machine:
        source = replace(assumed(server), base=Instance(endpoint=machine.url))
        with pytest.raises(AuthenticationError, match="reader"):
            await source.fetch(NOW)
    assert not server.seen


@pytest.mark.parametrize(
    ("answer", "kind", "attempts"),
    [
        (sts_error(403, "AccessDenied"), PermissionDeniedError, 1),
        (sts_error(403, "ExpiredTokenException"), AuthenticationError, 1),
        (sts_error(403, "InvalidClientTokenId"), AuthenticationError, 1),
        (sts_error(400, "ValidationError"), AuthenticationError, 1),
        (sts_error(403, "hunter2key"), AuthenticationError, 1),
        (sts_error(400, "Throttling"), RateLimitedError, 3),
        (sts_error(400, "IDPCommunicationError"), ServiceUnavailableError, 3),
        (sts_error(500, "InternalFailure"), ServiceUnavailableError, 3),
        (Answer(status=503, body=b"hunter2"), ServiceUnavailableError, 3),
        (reset(), StorageConnectionError, 3),
        (Answer(body=b"hunter2"), UnexpectedResponseError, 1),
        (Answer(body=b"<AssumeRoleResponse/>"), UnexpectedResponseError, 1),
        (Answer(body=b"<!DOCTYPE hunter2><a/>"), UnexpectedResponseError, 1),
        (SecurityTokens().granted("GetSessionToken", "x"), UnexpectedResponseError, 1),
    ],
)
@pytest.mark.parametrize("is_web", [False, True])
async def test_refusals_and_nonsense(
    answer: Answer,
    kind: type[StorageError],
    attempts: int,
    is_web: bool,
    token_file: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    async with ScriptedServer(answer=lambda _: answer) as server:
        source: AssumedRole | WebIdentity = assumed(server)
        if is_web:
            source = WebIdentity(service=service(server), role=Role(arn=ARN), token_file=token_file)
        with pytest.raises(kind) as caught:
            await source.fetch(NOW)
    assert type(caught.value) is kind
    assert (caught.value.attempts, len(server.seen)) == (attempts, attempts)
    assert "hunter2" not in f"{caught.value} {caught.value!r} {caught.value.details()} {source!r} {caplog.text}"


async def test_what_has_expired_already_is_refused() -> None:
    async with ScriptedServer(answer=SecurityTokens(expires_at=NOW)) as server:
        with pytest.raises(AuthenticationError, match=r"expired.*clock"):
            await assumed(server).fetch(NOW)


@pytest.mark.parametrize(
    ("region", "environ", "shared", "url", "signed_for"),
    [
        (None, {}, {}, "https://sts.us-east-1.amazonaws.com/", "us-east-1"),
        ("eu-west-1", {"AWS_REGION": "x"}, {"region": "y"}, "https://sts.eu-west-1.amazonaws.com/", "eu-west-1"),
        (None, {"AWS_REGION": "us-gov-west-1"}, {}, "https://sts.us-gov-west-1.amazonaws.com/", "us-gov-west-1"),
        (None, {"AWS_DEFAULT_REGION": "cn-north-1"}, {}, "https://sts.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
        (None, {}, {"region": "eu-west-3"}, "https://sts.eu-west-3.amazonaws.com/", "eu-west-3"),
        ("auto", {}, {}, "https://sts.us-east-1.amazonaws.com/", "us-east-1"),
        ("evil.example.org/", {}, {}, "https://sts.us-east-1.amazonaws.com/", "us-east-1"),
        ("eu-west-1", {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, {}, "https://sts.amazonaws.com/", "us-east-1"),
        ("eu-west-1", {}, {"sts_regional_endpoints": "legacy"}, "https://sts.amazonaws.com/", "us-east-1"),
        (
            "eu-south-1",
            {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
            {},
            "https://sts.eu-south-1.amazonaws.com/",
            "eu-south-1",
        ),
        (
            "eu-west-1",
            {"AWS_ENDPOINT_URL_STS": "http://a", "AWS_ENDPOINT_URL": "http://b"},
            {},
            "http://a/",
            "eu-west-1",
        ),
        (
            "eu-west-1",
            {"AWS_ENDPOINT_URL": "http://b/c/"},
            {"sts.endpoint_url": "http://d"},
            "http://b/c/",
            "eu-west-1",
        ),
        ("eu-west-1", {}, {"sts.endpoint_url": "http://d", "endpoint_url": "http://e"}, "http://d/", "eu-west-1"),
        (
            "eu-west-1",
            {"AWS_ENDPOINT_URL_STS": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            {"endpoint_url": "http://e"},
            "https://sts.eu-west-1.amazonaws.com/",
            "eu-west-1",
        ),
    ],
)
def test_where_sts_is(
    region: str | None, environ: dict[str, str], shared: dict[str, str], url: str, signed_for: str
) -> None:
    assert service_of(region, environ, shared, NETWORK) == Service(url=url, region=signed_for, network=NETWORK)


REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ca-central-1", "us-gov-west-1", "us-gov-east-1", "us-iso-east-1")


@pytest.mark.parametrize("choice", ["regional", "legacy"])
@pytest.mark.parametrize("region", REGIONS)
def test_fips_endpoints_are_those_of_botocore(region: str, choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"AWS_USE_FIPS_ENDPOINT": "True", "AWS_STS_REGIONAL_ENDPOINTS": choice}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    theirs = boto3.client("sts", region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
    url = theirs.generate_presigned_url("get_caller_identity").partition("?")[0]
    assert service_of(region, environ, {}, NETWORK) == Service(url=url, region=region, network=NETWORK)


def test_who_decides_on_fips() -> None:
    fips, plain = "https://sts-fips.us-east-1.amazonaws.com/", "https://sts.us-east-1.amazonaws.com/"
    by_environ, by_profile = {"AWS_USE_FIPS_ENDPOINT": "true"}, {"use_fips_endpoint": "true"}
    assert service_of(None, {}, {}, NETWORK, fips=True).url == fips
    assert service_of(None, {}, by_profile, NETWORK).url == fips
    assert service_of(None, by_environ, by_profile, NETWORK, fips=False).url == plain
    with pytest.raises(InvalidArgumentError, match="aws-cn"):
        service_of("cn-north-1", by_environ, {}, NETWORK)
    own = service_of("cn-north-1", {**by_environ, "AWS_ENDPOINT_URL_STS": "http://a"}, {}, NETWORK)
    assert own.url == "http://a/"


def test_an_endpoint_that_is_none() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        service_of(None, {"AWS_ENDPOINT_URL_STS": "http://user:hunter2@host"}, {}, NETWORK)
    assert "hunter2" not in str(caught.value)
