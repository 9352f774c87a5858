"""Each source of access tokens, against services that refuse what is not right."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import RetryPolicy
from aiostorage._http.asking import Network
from aiostorage._http.oauth import check_url
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    PermissionDeniedError,
    ServiceUnavailableError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
)
from aiostorage.providers.gcs import signers
from aiostorage.providers.gcs.config import SCOPES, Settings
from aiostorage.providers.gcs.credentials import AccessToken, Identities
from aiostorage.providers.gcs.credentials import impersonation as impersonating
from aiostorage.providers.gcs.credentials.chain import identity_in, login_file
from aiostorage.providers.gcs.credentials.impersonation import Impersonation
from aiostorage.providers.gcs.credentials.machine import Machine, machine
from tests.scripted import Answer, ScriptedServer, reset
from tests.unit.gcs.google import EMAIL, LATER, NOW, SECRETS, TARGET, Google, is_signed, key_file, private_key

if TYPE_CHECKING:
    from pathlib import Path

    from aiostorage._http.json import JSONObject

pytestmark = pytest.mark.anyio

NETWORK = Network(retry=RetryPolicy(max_attempts=3, base_s=0))


def user_file(url: str) -> dict[str, object]:
    return {
        "type": "authorized_user",
        "client_id": "client",
        "client_secret": "hunter2client",
        "refresh_token": "hunter2refresh",
        "quota_project_id": "paying",
        "token_uri": f"{url}/token",
    }


def federated_file(url: str, source: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/sts",
        "credential_source": source,
        **more,
    }


def iam_url(url: str, method: str = "generateAccessToken") -> str:
    return f"{url}/v1/projects/-/serviceAccounts/{TARGET}:{method}"


def found_in(document: JSONObject) -> Any:
    return identity_in(document, SCOPES, NETWORK, where="the file").source


@pytest.mark.verifies("credentials: service account", on="fake")
async def test_a_key_of_a_service_account() -> None:
    async with ScriptedServer(answer=Google()) as server:
        identity = identity_in(key_file(f"{server.url}/token"), SCOPES, NETWORK, where="the file")
        assert (identity.account, identity.project) == (EMAIL, "test-project")
        assert await identity.source.fetch(NOW) == AccessToken(token="hunter2token", expires_at=LATER)
        assert identity.key is not None
        assert is_signed(b"content", await identity.key.sign(b"content"))


async def test_a_key_that_is_none() -> None:
    for damaged in ("hunter2 no key", private_key().replace("A", "B")):
        source = found_in({**key_file("https://nowhere.example/token"), "private_key": damaged})
        with pytest.raises(AuthenticationError) as caught:
            await source.fetch(NOW)
        assert caught.value.__context__ is None or "hunter2" not in repr(caught.value.__context__)


@pytest.mark.verifies("credentials: authorized user", on="fake")
async def test_a_person_who_has_logged_in() -> None:
    async with ScriptedServer(answer=Google()) as server:
        assert (await found_in(user_file(server.url)).fetch(NOW)).token == "hunter2token"
        with pytest.raises(AuthenticationError) as caught:
            await found_in({**user_file(server.url), "refresh_token": "revoked"}).fetch(NOW)
    assert caught.value.code == "invalid_grant"
    assert not any(secret in str(caught.value) for secret in SECRETS)


@pytest.mark.parametrize("form", ["text", "json", "url"])
@pytest.mark.verifies("credentials: workload identity (file or URL)", on="fake")
async def test_an_identity_of_another_house(tmp_path: Path, form: str) -> None:
    path = tmp_path / "subject"
    async with ScriptedServer(answer=Google()) as server:
        source: dict[str, object] = {"file": str(path)}
        if form == "text":
            path.write_text("hunter2subject\n")
        else:
            path.write_text('{"id_token": "hunter2subject"}')
            source["format"] = {"type": "json", "subject_token_field_name": "id_token"}
        if form == "url":
            source = {**source, "url": f"{server.url}/subject", "headers": {"X-Subject": "yes"}}
            del source["file"]
        found = found_in(federated_file(server.url, source, client_id="client", client_secret="hunter2client"))
        assert await found.fetch(NOW) == AccessToken(token="hunter2token", expires_at=LATER)


PROGRAM = """
import json, os, sys
told = [os.environ["GOOGLE_EXTERNAL_ACCOUNT_" + name] for name in ("AUDIENCE", "TOKEN_TYPE", "INTERACTIVE")]
token = {"token_type": "urn:ietf:params:oauth:token-type:id_token", "id_token": "hunter2subject"}
refusal = {"success": False, "code": "401", "message": "hunter2"}
print(json.dumps({"version": 1, "success": True, **token, "told": told} if len(sys.argv) < 2 else refusal))
"""


@pytest.mark.verifies("credentials: workload identity (a program)", on="fake")
async def test_an_identity_of_another_house_whose_token_a_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source: https://google.aip.dev/auth/4117#determining-the-subject-token-in-executable-sourced-credentials."""
    (tmp_path / "program.py").write_text(PROGRAM)
    command = f"{sys.executable} {tmp_path / 'program.py'}"
    async with ScriptedServer(answer=Google()) as server:

        def source(command: str) -> Any:
            return found_in(federated_file(server.url, {"executable": {"command": command, "timeout_millis": 30_000}}))

        with pytest.raises(AuthenticationError, match="ALLOW_EXECUTABLES"):
            await source(command).fetch(NOW)
        monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
        assert await source(command).fetch(NOW) == AccessToken(token="hunter2token", expires_at=LATER)
        for failing in (f"{command} refuse", f"{sys.executable} -c 'raise SystemExit(1)'", "/no/such/program hunter2"):
            with pytest.raises(AuthenticationError) as caught:
                await source(failing).fetch(NOW)
            assert "hunter2" not in str(caught.value)


async def test_an_identity_of_another_house_that_acts_as_an_account(tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("hunter2subject")
    async with ScriptedServer(answer=Google()) as server:
        document = federated_file(
            server.url,
            {"file": str(tmp_path / "subject")},
            service_account_impersonation_url=iam_url(server.url),
            service_account_impersonation={"token_lifetime_seconds": 600},
        )
        identity = identity_in(document, SCOPES, NETWORK, where="the file")
        assert identity.account == TARGET
        found = await identity.source.fetch(NOW)
    assert found == AccessToken(token="hunter2target", expires_at=NOW + timedelta(seconds=600))


async def test_a_token_of_another_house_that_is_missing(tmp_path: Path) -> None:
    sources: list[dict[str, object]] = [{"file": str(tmp_path / name)} for name in ("missing", "empty")]
    (tmp_path / "empty").write_text(" \n")
    for source in sources:
        with pytest.raises(AuthenticationError):
            await found_in(federated_file("https://nowhere.example", source)).fetch(NOW)


@pytest.mark.verifies("credentials: impersonation", on="fake")
async def test_somebody_who_acts_as_an_account() -> None:
    async with ScriptedServer(answer=Google()) as server:
        document = {
            "type": "impersonated_service_account",
            "source_credentials": user_file(server.url),
            "service_account_impersonation_url": iam_url(server.url),
            "delegates": [],
        }
        identity = identity_in(document, SCOPES, NETWORK, where="the file")
        assert identity.account == TARGET
        assert (await identity.source.fetch(NOW)).token == "hunter2target"  # type: ignore[union-attr]
        assert isinstance(identity.source, Impersonation)
        other = replace(identity.source, url=iam_url(server.url).replace("target@", "other@"))
        with pytest.raises(PermissionDeniedError):
            await other.fetch(NOW)
        with pytest.raises(UnexpectedResponseError):  # it has ended already
            await identity.source.fetch(NOW + timedelta(days=1))


@pytest.mark.verifies("credentials: metadata server", on="fake")
async def test_the_machine() -> None:
    async with ScriptedServer(answer=Google()) as server:
        here = Machine(host=f"127.0.0.1:{server.port}", scopes=SCOPES)
        assert await here.fetch(NOW) == AccessToken(token="hunter2token", expires_at=LATER)
        assert await here.email() == EMAIL
        assert await here.project() == "machine-project"
        assert server.seen[0].target.endswith("?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform")


async def test_a_machine_that_is_none_of_googles() -> None:
    async with ScriptedServer(answer=lambda _: Answer(body=b"<html>a portal</html>")) as server:
        assert await Machine(host=f"127.0.0.1:{server.port}").fetch(NOW) is None
    assert await Machine(host=f"127.0.0.1:{server.port}", max_attempts=1).fetch(NOW) is None  # nobody is there


def test_where_the_machine_is_asked() -> None:
    found = machine({}, ("a",))
    assert found is not None
    assert found.host == "metadata.google.internal"
    assert machine({"NO_GCE_CHECK": "True"}, ()) is None
    other = machine({"GCE_METADATA_HOST": "localhost:1"}, ())
    assert other is not None
    assert other.host == "localhost:1"
    with pytest.raises(InvalidArgumentError):
        machine({"GCE_METADATA_HOST": "evil/path?"}, ())


async def test_a_service_that_fails_is_asked_again() -> None:
    ok = Answer(body=b'{"access_token": "t", "expires_in": 60}')
    async with ScriptedServer(Answer(status=503), reset(), ok) as server:
        assert (await found_in(user_file(server.url)).fetch(NOW)).expires_at == NOW + timedelta(seconds=60)
    async with ScriptedServer(*[Answer(status=500)] * 3) as server:
        with pytest.raises(ServiceUnavailableError):
            await found_in(user_file(server.url)).fetch(NOW)
    for nonsense in (b"", b"[]", b'{"access_token": "two\\nlines"}', b"{" * 9):
        async with ScriptedServer(Answer(body=nonsense)) as server:
            with pytest.raises(UnexpectedResponseError):
                await found_in(user_file(server.url)).fetch(NOW)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({}, UnsupportedError),
        ({"type": "gdch_service_account"}, UnsupportedError),
        ({"type": "service_account", "client_email": "a@b"}, AuthenticationError),
        ({"type": "authorized_user"}, AuthenticationError),
        (federated_file("https://a.example", {"environment_id": "aws1", "url": "https://a"}), UnsupportedError),
        (federated_file("https://a.example", {"executable": {}}), UnsupportedError),
        (federated_file("https://a.example", {}), UnsupportedError),
        (federated_file("http://evil.example", {"file": "x"}), InvalidArgumentError),
        ({**key_file("http://evil.example/token")}, InvalidArgumentError),
    ],
)
def test_files_that_are_no_credentials(document: JSONObject, kind: type[StorageError]) -> None:
    with pytest.raises(kind) as caught:
        found_in(document)
    assert "hunter2" not in str(caught.value)


def test_secrets_go_only_where_nobody_listens() -> None:
    for url in ("https://a.example/b", "http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]:2/x"):
        assert check_url(url, what="it") == url
    for url in (
        "http://a.example",
        "ftp://a",
        "https://",
        "https://u:p@a.example",
        "https://a b",
        "http://127.0.0.1.a/",
    ):
        with pytest.raises(InvalidArgumentError):
            check_url(url, what="it")


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://token.example/token", True),
        ("http://169.254.169.254/token", True),
        ("http://169.254.170.23:80/token", True),
        ("http://169.254.evil.example/token", False),
        ("http://169.254.1.1@evil.example/token", False),
        ("http://169.254.1.1:@169.254.1.2/token", False),
        ("http://192.0.2.1/token", False),
    ],
)
def test_a_subject_token_comes_from_where_nobody_listens_or_from_the_host_of_the_machine(
    url: str, is_fine: bool
) -> None:
    document = federated_file("https://a.example", {"url": url, "headers": {"Authorization": "hunter2"}})
    if is_fine:
        assert found_in(document).subject_token.url == url
    else:
        with pytest.raises(InvalidArgumentError):
            found_in(document)


def test_nothing_secret_is_shown() -> None:
    for document in (key_file("https://a.example"), user_file("https://a.example")):
        assert not any(secret in repr(found_in(document)) for secret in SECRETS)
    assert "hunter2" not in repr(AccessToken(token="hunter2token"))


# Who asks


def written(path: Path, document: JSONObject) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.verifies("credentials: the order of places", on="fake")
async def test_the_order_of_places(tmp_path: Path) -> None:
    async with ScriptedServer(answer=Google()) as server:
        named = written(tmp_path / "named.json", {**key_file(f"{server.url}/token"), "client_email": "named@x"})
        login = written(tmp_path / "gcloud" / "application_default_credentials.json", user_file(server.url))
        given = written(tmp_path / "given.json", {**key_file(f"{server.url}/token"), "client_email": "given@x"})
        environ = {
            "GOOGLE_APPLICATION_CREDENTIALS": str(named),
            "CLOUDSDK_CONFIG": str(login.parent),
            "GCE_METADATA_HOST": f"127.0.0.1:{server.port}",
        }

        async def who(settings: Settings) -> tuple[str | None, str | None]:
            identities = Identities(settings, environ, {})
            return await identities.account(), await identities.project()

        assert await who(Settings(credentials_file=given)) == ("given@x", "test-project")
        assert await who(Settings()) == ("named@x", "test-project")
        del environ["GOOGLE_APPLICATION_CREDENTIALS"]
        assert await who(Settings()) == (None, "paying")
        login.unlink()
        assert await who(Settings()) == (EMAIL, "machine-project")
        environ["NO_GCE_CHECK"] = "true"
        with pytest.raises(AuthenticationError, match="anonymous=True"):
            await who(Settings())


def test_where_gcloud_writes() -> None:
    found = login_file({"HOME": "/home/ada"})
    assert str(found) == "/home/ada/.config/gcloud/application_default_credentials.json"
    assert login_file({}) is None


async def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("{hunter2")
    for path in (tmp_path / "missing", tmp_path / "broken", tmp_path):
        with pytest.raises(AuthenticationError) as caught:
            await Identities(Settings(credentials_file=path), {}, {}).find()
        assert "hunter2" not in str(caught.value)


async def test_a_function_of_the_users() -> None:
    calls = 0

    async def give() -> AccessToken:
        nonlocal calls
        calls += 1
        return AccessToken(token=f"token-{calls}")

    tokens = Identities(Settings(credentials=give), {}, {}).tokens()
    assert (await tokens.get()).token == "token-1"
    assert (await tokens.get()).token == "token-1"


async def test_drivers_share_a_token(tmp_path: Path) -> None:
    google = Google()
    async with ScriptedServer(answer=google) as server:
        path = written(tmp_path / "key.json", key_file(f"{server.url}/token"))
        caches = [Identities(Settings(credentials_file=path), {}, {}).tokens() for _ in range(20)]
        found = await asyncio.gather(*(cache.get() for cache in caches))
    assert {token.token for token in found} == {"hunter2token"}
    assert google.asked == ["/token"]


async def test_to_act_as_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=Google()) as server:
        monkeypatch.setattr(impersonating, "IAM_URL", server.url)
        path = written(tmp_path / "user.json", user_file(server.url))
        identities = Identities(Settings(credentials_file=path, service_account=TARGET), {}, {})
        assert await identities.account() == TARGET
        identity = await identities.find()
        assert (await identity.source.fetch(NOW)).token == "hunter2target"  # type: ignore[union-attr]


@pytest.mark.verifies("links: signed by IAM", on="fake")
async def test_who_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answer=Google()) as server:
        monkeypatch.setattr(impersonating, "IAM_URL", server.url)
        key = written(tmp_path / "key.json", key_file(f"{server.url}/token"))
        user = written(tmp_path / "user.json", user_file(server.url))
        here = {"GCE_METADATA_HOST": f"127.0.0.1:{server.port}", "CLOUDSDK_CONFIG": str(tmp_path / "none")}

        async def sign(settings: Settings, account: str | None) -> str:
            signer = await signers.find_signer(Identities(settings, here, {}), account)
            assert is_signed(b"content", await signer.sign(b"content"))
            return signer.email

        assert await sign(Settings(credentials_file=key), None) == EMAIL
        assert [seen.target for seen in server.seen] == []  # here, and nobody was asked
        assert await sign(Settings(credentials_file=key), TARGET) == TARGET
        assert await sign(Settings(credentials_file=user), TARGET) == TARGET
        assert await sign(Settings(), None) == EMAIL  # the machine's account
        with pytest.raises(AuthenticationError, match="signing_account"):
            await sign(Settings(credentials_file=user), None)
        with pytest.raises(UnsupportedError):
            await signers.find_signer(None, None)


@pytest.mark.parametrize("form", ["option", "file"])
@pytest.mark.verifies("links: signed by IAM", on="fake")
async def test_whoever_acts_as_an_account_signs_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The account itself need not be allowed to: it is the other who is."""
    between = "projects/-/serviceAccounts/between@test-project.iam.gserviceaccount.com"
    google = Google()
    async with ScriptedServer(answer=google) as server:
        monkeypatch.setattr(impersonating, "IAM_URL", server.url)
        document: dict[str, object] = user_file(server.url)
        if form == "file":
            document = {
                "type": "impersonated_service_account",
                "source_credentials": document,
                "service_account_impersonation_url": iam_url(server.url),
                "delegates": [between],
            }
        path = written(tmp_path / "file.json", document)
        settings = Settings(credentials_file=path, service_account=TARGET if form == "option" else None)
        signer = await signers.find_signer(Identities(settings, {}, {}), None)
        assert signer.email == TARGET
        assert is_signed(b"content", await signer.sign(b"content"))
        asked = json.loads(server.seen[-1].body)
    assert google.asked == ["/token", iam_url("", "signBlob")]
    assert asked.get("delegates") == ([between] if form == "file" else None)


async def test_a_machine_is_asked_once_who_it_is() -> None:
    google = Google()
    async with ScriptedServer(answer=google) as server:
        environ = {"GCE_METADATA_HOST": f"127.0.0.1:{server.port}", "CLOUDSDK_CONFIG": "/nowhere"}
        identities = Identities(Settings(), environ, {})
        for _ in range(3):
            assert (await signers.find_signer(identities, None)).email == EMAIL
            assert await identities.project() == "machine-project"
    assert [path.rpartition("/")[2] for path in google.asked] == ["email", "project-id"]


async def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(UnsupportedError, match=r"aiostorage\[gcp\]"):
        await found_in(key_file("https://nowhere.example/token")).fetch(NOW)
