"""Whatever happens, nothing that is logged, raised or printed holds a secret."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import logging
import pickle
import re
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import RetryPolicy, S3Driver
from aiostorage.errors import StorageError
from aiostorage.models import CustomerKey, Upload
from aiostorage.providers.s3.credentials import S3Credentials
from tests.scripted import Answer, ScriptedServer, reset
from tests.unit.s3.aws import IdentityCenter, Metadata, SecurityTokens, keys_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

# As long as they are in life: what is shorter than any secret may be a word of the service.
SECRET = "hunter2/wJalrXUtnFEMI+K7MDENGbPxRfiCYKEY"
TOKEN = "hunter2IQoJb3JpZ2luX2VjEPT" + "A1b2/+" * 60 + "=="
LATER = datetime.now(UTC) + timedelta(hours=6)
RETRY = RetryPolicy(max_attempts=2, base_s=0)
KEY = CustomerKey(key=b"hunter2-the key of a customer 32")
BUCKET = "bucket--usw2-az1--x-s3"


def echo(status: int, code: str) -> Callable[[Seen], Answer]:
    """A service that is too talkative: it repeats what it was told, and what it should not know."""

    def answer(seen: Seen) -> Answer:
        told = f"{seen.headers.get('authorization')} {seen.headers.get('x-amz-security-token')} {SECRET} {seen.target}"
        told += f" {[value for name, value in seen.headers.items() if 'customer-key' in name]}"
        body = f"<Error><Code>{code}</Code><Message>{told}</Message><Resource>{told}</Resource></Error>"
        return Answer(
            status=status,
            headers={"location": f"https://evil.invalid/?X-Amz-Security-Token={TOKEN}", "x-amz-request-id": "r"},
            body=body.replace("&", "&amp;").encode(),
        )

    return answer


SERVICES: dict[str, Callable[[Seen], Answer]] = {
    "fine": lambda _: Answer(headers={"ETag": '"x"'}),
    "denied": echo(403, "AccessDenied"),
    "wrong signature": echo(403, "SignatureDoesNotMatch"),
    "expired": echo(400, "ExpiredToken"),
    "malformed": echo(400, "AuthorizationHeaderMalformed"),
    "elsewhere": echo(301, "PermanentRedirect"),
    "invalid": echo(400, "InvalidArgument"),
    "unknown": echo(418, "Teapot"),
    "broken": echo(500, "InternalError"),
    "an error in a 200": echo(200, "InternalError"),
    "no document": lambda seen: Answer(body=f"<html>{seen.headers}".encode()),
    "gone": lambda _: reset(),
}


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What was shown, to be added to by the test; what was logged comes with it."""
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "asyncio", "aiostorage"):
        caplog.set_level(logging.DEBUG, logger=name)
    shown: list[str] = []
    yield shown
    shown += [
        f"{record.getMessage()} {record.args!r} {record.exc_text} {record.exc_info!r}" for record in caplog.records
    ]
    text = "\n".join(shown)
    assert text
    assert "hunter2" not in text
    assert base64.b64encode(KEY.key).decode() not in text
    assert not re.search("Signature=(?!\\*)", text)


def look(error: BaseException) -> str:
    """All that an error shows, or takes along when it is sent elsewhere."""
    found = [repr(error), str(error), *traceback.format_exception(error), repr(error.args)]
    if isinstance(error, StorageError):
        found += [repr(error.details()), repr(pickle.dumps(error))]
    seen: BaseException | None = error
    while seen is not None:
        found += [repr(seen), str(seen)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(found)


def reprs(root: object) -> Iterator[str]:
    """The repr of everything of the package that can be reached from an object."""
    known: set[int] = set()
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in known:
            continue
        known.add(id(one))
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        if type(one).__module__.startswith("aiostorage"):
            yield repr(one)
            names = [field.name for field in dataclasses.fields(one)] if dataclasses.is_dataclass(one) else []
            slots = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
            for name in {*names, *slots, *getattr(one, "__dict__", {})}:
                waiting.append(getattr(one, name, None))


async def digest_of(content: Awaitable[bytes]) -> str:
    """Content may be what it likes."""
    return hashlib.sha256(await content).hexdigest()


async def use(driver: S3Driver, shown: list[str], bucket: str = "bucket") -> None:
    """A bit of everything."""
    container = driver.container(bucket)
    upload = Upload(container=bucket, key="k", upload_id="id", customer_key=KEY)
    shown.append(repr(upload))
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: driver.create_container(bucket),
        lambda: container.upload_object(b"x" * 100, "k", metadata={"a": "b"}),
        lambda: container.get_object("k"),
        lambda: digest_of(container.object("k").read()),
        lambda: container.object("k").copy_to(container, "c"),
        lambda: container.delete_objects(["k"]),
        lambda: container.object("k").presign(),
        lambda: container.object("k").presign_post(),
        lambda: container.create_upload("k", encryption=KEY),
        lambda: driver.presign_part(upload, 1),
        lambda: driver.backend.upload_part(upload, 1, 0, b"x"),
        lambda: driver.abort_upload(upload),
        lambda: container.upload_object(b"x", "k", encryption=KEY),
        lambda: digest_of(container.object("k").read(customer_key=KEY)),
        lambda: container.object("k").copy_to(container, "c", customer_key=KEY, encryption=KEY),
        lambda: container.object("k").update(metadata={"a": "c"}, customer_key=KEY),
        lambda: container.object("k").get_tags(),
        lambda: container.set_setting("cors", "<CORSConfiguration/>"),
        container.delete,
    ]
    for call in calls:
        try:
            shown.append(repr(await call()))
        except StorageError as error:
            shown.append(look(error))
    with suppress(StorageError):
        shown.extend([repr(obj) async for obj in container.list_objects()])
    shown.extend(reprs(driver))


@pytest.mark.parametrize("service", SERVICES)
async def test_of_keys_and_tokens(service: str, everything: list[str]) -> None:
    async def credentials() -> S3Credentials:
        return S3Credentials(access_key_id="AKIA1", secret_access_key=SECRET, session_token=TOKEN, expires_at=LATER)

    async with ScriptedServer(answer=SERVICES[service]) as server:
        where: dict[str, Any] = {
            "endpoint": server.url,
            "vendor": "aws",
            "retry": RetryPolicy(max_attempts=2, base_s=0),
        }
        keys: dict[str, Any] = {"access_key_id": "AKIA1", "secret_access_key": SECRET, "session_token": TOKEN}
        async with S3Driver(**where, **keys) as driver:
            await use(driver, everything)
        async with S3Driver(**where, credentials=credentials) as driver:
            await use(driver, everything)


@pytest.mark.parametrize("service", ["fine", "denied", "gone"])
async def test_of_sessions(service: str, everything: list[str]) -> None:
    def answer(seen: Seen) -> Answer:
        if "session" not in seen.target or service == "gone":
            return SERVICES[service](seen)
        end = LATER.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answer(
            body=f"<CreateSessionResult><Credentials><SessionToken>{TOKEN}</SessionToken><SecretAccessKey>{SECRET}"
            f"</SecretAccessKey><AccessKeyId>A</AccessKeyId><Expiration>{end}</Expiration></Credentials>"
            "</CreateSessionResult>".encode()
        )

    async with ScriptedServer(answer=answer) as server:
        where: dict[str, Any] = {
            "endpoint": server.url,
            "vendor": "aws",
            "retry": RetryPolicy(max_attempts=2, base_s=0),
        }
        async with S3Driver(**where, access_key_id="AKIA1", secret_access_key=SECRET) as driver:
            await use(driver, everything, BUCKET)


@pytest.mark.parametrize("fault", [None, Answer(status=400, body=b"hunter2"), Answer(body=b"hunter2"), reset()])
@pytest.mark.parametrize("place", ["machine", "role", "login", "container", "file"])
async def test_of_whoever_gives_credentials(
    place: str,
    fault: Answer | None,
    everything: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    given = keys_json("ASIA1", expires_at=LATER, SecretAccessKey=SECRET, Token=TOKEN)
    agents: dict[str, Callable[[Seen], Answer]] = {
        "machine": Metadata(answers=[given]),
        "role": SecurityTokens(region="eu-west-1", expires_at=LATER),
        "login": IdentityCenter(expires_at=LATER),
        "container": lambda _: Answer(body=json.dumps(given).encode()),
        "file": lambda _: Answer(),
    }
    denied = Answer(status=403, body=b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>")
    agent = agents[place] if fault is None else lambda _: fault
    async with ScriptedServer(answer=agent) as giver, ScriptedServer(answer=lambda _: denied) as server:
        match place:
            case "machine":
                monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
                monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", giver.url)
            case "role":
                (tmp_path / "token").write_text("eyJhunter2.jwt.sig")
                monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
                monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/web")
                monkeypatch.setenv("AWS_ENDPOINT_URL_STS", giver.url)
            case "login":
                cache = tmp_path / ".aws" / "sso" / "cache"
                cache.mkdir(parents=True)
                until = LATER.strftime("%Y-%m-%dT%H:%M:%SZ")
                file = cache / f"{hashlib.sha1(b'https://x/start').hexdigest()}.json"
                file.write_text(json.dumps({"accessToken": "hunter2token", "expiresAt": until}))
                config.write_text(
                    "[default]\nsso_start_url = https://x/start\nsso_region = eu-west-1\n"
                    "sso_account_id = 123456789012\nsso_role_name = the role+\n"
                )
                monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", giver.url)
            case "container":
                monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", giver.url)
                monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hunter2agent")
            case _:
                config.write_text(f"[default]\naws_access_key_id = AKIA1\naws_secret_access_key = {SECRET}\n")
        async with S3Driver(endpoint=server.url, region="eu-west-1", retry=RETRY) as driver:
            await use(driver, everything)
        assert server.seen or fault is not None


async def test_a_proxy_has_secrets_too(everything: list[str]) -> None:
    driver = S3Driver(
        endpoint="https://x.invalid",
        proxy="http://me:hunter2@127.0.0.1:1",
        access_key_id="AKIA1",
        secret_access_key=SECRET,
        retry=RetryPolicy(max_attempts=1),
    )
    async with driver:
        await use(driver, everything)
