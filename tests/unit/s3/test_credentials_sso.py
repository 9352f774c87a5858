from __future__ import annotations

import asyncio
import hashlib
import json
import stat
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from aiostorage import RetryPolicy, S3Driver
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    PermissionDeniedError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageError,
    UnexpectedResponseError,
)
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.credentials.asking import Network
from aiostorage.providers.s3.credentials.profile import Profiles
from aiostorage.providers.s3.credentials.sso import SingleSignOn, role_credentials, single_sign_on
from aiostorage.providers.s3.credentials.sts import AssumedRole
from aiostorage.providers.s3.shared_files import read_files
from tests.scripted import Answer, ScriptedServer
from tests.unit.s3.aws import LATER, NOW, IdentityCenter

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

NETWORK = Network(retry=RetryPolicy(max_attempts=2, base_s=0))

CONFIG = """
[sso-session corp]
sso_start_url = https://corp.example.org/start
sso_region = eu-west-1
[profile mine]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = the role+
[profile old]
sso_start_url = https://old.example.org/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = the role+
[profile china]
sso_start_url = https://old.example.org/start
sso_region = cn-north-1
sso_account_id = 123456789012
sso_role_name = the role+
aws_access_key_id = AKIA-after-the-login
aws_secret_access_key = hunter2
[profile role]
role_arn = arn:aws:iam::1:role/x
source_profile = mine
region = eu-west-1
[profile lost]
sso_session = nowhere
sso_account_id = 123456789012
sso_role_name = r
[profile half]
sso_session = corp
sso_account_id = 123456789012
[profile odd]
sso_start_url = https://old.example.org/start
sso_region = evil.example.org/#
sso_account_id = 123456789012
sso_role_name = r
[profile region]
region = eu-west-1
"""


@dataclass
class Home:
    """A home with the shared files, and what logins have left there."""

    path: Path

    def token_file(self, name: str) -> Path:
        return self.path / ".aws" / "sso" / "cache" / f"{hashlib.sha1(name.encode()).hexdigest()}.json"

    def log_in(self, name: str, *, until: datetime, value: str = "hunter2token", **more: str) -> Path:
        fields = {"startUrl": "https://corp.example.org/start", "region": "eu-west-1", "accessToken": value}
        fields["expiresAt"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.token_file(name).write_text(json.dumps({**fields, **more}))
        return self.token_file(name)

    @property
    def environ(self) -> dict[str, str]:
        return {"AWS_CONFIG_FILE": str(self.path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(self.path / "none")}

    def source(self, profile: str, server: ScriptedServer | None = None) -> SingleSignOn:
        environ = self.environ | ({"AWS_ENDPOINT_URL": server.url} if server else {})
        found = single_sign_on(profile, read_files(environ), environ, NETWORK)
        assert found is not None
        return found


REFRESHABLE = {
    "clientId": "the-client",
    "clientSecret": "hunter2client",
    "refreshToken": "hunter2refresh",
    "registrationExpiresAt": "2026-03-01T00:00:00Z",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws" / "sso" / "cache").mkdir(parents=True)
    (tmp_path / "config").write_text(CONFIG)
    return Home(tmp_path)


@pytest.mark.parametrize(("profile", "key"), [("mine", "corp"), ("old", "https://old.example.org/start")])
async def test_a_login_gives_credentials(home: Home, profile: str, key: str) -> None:
    home.log_in(key, until=LATER)
    async with ScriptedServer(answer=IdentityCenter()) as server:
        found = await home.source(profile, server).fetch(NOW)
    assert found == S3Credentials(
        access_key_id="ASIA-sso-1", secret_access_key="hunter2key", session_token="hunter2session", expires_at=LATER
    )
    assert len(server.seen) == 1


async def test_a_token_that_is_about_to_end_is_exchanged_for_all_tools(home: Home) -> None:
    center = IdentityCenter()
    file = home.log_in("corp", until=NOW + timedelta(minutes=10), **REFRESHABLE)
    async with ScriptedServer(answer=center) as server:
        source = home.source("mine", server)
        await source.fetch(NOW)
        await source.fetch(NOW + timedelta(minutes=20))
        assert center.exchanges == 1
        await source.fetch(NOW + timedelta(minutes=50))
        assert center.exchanges == 2
    left = json.loads(file.read_text())
    assert left["accessToken"] == "hunter2token2"
    assert left["refreshToken"] == "hunter2refresh2"
    assert left["expiresAt"] == "2026-01-02T04:54:05Z"
    assert left["clientSecret"] == "hunter2client"
    assert left["startUrl"] == "https://corp.example.org/start"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "answer", [Answer(status=400, body=b'{"error": "hunter2refresh"}'), Answer(status=503), Answer(body=b"{}")]
)
async def test_an_exchange_that_fails_leaves_the_token_that_still_works(home: Home, answer: Answer) -> None:
    home.log_in("corp", until=NOW + timedelta(minutes=10), **REFRESHABLE)
    async with ScriptedServer(answer=IdentityCenter(refusals=[answer])) as server:
        assert (await home.source("mine", server).fetch(NOW)).access_key_id == "ASIA-sso-1"
    assert [seen.method for seen in server.seen] == ["POST", "GET"]


async def test_what_another_program_has_exchanged_in_the_meantime_is_used(home: Home) -> None:
    home.log_in("corp", until=NOW - timedelta(minutes=1), **REFRESHABLE)

    def answer(seen: object) -> Answer:
        home.log_in("corp", until=LATER)
        return Answer(status=400)

    center = IdentityCenter()
    async with ScriptedServer(answer=lambda seen: answer(seen) if seen.method == "POST" else center(seen)) as server:
        await home.source("mine", server).fetch(NOW)
    assert center.fetches == 1


@pytest.mark.parametrize(
    ("profile", "more"),
    [
        ("mine", {}),
        ("mine", {**REFRESHABLE, "registrationExpiresAt": "2025-12-01T00:00:00Z"}),
        ("mine", {**REFRESHABLE, "refreshToken": "hunter2spent"}),
        ("old", REFRESHABLE),  # only logins of a session are renewed
    ],
)
async def test_a_login_that_has_ended_says_what_to_do(home: Home, profile: str, more: dict[str, str]) -> None:
    home.log_in("corp" if profile == "mine" else "https://old.example.org/start", until=NOW, **more)
    async with ScriptedServer(answer=IdentityCenter()) as server:
        with pytest.raises(AuthenticationError, match=f"aws sso login --profile {profile}") as caught:
            await home.source(profile, server).fetch(NOW)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"hunter2", b"[]", b"{}", b'{"accessToken": "hunter2"}',
                                     b'{"accessToken": "a\\nb", "expiresAt": "2026-01-03T00:00:00Z"}'])  # fmt: skip
async def test_a_login_that_is_none(home: Home, content: bytes | None) -> None:
    if content is not None:
        home.token_file("corp").write_bytes(content)
    with pytest.raises(StorageError, match="login") as caught:
        await home.source("mine").fetch(NOW)
    assert isinstance(caught.value, AuthenticationError | UnexpectedResponseError)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=401, body=b"hunter2"), AuthenticationError),
        (Answer(status=403, body=b"hunter2"), PermissionDeniedError),
        (Answer(status=404, body=b"hunter2"), PermissionDeniedError),
        (Answer(status=429, body=b"hunter2"), RateLimitedError),
        (Answer(status=500, body=b"hunter2"), ServiceUnavailableError),
        (Answer(body=b"hunter2"), UnexpectedResponseError),
        (Answer(body=b'{"roleCredentials": {"accessKeyId": "hunter2"}}'), UnexpectedResponseError),
    ],
)
async def test_a_portal_that_gives_nothing(home: Home, answer: Answer, kind: type[StorageError]) -> None:
    home.log_in("corp", until=LATER)
    async with ScriptedServer(answer=IdentityCenter(refusals=[answer] * 2)) as server:
        with pytest.raises(kind) as caught:
            await home.source("mine", server).fetch(NOW)
    assert type(caught.value) is kind
    assert "hunter2" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("expiration", ["1", 10**13 - 1, "x", None, -1])
def test_moments_that_are_none(expiration: object) -> None:
    fields = {"accessKeyId": "a", "secretAccessKey": "hunter2", "sessionToken": "hunter2", "expiration": expiration}
    document = json.dumps({"roleCredentials": fields}).encode()
    if expiration == 10**13 - 1:
        assert role_credentials(document, NOW).expires_at is not None
    else:
        with pytest.raises(StorageError):
            role_credentials(document, NOW)


def test_where_the_services_are(home: Home) -> None:
    mine, china = home.source("mine"), home.source("china")
    assert (mine.portal, mine.oidc) == (
        "https://portal.sso.eu-west-1.amazonaws.com",
        "https://oidc.eu-west-1.amazonaws.com",
    )
    assert china.portal == "https://portal.sso.cn-north-1.amazonaws.com.cn"
    assert mine.has_session
    assert not china.has_session


def test_profiles_lead_to_a_login(home: Home) -> None:
    profiles = Profiles(files=read_files(home.environ), environ=home.environ, network=NETWORK)
    assert profiles.follow("mine") == home.source("mine")
    assert profiles.follow("china") == home.source("china")
    role = profiles.follow("role")
    assert isinstance(role, AssumedRole)
    assert role.base == home.source("mine")
    assert profiles.follow("region") is None


@pytest.mark.parametrize(
    ("profile", "kind", "message"),
    [
        ("lost", AuthenticationError, "'nowhere' that is not there"),
        ("half", AuthenticationError, "sso_role_name"),
        ("odd", InvalidArgumentError, "sso_region"),
    ],
)
def test_logins_that_are_half_configured(home: Home, profile: str, kind: type[StorageError], message: str) -> None:
    with pytest.raises(kind, match=message):
        home.source(profile)


@pytest.mark.verifies("credentials: SSO", on="fake")
async def test_a_driver_with_a_login(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    home.log_in("corp", until=later)
    center = IdentityCenter(expires_at=later)
    async with ScriptedServer(answer=center) as services, ScriptedServer(answer=lambda _: Answer()) as server:
        for name, value in home.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", services.url)
        async with S3Driver(endpoint=server.url, region="eu-west-1", profile="mine") as driver:
            await asyncio.gather(*[driver.container("bucket").get_object(str(number)) for number in range(10)])
    assert center.fetches == 1
    assert all("Credential=ASIA-sso-1/" in seen.headers["authorization"] for seen in server.seen)


def test_nothing_secret_is_shown(home: Home) -> None:
    home.log_in("corp", until=LATER, **REFRESHABLE)
    source = home.source("mine")
    shown = repr((source, source._read(), replace(source, role_name="x")))
    assert "hunter2" not in shown
