"""How a driver comes to a server: by which host, at which time, and as whom."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest

from aiostorage import RetryPolicy, S3Driver
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.vendors import VENDORS
from tests.contract.test_s3 import TestMoto as Moto
from tests.proofs.test_links import role_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from typing import Any

    from aiostorage.container import Container
    from tests.servers.base import S3Server
    from tests.servers.moto import MotoServer

pytestmark = pytest.mark.anyio

ARN = "arn:aws:iam::123456789012:role/web"


@asynccontextmanager
async def container_of(driver: S3Driver, name: str) -> AsyncIterator[Container]:
    """A container that is there for a while."""
    async with driver:
        container = await driver.create_container(name)
        yield container
        await container.delete()


@pytest.mark.parametrize(
    ("name", "style"),
    [
        *[
            pytest.param(name, "path", marks=pytest.mark.verifies("endpoints: path style"))
            for name in ("ceph", "swift", "rclone", "moto")
        ],
        pytest.param("moto", "virtual", marks=pytest.mark.verifies("endpoints: virtual hosts")),
    ],
)
async def test_where_the_name_of_a_container_goes(
    name: str,
    style: Literal["path", "virtual"],
    request: pytest.FixtureRequest,
    s3_witness: Callable[[S3Server], Any],
) -> None:
    server: S3Server = request.getfixturevalue(f"{name}_server")
    driver = S3Driver(
        endpoint=server.endpoint.replace("127.0.0.1", "localhost"),
        region=server.region,
        addressing_style=style,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    async with container_of(driver, "by-style") as container:
        obj = await container.upload_object(b"content", "a b/+%é")
        if style == "virtual":
            assert "//by-style.localhost" in (await obj.presign()).url
        found = await asyncio.to_thread(s3_witness(server).get_object, Bucket="by-style", Key="a b/+%é")
        assert found["Body"].read() == b"content"


@pytest.mark.verifies("endpoints: a wrong clock corrected")
@pytest.mark.parametrize("name", ["ceph", "swift"])
@pytest.mark.parametrize("minutes", [-40, 40])
async def test_a_clock_that_is_wrong(name: str, minutes: int, request: pytest.FixtureRequest) -> None:
    """One refusal tells the time, and all requests know it, also in what is signed for others."""
    server: S3Server = request.getfixturevalue(f"{name}_server")
    driver = S3Driver(
        endpoint=server.endpoint,
        region=server.region,
        vendor=name,  # type: ignore[arg-type]  # two of its names
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        retry=RetryPolicy(max_attempts=1),
    )
    backend = driver.backend
    assert isinstance(backend, S3Backend)
    backend._http._now = lambda: datetime.now(UTC) + timedelta(minutes=minutes)
    async with container_of(driver, "by-clock") as container:
        obj = await container.upload_object(b"content", "key")
        assert await obj.read() == b"content"
        link = await obj.presign(expires_in_s=60)
        assert abs(link.expires_at - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.verifies("credentials: a role and its source profile")
@pytest.mark.parametrize("name", ["ceph", "moto"])
async def test_a_role_of_a_profile(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: S3Server = request.getfixturevalue(f"{name}_server")
    arn = await asyncio.to_thread(role_of, server, "by-profile")
    (tmp_path / "config").write_text(
        f"[profile worker]\nrole_arn = {arn}\nsource_profile = base\nduration_seconds = 900\n"
        f"[profile base]\naws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.endpoint)
    vendor = VENDORS["ceph"] if name == "ceph" else Moto.vendor
    driver = S3Driver(endpoint=server.endpoint, region=server.region, vendor=vendor, profile="worker")
    async with container_of(driver, "by-role") as container:
        obj = await container.upload_object(b"content", "key")
        link = await obj.presign(expires_in_s=86400)
        assert "X-Amz-Security-Token=" in link.url
        assert link.expires_at - datetime.now(UTC) < timedelta(seconds=900)
        assert await obj.read() == b"content"


@pytest.mark.verifies("credentials: web identity", on="moto")
async def test_a_web_identity(moto_server: MotoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("eyJhbGciOiJub25lIn0.e30.")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_server.endpoint)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ARN)
    await works_with_a_token(moto_server)


@pytest.mark.verifies("credentials: EC2 (IMDSv2)", on="moto")
async def test_a_machine(moto_server: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto_server.endpoint)
    await works_with_a_token(moto_server)


async def works_with_a_token(server: MotoServer) -> None:
    driver = S3Driver(endpoint=server.endpoint, region=server.region, vendor=Moto.vendor)
    async with container_of(driver, "by-token") as container:
        obj = await container.upload_object(b"content", "key")
        assert "X-Amz-Security-Token=" in (await obj.presign()).url
