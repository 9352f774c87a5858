from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import AuthenticationError
from aiostorage.providers.s3.config import Settings
from aiostorage.providers.s3.credentials import S3Credentials, chain, find

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

KEYS = {"AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "hunter2"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = file\naws_secret_access_key = s\n"
        "[other]\naws_access_key_id = other\naws_secret_access_key = s\naws_session_token = t\n"
        "[half]\naws_access_key_id = half\n"
    )
    return {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


async def found(environ: dict[str, str], settings: Settings | None = None) -> S3Credentials:
    return await find(chain(settings or Settings(), environ))


async def test_arguments_come_first(environ: dict[str, str]) -> None:
    settings = Settings(access_key_id="arg", secret_access_key="s", session_token="t", profile="other")
    credentials = await found({**environ, **KEYS}, settings)
    assert credentials == S3Credentials(access_key_id="arg", secret_access_key="s", session_token="t")


async def test_a_function_is_asked_each_time(environ: dict[str, str]) -> None:
    calls: list[int] = []

    async def fetch() -> S3Credentials:
        calls.append(1)
        return S3Credentials(access_key_id=f"call {len(calls)}", secret_access_key="s")

    sources = chain(Settings(credentials=fetch), {**environ, **KEYS})
    assert [(await find(sources)).access_key_id for _ in range(2)] == ["call 1", "call 2"]


async def test_the_environment_comes_before_the_files_unless_a_profile_is_named(environ: dict[str, str]) -> None:
    with_token = {**environ, **KEYS, "AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "other"}
    assert await found(with_token) == S3Credentials(access_key_id="env", secret_access_key="hunter2", session_token="t")
    assert (await found(with_token, Settings(profile="default"))).access_key_id == "file"


@pytest.mark.verifies("credentials: files and profiles", on="fake")
async def test_the_files(environ: dict[str, str]) -> None:
    assert await found(environ) == S3Credentials(access_key_id="file", secret_access_key="s")
    other = await found({**environ, "AWS_PROFILE": "other"})
    assert other == S3Credentials(access_key_id="other", secret_access_key="s", session_token="t")


async def test_nothing_found_says_where_it_looked(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "credentials").unlink()
    places = r"AWS_ACCESS_KEY_ID.*WEB_IDENTITY.*'default'.*container.*metadata service.*anonymous=True"
    with pytest.raises(AuthenticationError, match=places):
        await found(environ)


async def test_a_profile_that_is_not_there(environ: dict[str, str]) -> None:
    for settings, more in ((Settings(profile="nope"), {}), (Settings(), {"AWS_PROFILE": "nope"})):
        with pytest.raises(AuthenticationError, match=r"no profile 'nope' in .*credentials"):
            await found({**environ, **more}, settings)


@pytest.mark.parametrize(
    "more", [{"AWS_PROFILE": "half"}, {"AWS_ACCESS_KEY_ID": "x"}, {"AWS_SECRET_ACCESS_KEY": "hunter2"}]
)
async def test_half_a_pair_is_an_error(environ: dict[str, str], more: dict[str, str]) -> None:
    with pytest.raises(AuthenticationError, match="half") as caught:
        await found({**environ, **more})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
async def test_a_line_break_in_a_key_is_an_error(environ: dict[str, str], name: str) -> None:
    with pytest.raises(AuthenticationError, match="line break") as caught:
        await found({**environ, **KEYS, name: "hunter2\n"})
    assert "hunter2" not in str(caught.value)


async def test_secrets_are_not_shown() -> None:
    shown = repr(S3Credentials(access_key_id="id", secret_access_key="hunter2", session_token="hunter3"))
    assert "id" in shown
    assert "hunter" not in shown
