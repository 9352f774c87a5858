"""URLs of Swift."""

from __future__ import annotations

import pytest

import aiostorage
from aiostorage.errors import InvalidArgumentError


def test_a_url_takes_the_login_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_AUTH_URL", "https://keystone:5000/v3")
    monkeypatch.setenv("OS_USERNAME", "demo")
    monkeypatch.setenv("OS_PASSWORD", "geheim")
    driver = aiostorage.connect("swift://?region=one&project_name=demo&part_size_bytes=1048576", max_connections=7)
    assert isinstance(driver, aiostorage.SwiftDriver)
    assert driver.name == "swift"


def test_a_url_of_a_public_account() -> None:
    driver = aiostorage.connect("swift://?storage_url=https://host/v1/AUTH_a&anonymous=true&cdn=https://cdn.example")
    assert driver.container("c").cdn.url("k") == "https://cdn.example/k"


@pytest.mark.parametrize(
    "url",
    [
        "swift://host",
        "swift://?password=geheim",
        "swift://?token=geheim",
        "swift://?vendor=aws&anonymous=true&storage_url=https://host/v1/a",
        "swift://",
        "swift://?fsync=true",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        aiostorage.connect(url)
    assert "geheim" not in str(caught.value)
