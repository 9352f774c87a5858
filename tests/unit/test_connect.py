"""URLs, as far as they are the same for all providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage import InvalidArgumentError, connect

if TYPE_CHECKING:
    from pathlib import Path

URLS = (
    "memory:",
    "file:data",
    "s3://?region=eu-west-1",
    "gs://?anonymous=true",
    "azure://?account_name=acct&anonymous=true",
    "swift://?storage_url=https://host/v1/AUTH_a&anonymous=true",
)


@pytest.mark.parametrize("url", [*URLS, "file:/a#b", "file:/a#"])
def test_a_fragment_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="%23"):
        connect(url if "#" in url else f"{url}#part")


async def stored_in(url: str) -> None:
    async with connect(url) as driver:
        await driver.create_container("box")


@pytest.mark.anyio
async def test_a_folder_with_a_number_sign_in_its_name(tmp_path: Path) -> None:
    await stored_in(f"{(tmp_path / 'a').as_uri()}%23b")
    assert [path.name for path in tmp_path.iterdir()] == ["a#b"]


@pytest.mark.parametrize("url", URLS)
def test_every_driver_has_a_memory_limit(url: str) -> None:
    connect(url, memory_limit_bytes=1)
    separator = "&" if "?" in url else "?"
    connect(f"{url}{separator}memory_limit_bytes=1")
    with pytest.raises(InvalidArgumentError, match="memory_limit_bytes is at least 1"):
        connect(url, memory_limit_bytes=0)


def test_secrets_are_keywords() -> None:
    """That a type checker knows each of them is what this shows, too."""
    where = "swift://?auth_url=https://host/v3"
    connect(f"{where}&username=u&project_name=p", password="hunter2", temp_url_key="hunter2")
    connect(f"{where}&application_credential_id=i", application_credential_secret="hunter2")
    connect(where, token="hunter2")
