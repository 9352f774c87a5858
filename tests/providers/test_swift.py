"""What Swift has and others have not, on a real cluster; python-swiftclient looks at what is there."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from swiftclient import Connection

from aiostorage import SwiftDriver
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    InvalidNameError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionFailedError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import ByteRange, CustomerKey, ObjectRef, PresignOptions, ReadOptions, Upload, WriteOptions
from aiostorage.providers.swift.presigning import FormPost
from aiostorage.providers.swift.tokens import SwiftToken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiostorage import Container, PresignedRequest
    from tests.servers.ceph import CephServer
    from tests.servers.keystone import KeystoneServer
    from tests.servers.swift import SwiftServer

pytestmark = pytest.mark.anyio

PART = 64 * 1024
LARGE = bytes(range(256)) * 1024  # four parts
OTHER = LARGE[::-1]


@pytest.fixture(scope="module")
def witness(swift_server: SwiftServer) -> Connection:
    connection = Connection(swift_server.auth_url, swift_server.access_key, swift_server.secret_key)
    connection.post_account({"X-Account-Meta-Temp-URL-Key": "a key of the tests"})
    return connection


@pytest.fixture
async def driver(swift_server: SwiftServer, witness: Connection) -> AsyncIterator[SwiftDriver]:
    assert witness  # it has set the account's key
    driver = SwiftDriver(
        auth_url=swift_server.auth_url,
        username=swift_server.access_key,
        password=swift_server.secret_key,
        part_size_bytes=PART,
    )
    async with driver:
        await driver.read_info()
        yield driver


@pytest.fixture
async def container(driver: SwiftDriver) -> AsyncIterator[Container]:
    container = await driver.create_container(f"own-{secrets.token_hex(6)}")
    yield container
    await container.delete()
    assert [found.name async for found in driver.list_containers(prefix=container.name)] == []


@pytest.fixture
def listed(witness: Connection, container: Container) -> Callable[[], Any]:
    """The names of the segments of the container's objects."""

    async def names() -> list[str]:
        _, found = await asyncio.to_thread(lambda: witness.get_container(f"{container.name}_segments"))
        return [entry["name"] for entry in found]

    return names


async def in_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.to_thread(call, *args, **kwargs)


# Listing


async def test_ceph_has_more_objects_than_it_lists_at_once(ceph_server: CephServer) -> None:
    """It announces 10,000 names on a page, and gives 1,000."""
    login = (ceph_server.auth_url, ceph_server.swift_user, ceph_server.secret_key)
    names = sorted(f"{number % 3}/{number:04}" for number in range(1005))
    container = f"own-{secrets.token_hex(6)}"

    def put_all() -> None:
        with contextlib.closing(Connection(*login)) as connection:
            connection.put_container(container)
            for name in names:
                connection.put_object(container, name, b"")

    await in_thread(put_all)
    async with SwiftDriver(auth_url=login[0], username=login[1], password=login[2]) as driver:
        assert [obj.name async for obj in driver.list_objects(container)] == names
        folders = [item.name async for item in driver.list_objects(container, delimiter="/", page_size=1)]
        assert folders == ["0/", "1/", "2/"]
        await driver.delete_container(container)


# Large objects


@pytest.mark.verifies("objects: segments go with them", on="swift")
async def test_segments_go_with_their_object(container: Container, listed: Callable[[], Any]) -> None:
    obj = await container.upload_object(LARGE, "a/b c")
    assert len(await listed()) == 4
    assert all(name.startswith("a/b c/slo/") for name in await listed())
    await obj.delete()
    assert await listed() == []


@pytest.mark.parametrize("how", ["small", "large", "copy", "copy of itself"])
@pytest.mark.verifies("objects: segments go when they are replaced", on="swift")
async def test_segments_go_when_their_object_is_replaced(
    container: Container, listed: Callable[[], Any], how: str
) -> None:
    obj = await container.upload_object(LARGE, "key")
    before = set(await listed())
    match how:
        case "small":
            await container.upload_object(b"small", "key")
        case "large":
            await container.upload_object(OTHER, "key")
        case "copy":
            await (await container.upload_object(b"small", "other")).copy_to(container, "key")
        case _:
            await obj.copy_to(container, "key", content_type="text/x-own")
    assert not before & set(await listed())
    expected = {"large": OTHER, "copy of itself": LARGE}.get(how, b"small")
    assert await container.object("key").read() == expected


async def test_a_copy_shares_nothing_with_its_source(container: Container, listed: Callable[[], Any]) -> None:
    obj = await container.upload_object(LARGE, "key", metadata={"owner": "Ada"})
    copy = await obj.copy_to(container, "copy")
    await obj.delete()
    assert await listed() == []
    assert await copy.read() == LARGE
    assert dict((await copy.refresh()).metadata) == {"owner": "Ada"}


@pytest.mark.verifies("objects: large ones copied by the server", on="swift")
async def test_a_copy_by_parts(driver: SwiftDriver, container: Container) -> None:
    backend = driver.backend
    await container.upload_object(LARGE, "key")
    upload = await backend.create_upload(container.name, "copy", WriteOptions())
    source = ObjectRef(container=container.name, key="key")
    ranges = [ByteRange(0, 100_000), ByteRange(100_000, len(LARGE))]
    parts = [await backend.copy_part(upload, number, source, part) for number, part in enumerate(ranges, 1)]
    await container.delete_object("key")
    await backend.complete_upload(upload, parts, WriteOptions())
    assert await container.object("copy").read() == LARGE


async def test_conditions_on_a_large_object(driver: SwiftDriver, container: Container) -> None:
    """Its etag will do, though it is no hash; also for the source of a copy."""
    obj = await container.upload_object(LARGE, "key")
    etag = (await obj.refresh()).etag
    assert await obj.read(if_match=etag) == LARGE
    assert await obj.read(byte_range=(100_000, 200_000), if_match=etag) == LARGE[100_000:200_000]
    with pytest.raises(NotModifiedError):
        await obj.read(if_none_match=etag)
    with pytest.raises(PreconditionFailedError):
        await obj.read(if_match="another")
    source = ObjectRef(container=container.name, key="key", if_match=etag)
    await driver.backend.copy_object(source, container.name, "copy", None)
    assert await container.object("copy").read() == LARGE
    with pytest.raises(PreconditionFailedError):
        await driver.backend.copy_object(replace(source, if_match="another"), container.name, "copy", None)
    for options in (ReadOptions(part_number=1), ReadOptions(customer_key=CustomerKey(key=bytes(32)))):
        with pytest.raises(UnsupportedError):
            await driver.backend.head_object(container.name, "key", options)


@pytest.mark.verifies("objects: segments of others stay", on="swift")
async def test_segments_of_others_stay(container: Container, witness: Connection, listed: Callable[[], Any]) -> None:
    """A manifest may name what belongs to another object, or to none: that is not ours to remove."""
    await container.upload_object(LARGE, "key")
    segments = await listed()
    place = f"{container.name}_segments"
    await in_thread(witness.put_object, place, "by itself", b"x")
    manifest = [{"path": f"/{place}/{name}"} for name in [*segments, "by itself"]]
    await in_thread(
        witness.put_object, container.name, "shared", json.dumps(manifest), query_string="multipart-manifest=put"
    )
    assert await container.object("shared").read() == LARGE + b"x"
    await container.delete_object("shared")
    assert await listed() == sorted([*segments, "by itself"])
    assert await container.object("key").read() == LARGE
    await in_thread(witness.delete_object, place, "by itself")


async def test_segments_that_swiftclient_has_named(
    container: Container, witness: Connection, listed: Callable[[], Any]
) -> None:
    """They go with their object, too; while it is not there they are nobody's, and stay."""
    place, name = f"{container.name}_segments", "key/slo/1700000000.00/4/2/00000000"
    await in_thread(witness.put_container, place)
    await in_thread(witness.put_object, place, name, b"abcd")
    assert [upload async for upload in container.list_uploads()] == []
    manifest = json.dumps([{"path": f"/{place}/{name}"}])
    await in_thread(witness.put_object, container.name, "key", manifest, query_string="multipart-manifest=put")
    assert (await container.delete_objects(["key", "missing"]))[0].error is None
    assert await listed() == []


async def test_many_segments_are_joined_with_signs_of_life(driver: SwiftDriver, container: Container) -> None:
    backend, body = driver.backend, secrets.token_bytes(101)
    upload = await backend.create_upload(container.name, "key", WriteOptions())
    parts = [await backend.upload_part(upload, at + 1, at, body[at : at + 1]) for at in range(101)]
    info = await backend.complete_upload(upload, parts, WriteOptions(content_type="text/x-own"))
    found = await container.get_object("key")
    assert (info.etag, info.size, info.object_hash) == (found.etag, 101, found.object_hash)
    assert found.content_type == "text/x-own"
    broken = await backend.create_upload(container.name, "key", WriteOptions())
    with pytest.raises(UploadNotFoundError):  # inside a 202
        await backend.complete_upload(broken, parts, WriteOptions())
    await backend.abort_upload(broken)
    assert await found.read(byte_range=(0, 5)) == body[:5]


async def test_what_is_an_object_is_no_upload_any_more(driver: SwiftDriver, container: Container) -> None:
    """An upload that was completed cannot be aborted, whoever tries, and however late."""
    backend = driver.backend
    upload = await backend.create_upload(container.name, "key", WriteOptions())
    parts = [await backend.upload_part(upload, 1, 0, b"content")]
    assert [found.upload_id async for found in container.list_uploads()] == [upload.upload_id]
    await backend.complete_upload(upload, parts, WriteOptions())
    assert [found async for found in container.list_uploads()] == []
    for _ in range(2):
        with pytest.raises(UploadNotFoundError):
            await backend.abort_upload(upload)
    with pytest.raises(UploadNotFoundError):
        await backend.list_parts(upload, token=None)
    await backend.complete_upload(upload, parts, WriteOptions())  # again, as after a reply that was lost
    assert await container.object("key").read() == b"content"


async def test_uploads_of_nobody(driver: SwiftDriver, container: Container) -> None:
    backend = driver.backend
    ids = ("../x", "1700000000.000000-0123456789abcdef")
    uploads = [Upload(container=container.name, key="key", upload_id=upload_id) for upload_id in ids]
    for upload in uploads:
        with pytest.raises(UploadNotFoundError):
            await backend.abort_upload(upload)
        with pytest.raises(UploadNotFoundError):
            await backend.list_parts(upload, token=None)
    with pytest.raises(InvalidArgumentError):
        await backend.complete_upload(uploads[1], [], WriteOptions())


async def test_a_name_that_leaves_no_room_for_those_of_segments(container: Container) -> None:
    key = "x" * 1000
    with pytest.raises(InvalidNameError, match="part_size_bytes"):
        await container.upload_object(LARGE, key)
    await container.upload_object(LARGE, key, part_size_bytes=len(LARGE))
    assert await container.object(key).read() == LARGE


@pytest.mark.verifies("objects: dynamic large ones read", on="swift")
async def test_a_dynamic_large_object_is_read_whole(container: Container, witness: Connection) -> None:
    for number, piece in enumerate([b"abc", b"def", b"gh"]):
        await in_thread(witness.put_object, container.name, f"dlo/{number}", piece)
    headers = {"X-Object-Manifest": f"{container.name}/dlo/"}
    await in_thread(witness.put_object, container.name, "whole", b"", headers=headers)
    found = await container.get_object("whole")
    assert (found.size, found.object_hash) == (8, None)
    assert await found.read() == b"abcdefgh"
    assert await found.read(byte_range=(2, 5)) == b"cde"
    assert await (await found.copy_to(container, "copy")).read() == b"abcdefgh"


async def test_older_versions_keep_their_segments(
    driver: SwiftDriver, container: Container, listed: Callable[[], Any]
) -> None:
    await driver.set_versioning(container, is_kept=True)
    assert await driver.get_versioning(container)
    first = await container.upload_object(LARGE, "key")
    await container.upload_object(OTHER, "key")
    await container.upload_object(b"small", "key")
    await container.delete_object("key")
    assert len(await listed()) == 8
    assert [upload async for upload in container.list_uploads()] == []
    marker, small, second, oldest = [obj async for obj in container.list_objects(versions=True)]
    assert (await second.read(), await oldest.read(), await small.read()) == (OTHER, LARGE, b"small")
    assert marker.info is not None
    assert marker.info.is_delete_marker
    await oldest.delete()
    assert len(await listed()) == 4
    outcomes = await container.delete_objects([marker, small])
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert await container.object("key").read() == OTHER
    assert first.size == len(LARGE)


# What goes with an object or a container


@pytest.mark.verifies("objects: expiry", on="swift")
async def test_expiry(
    driver: SwiftDriver, container: Container, witness: Connection, listed: Callable[[], Any]
) -> None:
    """Segments outlive their object by a day; a change of metadata does not make it last for ever."""
    end = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    obj = await container.upload_object(LARGE, "key", extra={"X-Delete-At": str(end)})
    found = await container.get_object("key")
    assert found.extra["x-delete-at"] == str(end)
    headers = await in_thread(witness.head_object, f"{container.name}_segments", (await listed())[0])
    assert headers["x-delete-at"] == str(end + 86_400)
    updated = await driver.update_object(obj, metadata={"owner": "Ada"}, content_language="de")
    assert updated.extra["x-delete-at"] == str(end)
    assert (updated.object_hash, updated.etag) == (found.object_hash, found.etag)
    assert dict(updated.metadata) == {"owner": "Ada"}
    assert updated.info is not None
    assert updated.info.content_language == "de"
    assert await updated.read() == LARGE
    with pytest.raises(InvalidArgumentError, match="x-delete-at"):
        await container.upload_object(b"", "key", extra={"X-Object-Manifest": "x/y"})


async def test_what_a_container_is_told(driver: SwiftDriver, container: Container) -> None:
    assert await driver.get_setting(container, "quota-count") is None
    await driver.set_setting(container, "quota-count", "1")
    assert await driver.get_setting(container, "quota-count") == "1"
    await driver.set_container_tags(container, {"Colour": "grün", "size": "7"})
    await driver.set_container_tags(container, {"colour": "rot"})
    assert await driver.get_container_tags(container) == {"colour": "rot"}
    assert await driver.get_setting(container, "quota-count") == "1"
    await driver.delete_setting(container, "quota-count")
    assert await driver.get_setting(container, "quota-count") is None
    with pytest.raises(InvalidArgumentError):
        await driver.set_container_tags(container, {"quota-count": "7"})


@pytest.mark.verifies("containers: objects and bytes counted", on="swift")
async def test_how_much_is_in_a_container(driver: SwiftDriver, container: Container) -> None:
    await container.upload_object(b"1234", "a")
    await container.upload_object(b"56", "b")
    found = await driver.get_container(container.name)
    assert (found.object_count, found.extra["bytes"]) == (2, "6")
    assert found.created_at is not None
    (shown,) = [item async for item in driver.list_containers(prefix=container.name)]
    assert shown.object_count in {0, 2}  # accounts learn of it later


@pytest.mark.verifies("containers: policies and versions", on="swift")
async def test_how_a_container_is_made(driver: SwiftDriver) -> None:
    name = f"own-{secrets.token_hex(6)}"
    with pytest.raises(InvalidArgumentError):
        await driver.create_container(name, storage_class="no such policy")
    refused: list[Any] = [{"region": "one"}, {"object_lock": True}, {"ownership": "x"}]
    for wrong in refused:
        with pytest.raises(UnsupportedError):
            await driver.create_container(name, **wrong)
    unknown: list[Any] = [{"acl": "everybody"}, {"extra": {"x-object-meta-a": "b"}}]
    for nonsense in unknown:
        with pytest.raises(InvalidArgumentError):
            await driver.create_container(name, **nonsense)
    made = await driver.create_container(name, storage_class="Policy-0", extra={"X-Container-Meta-Quota-Bytes": "10"})
    try:
        assert (await driver.get_container(name)).extra["storage_policy"] == "Policy-0"
        with pytest.raises(InvalidArgumentError, match="quota"):
            await made.upload_object(b"more than ten bytes", "key")
    finally:
        await made.delete()


@pytest.mark.verifies("containers: public", on="swift")
async def test_anybody_reads_a_public_container(driver: SwiftDriver, swift_server: SwiftServer) -> None:
    """Large objects, too, and those that were there before."""
    name = f"own-{secrets.token_hex(6)}"
    public = await driver.create_container(name, acl="public-read")
    async with SwiftDriver(anonymous=True, storage_url=swift_server.storage_url) as anybody:
        try:
            await public.upload_object(LARGE, "large")
            theirs = anybody.container(name)
            assert [obj.name async for obj in theirs.list_objects()] == ["large"]
            assert await theirs.object("large").read() == LARGE
            with pytest.raises(AuthenticationError):
                await theirs.upload_object(b"content", "key")
            await driver.delete_setting(public, "read-acl")
            with pytest.raises(AuthenticationError):
                await theirs.object("large").read()
            await driver.set_setting(public, "read-acl", ".r:*")
            assert await theirs.object("large").read() == LARGE
        finally:
            await public.delete()


@pytest.mark.verifies("objects: refusals inside a success", on="swift")
async def test_deletions_that_are_refused_inside_a_success(
    driver: SwiftDriver, container: Container, swift_server: SwiftServer
) -> None:
    """The answer to a bulk delete is 200, and of each object that could not be deleted it says why."""
    await driver.set_setting(container, "read-acl", "test:reader")
    for key in ("a b", "é"):
        await container.upload_object(b"content", key)
    reader = SwiftDriver(auth_url=swift_server.auth_url, username="test:reader", password="reading")
    async with reader:
        assert await reader.container(container.name).object("a b").read() == b"content"
        outcomes = await reader.container(container.name).delete_objects(["a b", "é"])
        assert [type(outcome.error) for outcome in outcomes] == [PermissionDeniedError, PermissionDeniedError]
    assert [obj.name async for obj in container.list_objects()] == ["a b", "é"]


# Signed requests


async def send(
    request: PresignedRequest, *, body: bytes | None = None, url: str | None = None
) -> tuple[int, Any, bytes]:
    def exchange() -> tuple[int, Any, bytes]:
        parts = urlsplit(url or request.url)
        connection = http.client.HTTPConnection(parts.netloc)
        try:
            connection.request(request.method, f"{parts.path}?{parts.query}", body, dict(request.headers))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    return await asyncio.to_thread(exchange)


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.verifies("links: SHA-256 and SHA-512", on="swift")
async def test_each_digest(swift_server: SwiftServer, container: Container, digest: Any) -> None:
    await container.upload_object(LARGE, "a b/é+%41")
    options: Any = {"auth_url": swift_server.auth_url, "username": "test:tester", "password": "testing"}
    async with SwiftDriver(**options, temp_url_digest=digest) as driver:
        request = await driver.container(container.name).object("a b/é+%41").presign()
        assert (await send(request))[2] == LARGE
        name, _, rest = request.url.partition("temp_url_sig=")
        changed = rest[:20] + ("a" if rest[20] != "a" else "b") + rest[21:]
        assert (await send(request, url=f"{name}temp_url_sig={changed}"))[0] == 401


@pytest.mark.verifies("links: prefix and addresses", on="swift")
async def test_a_prefix_and_addresses(driver: SwiftDriver, container: Container) -> None:
    await container.upload_object(b"one", "photos/é/1")
    await container.upload_object(b"two", "photos/é/2")
    request = await driver.backend.temp_url("GET", container.name, "photos/é/1", prefix="photos/é/")
    assert (await send(request))[2] == b"one"
    assert (await send(request, url=request.url.replace("/1?", "/2?")))[2] == b"two"
    here = await driver.backend.temp_url("GET", container.name, "photos/é/1", ip_range="127.0.0.0/8")
    assert (await send(here))[2] == b"one"
    there = await driver.backend.temp_url("GET", container.name, "photos/é/1", ip_range="10.1.2.3")
    assert (await send(there))[0] == 401
    with pytest.raises(InvalidArgumentError):
        await driver.backend.temp_url("GET", container.name, "other", prefix="photos/")


async def test_what_the_answer_to_a_signed_request_shall_say(driver: SwiftDriver, container: Container) -> None:
    obj = await container.upload_object(b"content", "key.txt")
    request = await driver.backend.temp_url("GET", container.name, obj.name, filename="ein é.txt")
    _, headers, _ = await send(request)
    assert headers["Content-Disposition"].endswith("filename*=UTF-8''ein%20%C3%A9.txt")
    inline = await obj.presign(response_headers={"Content-Disposition": "inline"})
    assert (await send(inline))[1]["Content-Disposition"] == "inline"
    with pytest.raises(UnsupportedError):
        await obj.presign(response_headers={"Content-Type": "text/x-own"})
    with pytest.raises(UnsupportedError):
        await obj.presign(response_headers={"Content-Disposition": 'attachment; filename="a b"'})
    for method, seconds in (("COPY", 60), ("GET", 0)):
        with pytest.raises(InvalidArgumentError):
            await obj.presign(method, expires_in_s=seconds)


async def test_a_signed_part(driver: SwiftDriver, container: Container) -> None:
    backend = driver.backend
    upload = await backend.create_upload(container.name, "key", WriteOptions())
    for number, piece in ((1, b"abc"), (2, b"def")):
        options = PresignOptions(expires_in_s=60, upload=upload, part_number=number)
        assert (await send(await backend.presign("PUT", container.name, "key", options), body=piece))[0] == 201
    parts = (await backend.list_parts(upload, token=None)).items
    await backend.complete_upload(upload, parts, WriteOptions())
    assert await container.object("key").read() == b"abcdef"


async def test_an_older_version_cannot_be_signed_for(driver: SwiftDriver, container: Container) -> None:
    await driver.set_versioning(container, is_kept=True)
    await container.upload_object(b"content", "key")
    (version,) = [obj async for obj in container.list_objects(versions=True)]
    with pytest.raises(UnsupportedError):  # the cluster would serve the latest, whatever the URL says
        await version.presign()


@pytest.mark.verifies("links: forms", on="swift")
async def test_a_signed_form(driver: SwiftDriver, container: Container) -> None:
    """The browser's name of the file is the end of the key."""
    form = await driver.backend.form_post(container.name, "in/", FormPost(max_bytes=20))
    assert "signature" not in repr(form)

    async def post(content: bytes, **changes: str) -> int:
        fields = {**form.fields, **changes}
        lines = [f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
        lines.append('--x\r\nContent-Disposition: form-data; name="file"; filename="a b.txt"\r\n\r\n')
        body = "".join(lines).encode() + content + b"\r\n--x--\r\n"

        def exchange() -> int:
            parts = urlsplit(form.url)
            connection = http.client.HTTPConnection(parts.netloc)
            try:
                connection.request("POST", parts.path, body, {"Content-Type": "multipart/form-data; boundary=x"})
                return connection.getresponse().status
            finally:
                connection.close()

        return await asyncio.to_thread(exchange)

    assert await post(b"content", signature="0" * 64) == 401
    assert await post(b"content") == 201
    assert await container.object("in/a b.txt").read() == b"content"
    assert await post(b"more than twenty bytes of it") == 400


@pytest.mark.verifies("links: a container's key", on="swift")
async def test_a_key_of_the_container(driver: SwiftDriver, swift_server: SwiftServer, container: Container) -> None:
    """Whoever has it can sign without the account's, and without asking for it."""
    await container.upload_object(b"content", "key")
    await driver.backend.set_temp_url_key("another key", container=container.name, is_second=True)
    async with SwiftDriver(anonymous=True, storage_url=swift_server.storage_url, temp_url_key="another key") as other:
        assert (await send(await other.container(container.name).object("key").presign()))[2] == b"content"
    async with SwiftDriver(anonymous=True, storage_url=swift_server.storage_url, temp_url_key="wrong key") as other:
        assert (await send(await other.container(container.name).object("key").presign()))[0] == 401


async def token_of(driver: SwiftDriver) -> SwiftToken:
    return await driver.backend._credentials.get()


# Tokens


@pytest.mark.verifies("credentials: a refused token replaced", on="swift")
async def test_a_token_that_is_refused_is_replaced_once(driver: SwiftDriver, container: Container) -> None:
    good = await token_of(driver)
    soon = datetime.now(UTC) + timedelta(hours=1)
    given = [SwiftToken(value="dead", storage_url=good.storage_url, expires_at=soon), good]

    async def next_token() -> SwiftToken:
        return given.pop(0)

    async with SwiftDriver(credentials=next_token) as renewing:
        await renewing.container(container.name).upload_object(b"content", "key")
    assert given == []
    assert await container.object("key").read() == b"content"


async def test_a_token_that_is_given_is_not_replaced(driver: SwiftDriver, container: Container) -> None:
    url = (await token_of(driver)).storage_url
    async with SwiftDriver(token="dead", storage_url=url) as fixed:
        with pytest.raises(AuthenticationError) as caught:
            await fixed.container(container.name).upload_object(b"content", "key")
        assert caught.value.attempts == 1
    async with SwiftDriver(token=(await token_of(driver)).value, storage_url=url) as fixed:
        await fixed.container(container.name).upload_object(b"content", "key")


async def test_a_wrong_key(swift_server: SwiftServer) -> None:
    async with SwiftDriver(auth_url=swift_server.auth_url, username="test:tester", password="geheim") as driver:
        with pytest.raises(AuthenticationError) as caught:
            await driver.create_container("never")
        assert "geheim" not in str(caught.value)


# Keystone


def keystone(server: KeystoneServer, **options: Any) -> SwiftDriver:
    return SwiftDriver(auth_url=server.auth_url, **options)


@pytest.mark.verifies(
    "credentials: Keystone 3 by password",
    "credentials: Keystone 3 by application credential",
    "credentials: Keystone 3 by token",
    "credentials: region and interface",
    on="keystone",
)
async def test_each_way_to_log_in(keystone_server: KeystoneServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = keystone_server
    password = {"username": server.access_key, "password": server.secret_key, "project_name": "demo"}
    credential_id, secret = server.application_credential
    unscoped = await in_thread(server.log_in, server.access_key, server.secret_key, None)
    ways: list[dict[str, Any]] = [
        password,
        {**password, "region": server.region, "interface": "internal"},
        {**password, "project_name": None, "project_id": server.project_id, "user_domain_name": "Default"},
        {"application_credential_id": credential_id, "application_credential_secret": secret},
        {
            "application_credential_name": "tests",
            "application_credential_secret": secret,
            "username": server.access_key,
        },
        {"token": unscoped, "project_name": "demo"},
    ]
    for way in ways:
        async with keystone(server, **way) as driver:
            assert [found.name async for found in driver.list_containers(prefix="no-such-")] == []
            assert (await token_of(driver)).storage_url == server.storage_url
    for name, value in server.environ().items():
        monkeypatch.setenv(name, value)
    async with SwiftDriver() as driver:
        await driver.read_info()
        assert driver.capabilities.versioning


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"password": "wrong"}, AuthenticationError),
        ({"project_name": "no such project"}, AuthenticationError),
        ({"region": "RegionThree"}, InvalidArgumentError),
        ({"interface": "admin"}, InvalidArgumentError),
        ({"project_name": None}, InvalidArgumentError),
        ({"auth_version": "2"}, InvalidArgumentError),
    ],
)
async def test_logins_that_fail(
    keystone_server: KeystoneServer, options: dict[str, Any], kind: type[Exception]
) -> None:
    password = {"username": keystone_server.access_key, "password": keystone_server.secret_key, "project_name": "demo"}
    async with keystone(keystone_server, **{**password, **options}) as driver:
        with pytest.raises(kind) as caught:
            await driver.read_info()
    assert keystone_server.secret_key not in str(caught.value)


async def test_who_may_only_read(keystone_server: KeystoneServer) -> None:
    options = {"username": "nobody", "password": "nobody-secret", "project_name": "demo"}
    async with keystone(keystone_server, **options) as driver:
        with pytest.raises(PermissionDeniedError):
            await driver.create_container("never")


@pytest.mark.verifies("credentials: a refused token replaced", on="keystone")
async def test_a_revoked_token_is_replaced(keystone_server: KeystoneServer) -> None:
    """In the middle of the work: the next request that meets 401 logs in again, and goes on."""
    server = keystone_server
    options = {"username": server.access_key, "password": server.secret_key, "project_name": "demo"}
    async with keystone(server, **options) as driver:
        name = f"own-{secrets.token_hex(6)}"
        container = await driver.create_container(name)
        try:
            before = await token_of(driver)
            await in_thread(server.revoke, before.value)
            for _ in range(100):  # the proxy trusts a token for five seconds
                await container.upload_object(b"content", "key")
                if await token_of(driver) is not before:
                    break
                await asyncio.sleep(0.1)
            assert await token_of(driver) is not before
        finally:
            await container.delete()
