"""The backend against a server that plays a script: what goes over the wire, and in which order."""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from types import SimpleNamespace
from typing import TYPE_CHECKING, Unpack
from urllib.parse import parse_qs, urlsplit

import pytest

from aiostorage import AzureDriver, RetryPolicy
from aiostorage.errors import (
    AuthenticationError,
    ContainerNotEmptyError,
    InvalidArgumentError,
    ObjectChangedError,
    PermissionDeniedError,
    PreconditionFailedError,
    ServiceUnavailableError,
    StorageConnectionError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import (
    ByteRange,
    CustomerKey,
    ListQuery,
    ObjectRef,
    Part,
    PresignOptions,
    ReadOptions,
    Retention,
    Upload,
    WriteOptions,
)
from aiostorage.providers.azure import config
from aiostorage.providers.azure.backend import AzureBackend
from aiostorage.providers.azure.blocks import block_name
from tests.scripted import Answer, ScriptedServer, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiostorage.providers.azure.config import AzureOptions
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

SECRET = b64encode(b"hunter2").decode()
UPLOAD = Upload(container="photos", key="k", upload_id="a" * 32)
PARTS = [Part(number=n, offset=-1, size=1, etag=block_name("a" * 32, n)) for n in (1, 2)]
CREATED = Answer(status=201, headers={"ETag": '"0x1"'})
PLAIN = WriteOptions()


@asynccontextmanager
async def backend_of(server: ScriptedServer, **options: Unpack[AzureOptions]) -> AsyncIterator[AzureBackend]:
    options.setdefault("retry", RetryPolicy(base_s=0.0))
    options.setdefault("account_key", SECRET)
    options["endpoint"] = f"{server.url}/account"
    backend = AzureBackend(**options)
    try:
        yield backend
    finally:
        await backend.aclose()


def error(status: int, code: str) -> Answer:
    return Answer(status=status, headers={"x-ms-error-code": code})


def block_list(*names: str, kind: str = "Uncommitted") -> Answer:
    entries = "".join(f"<Block><Name>{name}</Name><Size>1</Size></Block>" for name in names)
    return Answer(body=f"<BlockList><{kind}Blocks>{entries}</{kind}Blocks></BlockList>".encode())


async def test_what_a_write_sends() -> None:
    async with ScriptedServer(CREATED) as server, backend_of(server) as backend:
        options = WriteOptions(content_type="text/plain", metadata={"Dash-Name": "x"}, tags={"a b": "c"})
        info = await backend.put_object("photos", "a b", b"content", options)
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.body) == ("PUT", "/account/photos/a%20b", b"content")
    assert seen.headers["content-md5"] == b64encode(md5(b"content", usedforsecurity=False).digest()).decode()
    assert seen.headers["x-ms-blob-content-type"] == "text/plain"
    assert seen.headers["x-ms-meta-dash_x002d_name"] == "x"
    assert seen.headers["x-ms-tags"] == "a%20b=c"
    assert seen.headers["authorization"].startswith("SharedKey account:")
    assert info.object_hash is not None
    assert (info.etag, info.object_hash.algorithm) == ("0x1", "md5")


@pytest.mark.verifies("containers: a name being deleted waited for", on="fake")
async def test_a_container_that_is_being_removed_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with (
        ScriptedServer(error(409, "ContainerBeingDeleted"), error(409, "ContainerBeingDeleted"), CREATED) as server,
        backend_of(server) as backend,
    ):
        monkeypatch.setattr(backend._http, "_sleep", sleep)
        await backend.create_container("photos")
    assert waits == [10.0, 10.0]


async def test_a_full_container_is_not_removed() -> None:
    listing = b"<EnumerationResults><Blobs><Blob><Name>k</Name></Blob></Blobs><NextMarker/></EnumerationResults>"
    async with ScriptedServer(Answer(body=listing)) as server, backend_of(server) as backend:
        with pytest.raises(ContainerNotEmptyError):
            await backend.delete_container("photos")
    assert [seen.method for seen in server.seen] == ["GET"]


# Writes under a condition


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_conditional_write_whose_answer_was_lost_is_recognised(is_ours: bool) -> None:
    """Sent again it is refused, because of its own success or of somebody else's; the mark tells."""
    mark = "x-ms-meta-aiostorage_x002d_write_x002d_id"
    sent: list[str] = []

    def answer(seen: Seen) -> Answer:
        if seen.method == "HEAD":
            found = sent[0] if is_ours else "another"
            return Answer(headers={"ETag": '"0x7"', "Content-Length": "3", mark: found, "x-ms-meta-a": "b"})
        sent.append(seen.headers[mark])
        return reset() if len(sent) == 1 else error(409, "BlobAlreadyExists")

    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        writing = backend.put_object("photos", "k", b"abc", WriteOptions(if_none_match="*", metadata={"a": "b"}))
        if is_ours:
            info = await writing
            assert (info.etag, dict(info.metadata)) == ("0x7", {"a": "b"})
        else:
            with pytest.raises(PreconditionFailedError):
                await writing
    assert [seen.method for seen in server.seen] == ["PUT", "PUT", "HEAD"]
    assert sent[0] == sent[1]


# Completing


async def test_a_completion_whose_answer_was_lost_is_ours() -> None:
    """Sent again it fails, because the object is there; but it is made of our blocks."""
    head = Answer(headers={"ETag": '"0x7"', "Content-Length": "2"})
    answers = [reset(), error(409, "BlobAlreadyExists"), block_list(*[p.etag for p in PARTS], kind="Committed"), head]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        info = await backend.complete_upload(UPLOAD, PARTS, WriteOptions(if_none_match="*"))
    assert info.etag == "0x7"
    assert [seen.method for seen in server.seen] == ["PUT", "PUT", "GET", "HEAD"]
    assert server.seen[2].target.endswith("?blocklisttype=committed&comp=blocklist")


@pytest.mark.parametrize(
    "blocks", [block_list(kind="Committed"), block_list("YWJj", kind="Committed"), error(404, "BlobNotFound")]
)
async def test_a_completion_that_somebody_else_has_won(blocks: Answer) -> None:
    answers = [reset(), error(409, "BlobAlreadyExists"), blocks]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        with pytest.raises(PreconditionFailedError):
            await backend.complete_upload(UPLOAD, PARTS, WriteOptions(if_none_match="*"))


async def test_a_part_that_is_missing_for_a_moment_is_asked_for_once_more() -> None:
    async with ScriptedServer(error(400, "InvalidBlockList"), CREATED) as server, backend_of(server) as backend:
        info = await backend.complete_upload(UPLOAD, PARTS, PLAIN)
    assert info.etag == "0x1"
    assert server.seen[0].body == server.seen[1].body


async def test_a_race_that_is_lost_is_called_one() -> None:
    """Another writer of this object has completed its upload, and with that removed our parts."""
    lost = error(400, "InvalidBlockList")
    theirs = block_list(block_name("b" * 32, 1), kind="Committed")
    async with ScriptedServer(lost, lost, theirs) as server, backend_of(server) as backend:
        with pytest.raises(PreconditionFailedError, match="somebody else has written this object") as caught:
            await backend.complete_upload(UPLOAD, PARTS, PLAIN)
    assert (caught.value.code, caught.value.key) == ("InvalidBlockList", "k")
    assert [seen.method for seen in server.seen] == ["PUT", "PUT", "GET"]


async def test_a_condition_that_does_not_hold_is_not_looked_into() -> None:
    async with ScriptedServer(error(412, "ConditionNotMet")) as server, backend_of(server) as backend:
        with pytest.raises(PreconditionFailedError):
            await backend.complete_upload(UPLOAD, PARTS, WriteOptions(if_match="0x1"))
    assert len(server.seen) == 1
    assert b"<Latest>" in server.seen[0].body


# Aborting


async def test_an_abort_removes_only_what_was_never_written() -> None:
    answers = [block_list(PARTS[0].etag), Answer(status=202), error(404, "BlobNotFound")]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        await backend.abort_upload(UPLOAD)
        with pytest.raises(UploadNotFoundError):
            await backend.list_parts(UPLOAD, token=None)
    delete = server.seen[1]
    assert (delete.method, delete.target) == ("DELETE", "/account/photos/k")
    assert delete.headers["if-unmodified-since"] == "Mon, 01 Jan 2001 00:00:00 GMT"
    assert "x-ms-delete-snapshots" not in delete.headers


async def test_beside_an_object_parts_stay() -> None:
    """And nobody asks for them again and again."""
    async with (
        ScriptedServer(block_list(PARTS[0].etag), error(412, "ConditionNotMet")) as server,
        backend_of(server) as backend,
    ):
        await backend.abort_upload(UPLOAD)
        with pytest.raises(UploadNotFoundError):
            await backend.list_parts(UPLOAD, token=None)
    assert len(server.seen) == 2


@pytest.mark.parametrize("other", [block_name("b" * 32, 1), "YWJj"])
async def test_parts_of_others_are_not_removed(other: str) -> None:
    async with ScriptedServer(block_list(PARTS[0].etag, other)) as server, backend_of(server) as backend:
        await backend.abort_upload(UPLOAD)
    assert [seen.method for seen in server.seen] == ["GET"]


@pytest.mark.parametrize("answer", [block_list(), block_list("YWJj"), error(404, "BlobNotFound")])
async def test_an_abort_of_nothing(answer: Answer) -> None:
    async with ScriptedServer(answer) as server, backend_of(server) as backend:
        with pytest.raises(UploadNotFoundError):
            await backend.abort_upload(UPLOAD)
    assert len(server.seen) == 1


async def test_uploads_are_found_by_their_blocks() -> None:
    listing = (
        b"<EnumerationResults><Blobs>"
        b"<Blob><Name>whole</Name><Properties><Content-Length>7</Content-Length></Properties></Blob>"
        b"<Blob><Name>begun</Name><Properties><Content-Length>0</Content-Length>"
        b"<Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified></Properties></Blob>"
        b"</Blobs><NextMarker>more</NextMarker></EnumerationResults>"
    )
    answers = [Answer(body=listing), block_list(PARTS[0].etag, PARTS[1].etag, "YWJj")]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        page = await backend.list_uploads("photos", prefix="p", token=None)
    assert [(upload.key, upload.upload_id) for upload in page.items] == [("begun", "a" * 32), ("begun", "foreign")]
    assert page.items[0].started_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert page.next_token == "more"
    assert parse_qs(urlsplit(server.seen[0].target).query)["include"] == ["uncommittedblobs"]


async def test_an_error_behind_a_listing_of_uploads_comes_as_it_is() -> None:
    def answer(seen: object) -> Answer:
        if "comp=list" in server.seen[-1].target:
            blobs = "".join(f"<Blob><Name>k{number}</Name><Properties/></Blob>" for number in range(3))
            return Answer(body=f"<EnumerationResults><Blobs>{blobs}</Blobs></EnumerationResults>".encode())
        return error(403, "AuthorizationPermissionMismatch")

    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        with pytest.raises(PermissionDeniedError):
            await backend.list_uploads("photos", prefix="", token=None)


# Reading


async def test_the_last_bytes_are_those_of_one_version() -> None:
    head = Answer(headers={"ETag": '"0x1"', "Content-Length": "10"})
    tail = Answer(status=206, headers={"ETag": '"0x1"', "Content-Range": "bytes 7-9/10"}, body=b"789")
    async with ScriptedServer(head, tail, head, error(412, "ConditionNotMet")) as server, backend_of(server) as backend:
        body = await backend.get_object("photos", "k", ReadOptions(byte_range=ByteRange(-3)))
        assert (body.start, await body.read()) == (7, b"789")
        await body.aclose()
        with pytest.raises(ObjectChangedError):
            await backend.get_object("photos", "k", ReadOptions(byte_range=ByteRange(-3)))
    assert (server.seen[1].headers["x-ms-range"], server.seen[1].headers["if-match"]) == ("bytes=7-", '"0x1"')


async def test_another_range_than_was_asked_for() -> None:
    answer = Answer(status=206, headers={"Content-Range": "bytes 0-2/10"}, body=b"012")
    async with ScriptedServer(answer) as server, backend_of(server) as backend:
        with pytest.raises(UnexpectedResponseError):
            await backend.get_object("photos", "k", ReadOptions(byte_range=ByteRange(3, 6)))


async def test_versions_are_refused_where_there_are_none() -> None:
    async with ScriptedServer() as server, backend_of(server) as backend:
        with pytest.raises(UnsupportedError):
            await backend.list_objects("photos", ListQuery(versions=True), token=None)
        with pytest.raises(UnsupportedError):
            await backend.delete_object("photos", "k", version_id="1")
    assert server.seen == []


@pytest.mark.verifies("versions: of the account", on="fake")
async def test_versions() -> None:
    """Verified against the documents only: Azurite keeps none."""
    empty = Answer(body=b"<EnumerationResults><Blobs/></EnumerationResults>")
    answers = [Answer(status=202), empty, empty, Answer(status=202)]
    async with ScriptedServer(*answers) as server, backend_of(server, versioning=True) as backend:
        await backend.delete_object("photos", "k", version_id="2026-01-01T00:00:00.0000000Z")
        await backend.list_objects("photos", ListQuery(versions=True), token=None)
        await backend.delete_container("photos")
    assert server.seen[0].target.endswith("k?versionid=2026-01-01T00%3A00%3A00.0000000Z")
    assert "x-ms-delete-snapshots" not in server.seen[0].headers
    assert all("include=versions" in seen.target for seen in server.seen[1:3])


async def test_the_current_version_is_made_an_old_one_first() -> None:
    version = "2026-01-01T00:00:00.0000000Z"
    answers = [error(403, "OperationNotAllowedOnRootBlob"), Answer(status=202), Answer(status=202)]
    async with ScriptedServer(*answers) as server, backend_of(server, versioning=True) as backend:
        await backend.delete_object("photos", "k", version_id=version)
    assert ["versionid" in seen.target for seen in server.seen] == [True, False, True]
    assert not [seen for seen in server.seen if "x-ms-delete-snapshots" in seen.headers]  # those were not asked for
    async with ScriptedServer(error(403, "AuthorizationFailure")) as server, backend_of(server) as backend:
        with pytest.raises(PermissionDeniedError):
            await backend.delete_object("photos", "k")


@pytest.mark.verifies("objects: deleted as a batch", on="fake")
async def test_versions_are_removed_one_by_one() -> None:
    """Batches have been seen to remove the object instead."""
    refs = [ObjectRef(container="photos", key="k", version_id=f"snapshot:{number}") for number in range(3)]

    def answer(_: object) -> Answer:
        return error(403, "AuthorizationFailure") if "snapshot=1" in server.seen[-1].target else Answer(status=202)

    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        outcomes = await backend.delete_objects("photos", refs)
    assert {seen.method for seen in server.seen} == {"DELETE"}
    assert [(outcome.version_id, outcome.error is None) for outcome in outcomes] == [
        ("snapshot:0", True), ("snapshot:1", False), ("snapshot:2", True),
    ]  # fmt: skip


# Retention and keys: against the documents


@pytest.mark.verifies("locks: retention and legal hold", on="fake")
async def test_what_is_kept() -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    options = WriteOptions(retention=Retention(mode="compliance", until=until), legal_hold=True)
    async with ScriptedServer(CREATED, CREATED) as server, backend_of(server, immutability=True) as backend:
        await backend.put_object("photos", "k", b"", options)
        await backend.administration().set_retention(ObjectRef(container="photos", key="k"), None)
    headers = server.seen[0].headers
    assert headers["x-ms-immutability-policy-until-date"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert (headers["x-ms-immutability-policy-mode"], headers["x-ms-legal-hold"]) == ("Locked", "true")
    assert (server.seen[1].method, server.seen[1].target[-25:]) == ("DELETE", "comp=immutabilityPolicies")
    async with ScriptedServer() as server, backend_of(server) as backend:
        with pytest.raises(UnsupportedError):
            await backend.put_object("photos", "k", b"", options)


async def test_a_key_of_ours_needs_tls() -> None:
    async with ScriptedServer() as server, backend_of(server) as backend:
        with pytest.raises(UnsupportedError):
            await backend.put_object("photos", "k", b"", WriteOptions(encryption=CustomerKey(key=b"k" * 32)))


@pytest.mark.verifies("encryption: with a key of ours (over TLS)", on="fake")
async def test_a_key_of_ours_goes_with_each_request() -> None:
    key = CustomerKey(key=b"k" * 32)
    ref = ObjectRef(container="photos", key="k", customer_key=key)
    upload = Upload(container="photos", key="k", upload_id="a" * 32, customer_key=key)
    async with ScriptedServer(CREATED, CREATED, CREATED) as server, backend_of(server) as backend:
        await backend.head_object("photos", "k", ReadOptions(customer_key=key))
        await backend.upload_part(upload, 1, 0, b"x")
        with pytest.raises(UnsupportedError):
            await backend.copy_object(ref, "photos", "copy", None)
    for seen in server.seen:
        assert seen.headers["x-ms-encryption-key"] == b64encode(key.key).decode()
        assert seen.headers["x-ms-encryption-key-sha256"] == b64encode(sha256(key.key).digest()).decode()
        assert seen.headers["x-ms-encryption-algorithm"] == "AES256"


# Copies


async def test_a_copy_with_other_headers_is_one_block() -> None:
    head = Answer(headers={"ETag": '"0x1"', "Content-Length": "10"})
    async with ScriptedServer(head, CREATED, CREATED) as server, backend_of(server) as backend:
        source = ObjectRef(container="photos", key="k")
        await backend.copy_object(source, "photos", "copy", WriteOptions(content_type="text/x-own"))
    block, publish = server.seen[1:]
    assert (block.headers["x-ms-source-if-match"], block.headers["x-ms-source-range"]) == ('"0x1"', "bytes=0-9")
    assert publish.headers["x-ms-blob-content-type"] == "text/x-own"


async def test_a_copy_that_fails_leaves_no_block() -> None:
    head = Answer(headers={"ETag": '"0x1"', "Content-Length": "10"})
    names: list[str] = []

    def answer(seen: object) -> Answer:
        request = server.seen[-1]
        query = parse_qs(urlsplit(request.target).query)
        match request.method, query.get("comp", [""])[0]:
            case "HEAD", _:
                return head
            case "PUT", "block":
                names.append(query["blockid"][0])
                return CREATED
            case "PUT", _:
                return error(412, "ConditionNotMet")
            case "GET", _:
                return block_list(*names)
            case _:
                return Answer(status=202)

    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        with pytest.raises(PreconditionFailedError):
            await backend.copy_object(
                ObjectRef(container="photos", key="k"), "photos", "copy", WriteOptions(if_match="0x2")
            )
    assert [seen.method for seen in server.seen] == ["HEAD", "PUT", "PUT", "GET", "DELETE"]


async def test_a_batch_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    refs = [ObjectRef(container="photos", key=str(number)) for number in range(257)]
    async with ScriptedServer() as server, backend_of(server) as backend:
        with pytest.raises(InvalidArgumentError):
            await backend.delete_objects("photos", refs)


# Who asks


@dataclass(frozen=True)
class Token:
    token: str
    expires_on: int


class Identity:
    """Gives tokens, or raises what it is made of."""

    def __init__(self, *tokens: Token | Exception) -> None:
        self._tokens = list(tokens)

    async def get_token(self, *scopes: str) -> Token:
        token = self._tokens.pop(0)
        if isinstance(token, Exception):
            raise token
        return token


def later(hours: int) -> int:
    return int((datetime.now(UTC) + timedelta(hours=hours)).timestamp())


def trust_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted server has no TLS; what checks for it has tests of its own."""
    make_site = config.make_site

    def without_credential(settings: config.Settings, environ: Mapping[str, str]) -> object:
        return make_site(replace(settings, credential=None, anonymous=True), environ)

    monkeypatch.setattr(config, "make_site", without_credential)


@pytest.mark.verifies("credentials: a refused token renewed", on="fake")
async def test_a_token_that_is_refused_is_renewed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trust_http(monkeypatch)
    identity = Identity(Token("hunter2-old", later(1)), Token("hunter2-new", later(1)))
    answers = [error(401, "InvalidAuthenticationInfo"), Answer(headers={"ETag": '"x"'})]
    async with (
        ScriptedServer(*answers) as server,
        backend_of(server, account_key=None, credential=identity) as backend,
    ):
        await backend.head_object("photos", "k", ReadOptions())
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer hunter2-old", "Bearer hunter2-new"]


async def test_an_identity_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    trust_http(monkeypatch)
    identity = Identity(ValueError("hunter2"))
    async with ScriptedServer() as server, backend_of(server, account_key=None, credential=identity) as backend:
        with pytest.raises(AuthenticationError, match="ValueError") as caught:
            await backend.head_object("photos", "k", ReadOptions())
    assert "hunter2" not in str(caught.value)


async def test_a_delegation_key_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trust_http(monkeypatch)
    identity = Identity(Token("hunter2", later(1)))
    expiry = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
    key = (
        "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>s</SignedStart>"
        f"<SignedExpiry>{expiry}</SignedExpiry><SignedService>b</SignedService><SignedVersion>v</SignedVersion>"
        f"<Value>{SECRET}</Value></UserDelegationKey>"
    )
    async with (
        ScriptedServer(Answer(body=key.encode())) as server,
        backend_of(server, account_key=None, credential=identity) as backend,
    ):
        for _ in range(2):
            request = await backend.presign("GET", "photos", "k", PresignOptions(expires_in_s=60))
            assert parse_qs(urlsplit(request.url).query)["ske"] == [expiry]
        with pytest.raises(InvalidArgumentError):
            await backend.presign("GET", "photos", "k", PresignOptions(expires_in_s=8 * 24 * 3600))
        with pytest.raises(InvalidArgumentError):
            await backend.presign("POST", "photos", "k", PresignOptions())
    assert len(server.seen) == 1
    assert server.seen[0].target == "/account/?comp=userdelegationkey&restype=service"


@pytest.mark.parametrize(
    ("version_id", "permission", "resource"),
    [(None, "d", "b"), ("2026-01-01T00:00:00.0000000Z", "x", "bv"), ("snapshot:2026-01-01T00:00:00Z", "d", "bs")],
)
async def test_a_presigned_deletion_has_the_permission_for_what_it_deletes(
    version_id: str | None, permission: str, resource: str
) -> None:
    async with AzureDriver(account_name="account", account_key=SECRET, versioning=True) as driver:
        request = await driver.container("photos").object("k", version_id=version_id).presign("DELETE")
    fields = parse_qs(urlsplit(request.url).query)
    assert (fields["sp"], fields["sr"]) == ([permission], [resource])


async def test_without_tls_nobody_looks_for_an_identity() -> None:
    async with ScriptedServer() as server, backend_of(server, account_key=None) as backend:
        with pytest.raises(AuthenticationError, match="https"):
            await backend.head_object("photos", "k", ReadOptions())


@pytest.mark.verifies("credentials: the chain of azure-identity", on="fake")
async def test_without_anything_the_chain_of_azure_identity_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    backend = AzureBackend(account_name="account")
    with pytest.raises(AuthenticationError, match=r"aiostorage\[azure\]"):
        await backend.head_object("photos", "k", ReadOptions())
    await backend.aclose()


async def test_a_credential_that_was_handed_in_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that was made here is closed."""

    class Chain(Identity):
        is_closed = False

        async def close(self) -> None:
            self.is_closed = True

    given, made = Chain(), Chain(ValueError())
    await AzureBackend(account_name="account", credential=given).aclose()
    assert not given.is_closed
    monkeypatch.setitem(sys.modules, "azure.identity.aio", SimpleNamespace(DefaultAzureCredential=lambda: made))
    backend = AzureBackend(account_name="account")
    with pytest.raises(AuthenticationError):
        await backend.head_object("photos", "k", ReadOptions())
    await backend.aclose()
    assert made.is_closed


async def test_a_busy_server_is_asked_again() -> None:
    answers = [error(503, "ServerBusy"), error(500, "OperationTimedOut"), Answer(headers={"ETag": '"x"'})]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        await backend.head_object("photos", "k", ReadOptions())
        assert len(server.seen) == 3
    async with (
        ScriptedServer(*[error(500, "InternalError")] * 2) as server,
        backend_of(server, retry=RetryPolicy(max_attempts=2, base_s=0)) as backend,
    ):
        with pytest.raises(ServiceUnavailableError) as caught:
            await backend.head_object("photos", "k", ReadOptions())
        assert caught.value.attempts == 2


# A copy from elsewhere


@pytest.mark.verifies("copies: from a URL (waited for)", on="fake")
async def test_a_copy_is_waited_for_and_ended_with_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Answer(status=202, headers={"x-ms-copy-id": "7", "x-ms-copy-status": "pending"})
    pending = Answer(headers={"x-ms-copy-id": "7", "x-ms-copy-status": "pending"})
    asked = asyncio.Event()

    def answer(seen: object) -> Answer:
        request = server.seen[-1]
        if request.method == "HEAD":
            asked.set()
            return pending
        return begun if "comp=copy" not in request.target else Answer(status=204)

    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        copying = backend.administration().copy_from_url("https://elsewhere/a?sig=hunter2", "photos", "copy")
        task = asyncio.create_task(copying)
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert server.seen[0].headers["x-ms-copy-source"] == "https://elsewhere/a?sig=hunter2"
    assert server.seen[-1].target.endswith("copy?comp=copy&copyid=7")
    assert server.seen[-1].headers["x-ms-copy-action"] == "abort"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ms-copy-id": "7", "x-ms-copy-status": "failed", "x-ms-copy-status-description": "403 ?sig=hunter2"},
        {"x-ms-copy-id": "8", "x-ms-copy-status": "success"},
        {},
    ],
)
async def test_a_copy_that_fails(headers: dict[str, str]) -> None:
    begun = Answer(status=202, headers={"x-ms-copy-id": "7"})
    async with ScriptedServer(begun, Answer(headers=headers)) as server, backend_of(server) as backend:
        with pytest.raises(UnexpectedResponseError) as caught:
            await backend.administration().copy_from_url("https://elsewhere/a?sig=hunter2", "photos", "copy")
    assert "hunter2" not in str(caught.value)


# What is not sent again


@pytest.mark.verifies("objects: unsafe changes not sent again", on="fake")
async def test_changes_that_would_meet_themselves_are_not_repeated() -> None:
    """A conditional change, a snapshot and a copy: of each the first try may have taken effect."""

    def answer(seen: object) -> Answer:
        return Answer(headers={"ETag": '"0x1"'}) if server.seen[-1].method == "HEAD" else reset()

    async with ScriptedServer(answer=answer) as server, backend_of(server) as backend:
        extras, ref = backend.administration(), ObjectRef(container="photos", key="k", if_match="0x1")
        plain = ObjectRef(container="photos", key="k")
        for change in (
            extras.update_object(ref, WriteOptions()),
            extras.create_snapshot(plain),
            extras.copy_from_url("https://elsewhere/a", "photos", "copy"),
        ):
            with pytest.raises(StorageConnectionError):
                await change
        assert [seen.method for seen in server.seen] == ["HEAD", "PUT", "PUT", "PUT"]


async def test_a_lease_is_asked_for_again_by_the_same_id() -> None:
    answers = [reset(), Answer(status=201, headers={"x-ms-lease-id": "theirs"})]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        await backend.administration().lease(ObjectRef(container="photos", key="k"), "acquire")
    first, second = (seen.headers["x-ms-proposed-lease-id"] for seen in server.seen)
    assert first == second


async def test_a_source_of_a_copy_that_cannot_be_read() -> None:
    answers = [Answer(headers={"ETag": '"0x1"', "Content-Length": "1"}), error(403, "CannotVerifyCopySource")]
    async with ScriptedServer(*answers) as server, backend_of(server) as backend:
        with pytest.raises(PermissionDeniedError):
            await backend.copy_object(ObjectRef(container="photos", key="k"), "photos", "copy", None)
