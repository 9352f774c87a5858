"""What the contract does not ask for, on Azurite: who may ask, and what only Azure has."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import ssl
from base64 import b64encode, urlsafe_b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Unpack
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_container_sas,
)

from aiostorage import AzureDriver, RetryPolicy
from aiostorage.errors import (
    AuthenticationError,
    ChecksumMismatchError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    StorageError,
    UnsupportedError,
)
from aiostorage.models import ByteRange, ObjectRef, WriteOptions
from aiostorage.providers.azure import credentials, requests, signing
from aiostorage.providers.azure.administration import AzureAdministration
from aiostorage.providers.azure.backend import AzureBackend
from tests.contract.azure_witness import service_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from azure.storage.blob import BlobServiceClient

    from aiostorage import Container
    from aiostorage.models import PresignedRequest
    from aiostorage.providers.azure.config import AzureOptions
    from tests.servers.azurite import AzuriteServer, AzuriteTLSServer

pytestmark = pytest.mark.anyio

PART = 64 * 1024
KEY = "a b/é+%41&=?#.txt"


@dataclass(frozen=True)
class Token:
    token: str
    expires_on: int


class Identity:
    """A credential like those of ``azure.identity.aio``, whose tokens Azurite believes."""

    def __init__(self, life: timedelta = timedelta(hours=1), audience: str = "https://storage.azure.com") -> None:
        self._life = life
        self._audience = audience
        self.scopes: list[tuple[str, ...]] = []

    async def get_token(self, *scopes: str) -> Token:
        self.scopes.append(scopes)
        await asyncio.sleep(0)
        now = datetime.now(UTC)
        expires = int((now + self._life).timestamp())
        claims = {
            "aud": self._audience,
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "nbf": int(now.timestamp()) - 60,
            "iat": int(now.timestamp()) - 60,
            "exp": expires,
            "oid": "23657296-5cd5-45b0-a809-d972a7f4dfe1",
            "tid": "dd0d0df1-06c3-436c-8034-4b9a153097ce",
        }
        pieces = [{"alg": "RS256", "typ": "JWT"}, claims]
        encoded = [urlsafe_b64encode(json.dumps(piece).encode()).rstrip(b"=").decode() for piece in pieces]
        return Token(".".join([*encoded, "c2ln"]), expires)


@asynccontextmanager
async def driver_of(server: AzuriteServer, **options: Unpack[AzureOptions]) -> AsyncIterator[AzureDriver]:
    given: AzureOptions = {
        "endpoint": server.endpoint,
        "account_name": server.account,
        "ca_bundle": server.ca_bundle,
        "retry": RetryPolicy(max_attempts=1),
        **options,
    }
    async with AzureDriver(**given) as driver:
        yield driver


@pytest.fixture
async def driver(azurite_server: AzuriteServer) -> AsyncIterator[AzureDriver]:
    async with driver_of(azurite_server, account_key=azurite_server.key) as driver:
        yield driver


@pytest.fixture
async def container(driver: AzureDriver) -> AsyncIterator[Container]:
    container = await driver.create_container(f"test-{secrets.token_hex(8)}")
    yield container
    await container.delete()


@pytest.fixture
def witness(azurite_server: AzuriteServer) -> Iterator[BlobServiceClient]:
    with service_client(azurite_server) as client:
        yield client


async def send(
    request: PresignedRequest, body: bytes | None = None, context: ssl.SSLContext | None = None
) -> tuple[int, dict[str, str], bytes]:
    """The answer to somebody without credentials."""

    def exchange() -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(request.url)
        connection = (
            http.client.HTTPConnection(parts.netloc)
            if context is None
            else http.client.HTTPSConnection(parts.netloc, context=context)
        )
        try:
            target = parts._replace(scheme="", netloc="", fragment="").geturl()
            connection.request(request.method, target, body, dict(request.headers))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.headers.items()}, response.read()
        finally:
            connection.close()

    return await asyncio.to_thread(exchange)


# Who asks


@pytest.mark.verifies("credentials: account key", on="azurite")
async def test_a_wrong_key_is_refused(azurite_server: AzuriteServer) -> None:
    wrong = b64encode(b"hunter2" * 9).decode()
    async with driver_of(azurite_server, account_key=wrong) as driver:
        with pytest.raises(PermissionDeniedError) as caught:
            await driver.create_container("refused")
    assert wrong not in f"{caught.value!r}{caught.value}"


@pytest.mark.verifies("credentials: connection string", on="azurite")
async def test_a_connection_string(azurite_server: AzuriteServer) -> None:
    string = azurite_server.environ()["AZURE_STORAGE_CONNECTION_STRING"]
    async with AzureDriver(connection_string=string) as driver:
        container = await driver.create_container(f"test-{secrets.token_hex(8)}")
        await container.upload_object(b"content", KEY)
        assert await container.object(KEY).read() == b"content"
        await container.delete()
    assert azurite_server.key not in repr(driver.backend)


@pytest.mark.verifies("credentials: SAS of an account", on="azurite")
async def test_a_signature_of_the_account(azurite_server: AzuriteServer, container: Container) -> None:
    token = await asyncio.to_thread(
        generate_account_sas,
        azurite_server.account,
        azurite_server.key,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True, tag=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    async with driver_of(azurite_server, sas_token=f"?{token}") as driver:
        where = driver.container(container.name)
        # Azurite knows no rights of accounts' signatures for blocks from URLs and for batches, and answers 500.
        await everything_works(where, copies_blocks=False, has_batches=False)
        with pytest.raises(AuthenticationError, match="cannot sign others"):
            await where.object("key").presign()


@pytest.mark.verifies("credentials: SAS of an account", on="azurite")
async def test_a_signature_of_the_account_that_is_ours(azurite_server: AzuriteServer, container: Container) -> None:
    key = credentials.SharedKey(account_name=azurite_server.account, account_key=b64decoded(azurite_server.key))
    until = datetime.now(UTC) + timedelta(hours=1)
    token = signing.account_sas(key, permissions="rl", resource_types="co", expires_at=until)
    await container.upload_object(b"content", KEY)
    async with driver_of(azurite_server, sas_token=token) as driver:
        where = driver.container(container.name)
        assert [obj.name async for obj in where.list_objects()] == [KEY]
        assert await where.object(KEY).read() == b"content"
        with pytest.raises(PermissionDeniedError):
            await where.upload_object(b"content", "other")


def b64decoded(text: str) -> bytes:
    from base64 import b64decode

    return b64decode(text)


@pytest.mark.verifies("credentials: SAS of a container", on="azurite")
async def test_a_signature_of_a_container(azurite_server: AzuriteServer, container: Container) -> None:
    token = await asyncio.to_thread(
        generate_container_sas,
        azurite_server.account,
        container.name,
        account_key=azurite_server.key,
        permission=ContainerSasPermissions(read=True, write=True, delete=True, list=True, create=True, tag=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    async with driver_of(azurite_server, sas_token=token) as driver:
        await everything_works(driver.container(container.name))
        with pytest.raises(PermissionDeniedError):
            await driver.create_container(f"{container.name}-2")


@pytest.mark.verifies("credentials: nobody (public containers)", on="azurite")
async def test_nobody_may_read_what_is_public(driver: AzureDriver, azurite_server: AzuriteServer) -> None:
    public = await driver.create_container(
        f"test-{secrets.token_hex(8)}", acl="container", extra={"metadata.purpose": "tests"}
    )
    await public.upload_object(b"content", KEY)
    assert public.name is not None
    found = await driver.get_container(public.name)
    assert found.extra["public_access"] == "container"
    assert found.extra["metadata.purpose"] == "tests"
    async with driver_of(azurite_server, anonymous=True) as anonymous:
        where = anonymous.container(public.name)
        assert await where.object(KEY).read() == b"content"
        assert [obj.name async for obj in where.list_objects()] == [KEY]
        with pytest.raises(StorageError):
            await where.upload_object(b"other", KEY)
        with pytest.raises(AuthenticationError):
            await where.object(KEY).presign()
    await public.delete()


async def test_options_of_a_container_that_azure_has_not(driver: AzureDriver) -> None:
    with pytest.raises(InvalidArgumentError):
        await driver.create_container("container", region="westeurope")
    with pytest.raises(InvalidArgumentError, match="nothing is known of colour"):
        await driver.create_container("container", extra={"colour": "red"})
    with pytest.raises(InvalidArgumentError):
        await driver.create_container("container", acl="public-read")


# Over TLS, with tokens


@pytest.fixture
async def secure(azurite_tls_server: AzuriteTLSServer) -> AsyncIterator[AzureDriver]:
    async with driver_of(azurite_tls_server, credential=Identity()) as driver:
        yield driver


@pytest.mark.verifies("credentials: bearer token over TLS", on="azurite")
async def test_a_bearer_token(secure: AzureDriver) -> None:
    container = await secure.create_container(f"test-{secrets.token_hex(8)}")
    # Azurite does not trust its own certificate, and so copies no block from itself.
    await everything_works(container, copies_blocks=False)
    await container.delete()


async def test_the_token_is_asked_for_once(azurite_tls_server: AzuriteTLSServer) -> None:
    identity = Identity()
    async with driver_of(azurite_tls_server, credential=identity) as driver:
        assert await asyncio.gather(*[names_of(driver) for _ in range(5)])
    assert identity.scopes == [("https://storage.azure.com/.default",)]


async def names_of(driver: AzureDriver) -> list[str]:
    return [container.name async for container in driver.list_containers()]


async def test_a_token_for_somebody_else_is_refused(azurite_tls_server: AzuriteTLSServer) -> None:
    async with driver_of(azurite_tls_server, credential=Identity(audience="https://example.com")) as driver:
        with pytest.raises((AuthenticationError, PermissionDeniedError)):
            await driver.create_container("refused")


async def test_the_key_works_over_tls_too(azurite_tls_server: AzuriteTLSServer) -> None:
    async with driver_of(azurite_tls_server, account_key=azurite_tls_server.key) as driver:
        container = await driver.create_container(f"test-{secrets.token_hex(8)}")
        await everything_works(container, copies_blocks=False)
        await container.delete()


@pytest.mark.verifies("links: in the name of an identity (user delegation)", on="azurite")
async def test_presigning_in_the_name_of_an_identity(secure: AzureDriver, azurite_tls_server: AzuriteTLSServer) -> None:
    context = await asyncio.to_thread(lambda: ssl.create_default_context(cafile=azurite_tls_server.ca_bundle))
    container = await secure.create_container(f"test-{secrets.token_hex(8)}")
    obj = container.object(KEY)
    put = await obj.presign("PUT", headers={"Content-Type": "text/x-own"})
    assert (await send(put, b"content", context))[0] == 201
    get = await obj.presign(response_headers={"content-disposition": "attachment"})
    status, headers, body = await send(get, context=context)
    assert (status, body, headers["content-type"]) == (200, b"content", "text/x-own")
    assert headers["content-disposition"] == "attachment"
    assert "skoid=" in get.url
    with pytest.raises(InvalidArgumentError):
        await obj.presign(expires_in_s=8 * 24 * 3600)
    await container.delete()


async def everything_works(container: Container, *, copies_blocks: bool = True, has_batches: bool = True) -> None:
    """The kinds of requests that there are, each signed in its own way."""
    data = bytes(range(256)) * 512
    await container.upload_object(data, KEY, part_size_bytes=PART, metadata={"note": "Grüße 😀", "dash-name": ""})
    found = await container.get_object(KEY)
    assert dict(found.metadata) == {"note": "Grüße 😀", "dash-name": ""}
    assert await found.read() == data
    assert await found.read(byte_range=(10, 20)) == data[10:20]
    await found.copy_to(container, "copy")
    if copies_blocks:
        await found.copy_to(container, "other copy", content_type="text/x-own")
        assert await container.object("other copy").read() == data
    await container.upload_object(b"", "empty", tags={"a b": "c/d"})
    listed = [obj.name async for obj in container.list_objects(start_after="a", page_size=1)]
    assert listed[:2] == [KEY, "copy"]
    if has_batches:
        outcomes = await container.delete_objects([*listed, "missing"])
        assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    for name in listed:
        await container.delete_object(name)
    assert [obj.name async for obj in container.list_objects()] == []


# Presigning


@pytest.mark.verifies("uploads: a presigned block", on="azurite")
async def test_a_presigned_part(container: Container) -> None:
    driver = container.driver
    upload = await driver.create_upload(container, KEY)
    for number, piece in ((1, b"first, "), (2, b"second")):
        request = await driver.presign_part(upload, number)
        assert (await send(request, piece))[0] == 201
    parts = [part async for part in driver.list_parts(upload)]
    assert [(part.number, part.size) for part in parts] == [(1, 7), (2, 6)]
    obj = await driver.complete_upload(upload, parts)
    assert await obj.read() == b"first, second"


async def test_headers_of_an_answer_that_cannot_be_replaced(container: Container) -> None:
    with pytest.raises(UnsupportedError):
        await container.object(KEY).presign(response_headers={"expires": "never"})


# What only Azure has


def azure(container: Container) -> AzureAdministration:
    found = container.driver.backend.administration()
    assert isinstance(found, AzureAdministration)
    return found


async def test_tags(container: Container) -> None:
    obj = await container.upload_object(b"content", KEY, tags={"a b": "c/d", "project": "x=y+z"})
    assert await container.driver.get_tags(obj) == {"a b": "c/d", "project": "x=y+z"}
    await container.driver.set_tags(obj, {"only": "this"})
    assert await container.driver.get_tags(obj) == {"only": "this"}
    assert (await obj.refresh()).info is not None
    await container.driver.set_tags(obj, {})
    assert await container.driver.get_tags(obj) == {}


@pytest.mark.verifies("objects: found by tags", on="azurite")
async def test_objects_are_found_by_their_tags(container: Container) -> None:
    stage = f"draft-{container.name}"
    for name, tags in (("a b", {"stage": stage}), ("c", {"stage": stage, "year": "2026"}), ("d", {"stage": "final"})):
        await container.upload_object(b"content", name, tags=tags)
    expression = f"\"stage\" = '{stage}'"
    for where in (container.name, None):
        page = await azure(container).find_by_tags(expression, container=where)
        assert {(ref.container, ref.key) for ref in page.items} == {(container.name, "a b"), (container.name, "c")}
    narrow = await azure(container).find_by_tags(f"{expression} AND \"year\" >= '2026'", container=container.name)
    assert [ref.key for ref in narrow.items] == ["c"]
    with pytest.raises(InvalidArgumentError):
        await azure(container).find_by_tags("no expression", container=container.name)


@pytest.mark.parametrize(
    "digest",
    [{"x-ms-content-crc64": b64encode(bytes(8)).decode()}, {"content-md5": b64encode(bytes(16)).decode()}],
    ids=["crc64", "md5"],
)
@pytest.mark.verifies("objects: refused with a wrong MD5 or CRC-64", on="azurite")
async def test_a_body_that_is_not_what_it_should_be(
    azurite_server: AzuriteServer, container: Container, digest: dict[str, str]
) -> None:
    once = RetryPolicy(max_attempts=1)
    async with driver_of(azurite_server, account_key=azurite_server.key, retry=once) as driver:
        backend, options = driver.backend, WriteOptions()
        assert isinstance(backend, AzureBackend)
        body, upload = b"content", await backend.create_upload(container.name, KEY, options)
        site, http = backend._site, backend._http
        for request in (
            requests.put_object(site, container.name, KEY, body, options, digests=digest, on_sent=None),
            requests.upload_part(site, upload, 1, body, digests=digest, on_sent=None),
        ):
            with pytest.raises(ChecksumMismatchError):
                await http.send(request)


@pytest.mark.verifies("objects: updated with their MD5 kept", on="azurite")
async def test_what_is_updated_in_place(container: Container) -> None:
    obj = await container.upload_object(b"content", KEY, content_type="text/x-a", metadata={"a": "1", "b": "2"})
    changed = await container.driver.update_object(obj, cache_control="no-store", metadata={"b": None, "c": "3"})
    assert changed.info is not None
    assert (changed.content_type, changed.info.cache_control) == ("text/x-a", "no-store")
    assert dict(changed.metadata) == {"a": "1", "c": "3"}
    assert await changed.read() == b"content"
    assert changed.object_hash == obj.object_hash  # Azure forgets the MD5 that is not said again


@pytest.mark.verifies("objects: tiers", on="azurite")
async def test_tiers(container: Container) -> None:
    obj = await container.upload_object(b"content", KEY, storage_class="Cool")
    assert (await obj.refresh()).info is not None
    assert obj.info is not None
    assert obj.info.storage_class == "Cool"
    archived = await container.driver.update_object(obj, storage_class="Archive")
    assert archived.info is not None
    assert archived.info.storage_class == "Archive"
    with pytest.raises(PreconditionFailedError, match="archive"):
        await obj.read()
    await container.driver.restore_object(obj)
    with pytest.raises(UnsupportedError):
        await container.driver.restore_object(obj, days=3)


@pytest.mark.verifies("versions: snapshots", on="azurite")
async def test_snapshots(container: Container) -> None:
    obj = await container.upload_object(b"first", KEY)
    ref = ObjectRef(container=container.name, key=KEY)
    snapshot = await azure(container).create_snapshot(ref)
    await container.upload_object(b"second", KEY)
    old = container.object(KEY, version_id=snapshot)
    assert await old.read() == b"first"
    assert await obj.read() == b"second"
    assert (await send(await old.presign()))[2] == b"first"
    await old.copy_to(container, "restored")
    assert await container.object("restored").read() == b"first"
    page = await azure(container).list_snapshots(container.name)
    assert [(info.key, info.version_id, info.is_latest) for info in page.items] == [(KEY, snapshot, False)]
    await old.delete()
    with pytest.raises(ObjectNotFoundError):
        await old.read()
    await azure(container).create_snapshot(ref)
    await obj.delete()  # and its snapshots with it
    assert (await azure(container).list_snapshots(container.name)).items == []


async def test_snapshots_that_are_to_stay(azurite_server: AzuriteServer, container: Container) -> None:
    obj = await container.upload_object(b"first", KEY)
    snapshot = await azure(container).create_snapshot(ObjectRef(container=container.name, key=KEY))
    async with driver_of(azurite_server, account_key=azurite_server.key, delete_snapshots=False) as careful:
        with pytest.raises(PreconditionFailedError, match="snapshots"):
            await careful.container(container.name).object(KEY).delete()
    assert await container.object(KEY, version_id=snapshot).read() == await obj.read() == b"first"


@pytest.mark.verifies("objects: leases", on="azurite")
async def test_leases(container: Container) -> None:
    obj = await container.upload_object(b"first", KEY)
    ref = ObjectRef(container=container.name, key=KEY)
    lease_id = await azure(container).lease(ref, "acquire", duration_s=15)
    assert lease_id is not None
    with pytest.raises(PreconditionFailedError):
        await container.upload_object(b"second", KEY)
    with pytest.raises(PreconditionFailedError):
        await obj.delete()
    await container.upload_object(b"second", KEY, extra={"lease_id": lease_id})
    assert await azure(container).lease(ref, "renew", lease_id=lease_id) == lease_id
    await azure(container).lease(ref, "release", lease_id=lease_id)
    await container.upload_object(b"third", KEY)
    await azure(container).lease(ref, "acquire")
    await azure(container).lease(ref, "break", duration_s=0)
    await obj.delete()


async def test_what_extra_may_hold(container: Container) -> None:
    with pytest.raises(InvalidArgumentError, match="colour"):
        await container.upload_object(b"content", KEY, extra={"colour": "red"})


@pytest.mark.verifies("objects: append and page blobs read", on="azurite")
async def test_append_and_page_blobs_are_read(container: Container, witness: BlobServiceClient) -> None:
    def write() -> None:
        append = witness.get_blob_client(container.name, "append")
        append.create_append_blob()
        append.append_block(b"content")
        page = witness.get_blob_client(container.name, "page")
        page.create_page_blob(1024)
        page.upload_page(b"x" * 512, 0, 512)

    await asyncio.to_thread(write)
    assert await container.object("append").read() == b"content"
    assert await container.object("page").read() == b"x" * 512 + bytes(512)
    listed = {obj.name: obj.info.extra["blob_type"] async for obj in container.list_objects() if obj.info}
    assert listed == {"append": "AppendBlob", "page": "PageBlob"}
    await container.object("append").copy_to(container, "copy")
    assert await container.object("copy").read() == b"content"


async def test_a_copy_of_nothing_with_other_headers(container: Container) -> None:
    """There are no blocks of nothing."""
    source = await container.upload_object(b"", KEY)
    copy = await source.copy_to(container, "copy", content_type="text/x-own", metadata={"a": "1"})
    await copy.refresh()
    assert (copy.size, copy.content_type, dict(copy.metadata)) == (0, "text/x-own", {"a": "1"})


@pytest.mark.verifies("copies: large ones by blocks from a URL", on="azurite")
async def test_a_large_copy_is_made_of_ranges(container: Container) -> None:
    """What is larger than Azure copies at once goes by blocks, each of which is a range of the source."""
    backend = container.driver.backend
    data = bytes(range(256)) * 1000
    await container.upload_object(data, KEY)
    source = ObjectRef(container=container.name, key=KEY)
    upload = await backend.create_upload(container.name, "copy", WriteOptions(content_type="text/x-own"))
    parts = [
        await backend.copy_part(upload, number, source, ByteRange(start, min(start + 100_000, len(data))))
        for number, start in enumerate(range(0, len(data), 100_000), 1)
    ]
    await backend.complete_upload(upload, parts, WriteOptions(content_type="text/x-own"))
    copy = await container.get_object("copy")
    assert (copy.content_type, await copy.read()) == ("text/x-own", data)


@pytest.mark.verifies("copies: from a URL (waited for)", on="azurite")
async def test_a_copy_from_a_url(container: Container) -> None:
    source = await container.upload_object(b"content", KEY, metadata={"a": "1"})
    url = (await source.presign()).url
    info = await azure(container).copy_from_url(url, container.name, "copy")
    assert (info.size, dict(info.metadata), info.extra["copy_status"]) == (7, {"a": "1"}, "success")
    assert await container.object("copy").read() == b"content"
    with pytest.raises(StorageError) as caught:
        await azure(container).copy_from_url(url.replace("sig=", "sig=x"), container.name, "copy")
    assert "sig=" not in str(caught.value)
    with pytest.raises(InvalidArgumentError):
        await azure(container).copy_from_url("file:///etc/passwd", container.name, "copy")


@pytest.mark.verifies("containers: public access and stored policies", on="azurite")
async def test_documents_of_a_container(container: Container) -> None:
    driver = container.driver
    assert await driver.get_setting(container, "public_access") is None
    assert await driver.get_setting(container, "acl") is None
    policies = (
        "<SignedIdentifiers><SignedIdentifier><Id>readers</Id><AccessPolicy><Expiry>2030-01-01T00:00:00.0000000Z"
        "</Expiry><Permission>r</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>"
    )
    await driver.set_setting(container, "acl", policies)
    await driver.set_setting(container, "public_access", "blob")
    assert await driver.get_setting(container, "public_access") == "blob"
    assert "<Id>readers</Id>" in (await driver.get_setting(container, "acl") or "")
    await driver.delete_setting(container, "acl")
    assert await driver.get_setting(container, "acl") is None
    assert await driver.get_setting(container, "public_access") == "blob"
    await driver.delete_setting(container, "public_access")
    assert await driver.get_setting(container, "public_access") is None


@pytest.mark.verifies("containers: metadata", on="azurite")
async def test_metadata_of_a_container(container: Container) -> None:
    await container.driver.set_container_tags(container, {"Team": "Blau und Grün", "dash-name": "x"})
    assert await container.driver.get_container_tags(container) == {"team": "Blau und Grün", "dash-name": "x"}


async def test_a_deletion_by_etag(container: Container) -> None:
    first = await container.upload_object(b"first", KEY)
    second = await container.upload_object(b"second", KEY)
    with pytest.raises(PreconditionFailedError):
        await container.driver.delete_object(first, if_match=first.etag)
    await container.driver.delete_object(second, if_match=second.etag)
    with pytest.raises(ObjectNotFoundError):
        await second.read()


# Uploads by parts, and what stays of them


async def test_an_aborted_upload_leaves_what_was_there(container: Container, witness: BlobServiceClient) -> None:
    """Neither its content nor its etag changes, though the blocks stay beside it."""
    backend = container.driver.backend
    obj = await container.upload_object(b"first", KEY)
    upload = await backend.create_upload(container.name, KEY, WriteOptions())
    await backend.upload_part(upload, 1, 0, b"part")
    await backend.abort_upload(upload)
    etag = obj.etag
    assert (await obj.refresh()).etag == etag
    assert await obj.read() == b"first"
    blob = witness.get_blob_client(container.name, KEY)
    assert len((await asyncio.to_thread(blob.get_block_list, "uncommitted"))[1]) == 1
    await container.upload_object(bytes(PART + 1), KEY, part_size_bytes=PART)
    assert (await asyncio.to_thread(blob.get_block_list, "uncommitted"))[1] == []


@pytest.mark.verifies("uploads: blocks of others spared", on="azurite")
async def test_an_abort_spares_the_uploads_of_others(container: Container, witness: BlobServiceClient) -> None:
    backend = container.driver.backend
    ours, theirs = [await backend.create_upload(container.name, KEY, WriteOptions()) for _ in range(2)]
    part = await backend.upload_part(theirs, 1, 0, b"theirs")
    await backend.upload_part(ours, 1, 0, b"ours")
    await backend.abort_upload(ours)
    obj = await backend.complete_upload(theirs, [part], WriteOptions())
    assert obj.size == 6
    assert await container.object(KEY).read() == b"theirs"


async def test_the_last_of_several_aborts_removes_all(container: Container, witness: BlobServiceClient) -> None:
    backend = container.driver.backend
    uploads = [await backend.create_upload(container.name, KEY, WriteOptions()) for _ in range(2)]
    for upload in uploads:
        await backend.upload_part(upload, 1, 0, b"part")
    listed = await backend.list_uploads(container.name, prefix="", token=None)
    assert {upload.upload_id for upload in listed.items} == {upload.upload_id for upload in uploads}
    for upload in uploads:
        await backend.abort_upload(upload)
    assert (await backend.list_uploads(container.name, prefix="", token=None)).items == []
    where = witness.get_container_client(container.name)
    assert await asyncio.to_thread(lambda: list(where.list_blob_names(include=["uncommittedblobs"]))) == []
