"""What is presigned is used by curl, and by a browser's form, on servers that check signatures."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

from aiostorage import Container, Part, PostPolicy, PresignOptions, S3Driver
from aiostorage.providers.s3 import presigning, requests
from aiostorage.providers.s3.config import Settings, make_site
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.signing import Signer
from aiostorage.providers.s3.vendors import VENDORS
from aiostorage.testing._themes.outsider import Answer, changed_forms, changed_requests, post, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from aiostorage.models import PresignedPost, PresignedRequest
    from tests.servers.base import S3Server
    from tests.servers.ceph import CephServer

pytestmark = pytest.mark.anyio

KEY = "a b/é+%41&=?#.txt"


class Curl:
    """What somebody has who has a shell and nothing else."""

    async def send(self, request: PresignedRequest, body: bytes | None = None) -> Answer:
        arguments = ["--head"] if request.method == "HEAD" else ["--request", request.method]
        for name, value in request.headers.items():
            arguments += ["--header", f"{name}: {value}"]
        if body is not None:
            arguments += ["--data-binary", "@-"]
        return await self._run(*arguments, request.url, body=body)

    async def post(self, form: PresignedPost, file: bytes, folder: Path) -> Answer:
        path = folder / "cat.txt"
        await asyncio.to_thread(path.write_bytes, file)
        fields = [word for name, value in form.fields.items() for word in ("--form-string", f"{name}={value}")]
        return await self._run(*fields, "--form", f"file=@{path}", form.url)

    async def _run(self, *arguments: str, body: bytes | None = None) -> Answer:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "curl", "--silent", "--show-error", "--include", *arguments, stdin=pipe, stdout=pipe
        )
        output, _ = await process.communicate(body or b"")
        assert process.returncode == 0
        # An interim answer may come before the one that counts.
        head, content = re.split(b"\r\n\r\n(?!HTTP/)", output, maxsplit=1)
        status, *lines = head.split(b"\r\n\r\n")[-1].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(status=int(status.split()[1]), headers=headers, body=content)


class InPlaceOfCurl:
    """Where there is no curl: the same with Python's own client."""

    async def send(self, request: PresignedRequest, body: bytes | None = None) -> Answer:
        return await send(request, body)

    async def post(self, form: PresignedPost, file: bytes, folder: Path) -> Answer:
        return await post(form, file, file_name="cat.txt")


@pytest.fixture(params=[Curl if shutil.which("curl") else InPlaceOfCurl], ids=lambda kind: kind.__name__)
def outsider(request: pytest.FixtureRequest) -> Curl | InPlaceOfCurl:
    kind: type[Curl | InPlaceOfCurl] = request.param
    return kind()


@pytest.fixture(params=["swift", "ceph"])
def checking(request: pytest.FixtureRequest) -> tuple[Any, S3Server]:
    """A server that checks signatures, and the name of its vendor."""
    return request.param, request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
async def container(checking: tuple[Any, S3Server], s3_witness: Callable[[S3Server], Any]) -> AsyncIterator[Container]:
    vendor, server = checking
    options: Any = {"endpoint": server.endpoint, "region": server.region, "vendor": vendor}
    async with S3Driver(access_key_id=server.access_key, secret_access_key=server.secret_key, **options) as driver:
        made = await driver.create_container(f"links-{datetime.now(UTC):%H%M%S%f}")
        yield made
        await made.delete()


@pytest.mark.verifies("links: used by curl")
async def test_each_kind_is_used_by_somebody_else(container: Container, outsider: Curl | InPlaceOfCurl) -> None:
    driver, obj = container.driver, container.object(KEY)
    put = await obj.presign("PUT", headers={"Content-Type": "text/x-own", "x-amz-meta-a": "b  c"})
    assert (await outsider.send(put, b"content")).status == 200
    head = await outsider.send(await obj.presign("HEAD"))
    assert (head.status, head.headers["content-type"], head.headers["x-amz-meta-a"]) == (200, "text/x-own", "b  c")
    get = await obj.presign(response_headers={"content-disposition": 'attachment; filename="cat.txt"'})
    got = await outsider.send(get)
    assert (got.status, got.body) == (200, b"content")
    assert got.headers["content-disposition"] == 'attachment; filename="cat.txt"'
    assert (await outsider.send(await obj.presign("DELETE"))).status == 204
    assert (await outsider.send(get)).status == 404

    upload = await container.create_upload(KEY)
    pieces = [b"a" * driver.capabilities.limits.min_part_size_bytes, b"end"]
    parts: list[Part] = []
    for number, piece in enumerate(pieces, 1):
        answer = await outsider.send(await driver.presign_part(upload, number), piece)
        etag = answer.headers["etag"].strip('"')
        parts.append(Part(number=number, offset=sum(part.size for part in parts), size=len(piece), etag=etag))
    await driver.complete_upload(upload, parts)
    assert await obj.read() == b"".join(pieces)


@pytest.mark.verifies("links: forms as curl --form sends them")
@pytest.mark.parametrize("checking", ["ceph"], indirect=True)
async def test_a_form_is_posted_by_somebody_else(
    container: Container, outsider: Curl | InPlaceOfCurl, tmp_path: Path
) -> None:
    """As ``multipart/form-data``, like a browser; each is refused when one character of it is changed."""
    fixed = await container.object("of/cat.txt").presign_post(fields={"Content-Type": "text/x-own"})
    for changed in changed_forms(fixed):
        assert (await outsider.post(changed, b"posted", tmp_path)).status >= 400, changed.fields
    form = await container.object("of/${filename}").presign_post(fields={"Content-Type": "text/x-own"})
    assert [obj.name async for obj in container.list_objects()] == []
    assert (await outsider.post(form, b"posted", tmp_path)).status == 204
    stored = await container.get_object("of/cat.txt")
    assert (await stored.read(), stored.content_type) == (b"posted", "text/x-own")


async def test_a_body_of_which_the_hash_was_signed(container: Container) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    request = await container.object("key").presign("PUT", headers={"x-amz-content-sha256": digest})
    assert (await send(request, b"another")).status == 400
    assert [obj.name async for obj in container.list_objects()] == []
    assert (await send(request, b"content")).status == 200


@pytest.mark.verifies("links: refused when expired")
async def test_what_has_expired(container: Container, checking: tuple[Any, S3Server]) -> None:
    vendor, server = checking
    await container.upload_object(b"content", "key")
    site = make_site(Settings(endpoint=server.endpoint, vendor=VENDORS[vendor]), {}, {})
    signer = Signer(server.region)
    keys = S3Credentials(access_key_id=server.access_key, secret_access_key=server.secret_key)

    async def status(seconds_ago: int, kind: str) -> int:
        then = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        if kind == "form":
            policy = PostPolicy(expires_in_s=60)
            conditions = presigning.form_conditions(container.name, "key", policy)
            url = requests.container_url(site, container.name)
            form = presigning.signed_form(signer, url, "key", policy, conditions, keys, then)
            return (await post(form, b"changed")).status
        options = PresignOptions(expires_in_s=60)
        url = presigning.request_url(site, kind, container.name, "key", options)
        request = presigning.signed_request(signer, kind, url, options, keys, then)
        return (await send(request, b"changed" if kind == "PUT" else None)).status

    kinds = ["GET", "HEAD", "PUT", "DELETE"] + ["form"] * container.driver.capabilities.presign_post
    assert [await status(62, kind) for kind in kinds] == [403] * len(kinds)
    assert await container.object("key").read() == b"content"
    assert {await status(30, kind) for kind in kinds} <= {200, 204}


@pytest.mark.verifies("links: for their host only")
async def test_a_signed_url_is_for_its_host(container: Container) -> None:
    await container.upload_object(b"content", "key")
    request = await container.object("key").presign()
    port = urlsplit(request.url).port
    moved = type(request)(
        method="GET", url=request.url, headers={"Host": f"localhost.:{port}"}, expires_at=request.expires_at
    )
    assert (await send(moved)).status == 403


@pytest.mark.verifies("links: end with their credentials", "credentials: session tokens", on="ceph")
async def test_temporary_credentials(ceph_server: CephServer) -> None:
    """Their token is in what is signed, and what is signed ends with them."""
    keys = await asyncio.to_thread(assume_role, ceph_server)

    async def fetch() -> S3Credentials:
        return keys

    async with S3Driver(
        endpoint=ceph_server.endpoint, region=ceph_server.region, vendor="ceph", credentials=fetch
    ) as driver:
        container = await driver.create_container(f"links-{datetime.now(UTC):%H%M%S%f}")
        form = await container.object("key").presign_post(expires_in_s=86400)
        put = await container.object("other").presign("PUT", expires_in_s=86400)
        get = await container.object("key").presign(expires_in_s=60)
        assert form.expires_at == put.expires_at == keys.expires_at
        assert get.expires_at < put.expires_at
        for request in changed_requests(put):
            assert (await send(request, b"content")).status >= 400, request.url
        for changed in changed_forms(form):
            assert (await post(changed, b"content")).status >= 400, changed.fields
        assert [obj.name async for obj in container.list_objects()] == []
        assert (await post(form, b"content")).status == 204
        assert (await send(put, b"content")).status == 200
        assert (await send(get)).body == b"content"
        await container.delete()


def role_of(server: S3Server, name: str) -> str:
    """The ARN of a role that may do everything."""
    statement = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/tests"]}, "Action": ["sts:AssumeRole"]}
    permission = {"Effect": "Allow", "Action": ["s3:*"], "Resource": "arn:aws:s3:::*"}
    with closing(boto3.client("iam", **options_of(server))) as iam:
        role = iam.create_role(RoleName=name, Path="/", AssumeRolePolicyDocument=document(statement))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document(permission))
        arn: str = role["Arn"]
    return arn


def assume_role(server: S3Server) -> S3Credentials:
    """Credentials that last for a quarter of an hour."""
    role = role_of(server, "links")
    with closing(boto3.client("sts", **options_of(server))) as sts:
        found = sts.assume_role(RoleArn=role, RoleSessionName="links", DurationSeconds=900)["Credentials"]
    return S3Credentials(
        access_key_id=found["AccessKeyId"],
        secret_access_key=found["SecretAccessKey"],
        session_token=found["SessionToken"],
        expires_at=found["Expiration"],
    )


def options_of(server: S3Server) -> dict[str, Any]:
    return {
        "endpoint_url": server.endpoint,
        "region_name": server.region,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
    }


def document(statement: dict[str, Any]) -> str:
    # Without spaces: Ceph does not take the plus, as which a form has them, for one.
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
