"""What lies beside content: what goes over the wire, and what is made of the answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import (
    ContainerNotFoundError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionDeniedError,
    StorageError,
    UnexpectedResponseError,
    UnsupportedError,
)
from aiostorage.models import ContainerOptions, CustomerKey, ObjectRef, Retention, WriteOptions
from aiostorage.providers.s3 import requests
from aiostorage.providers.s3.config import Settings, make_site
from aiostorage.providers.s3.profiles import AWS, CEPH, GENERIC, SWIFT
from aiostorage.providers.s3.settings import SETTINGS
from tests.scripted import Answer, ScriptedServer
from tests.unit.s3.test_backend import backend_of, error

if TYPE_CHECKING:
    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

REF = ObjectRef(container="bucket", key="k")
KEY = CustomerKey(key=bytes(32))
OK = Answer()
NAIVE = Retention(mode="governance", until=datetime(2030, 1, 1))


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.missing_code])
async def test_a_document_that_is_missing_is_none(name: str) -> None:
    missing = error(404, SETTINGS[name].missing_code or "")
    other = error(404, "NoSuchBucket")
    async with ScriptedServer(missing, missing, other, other) as server, backend_of(server, vendor=AWS) as backend:
        extras = backend.administration()
        assert await extras.get_setting("bucket", name) is None
        await extras.delete_setting("bucket", name)
        with pytest.raises(ContainerNotFoundError):
            await extras.get_setting("bucket", name)
        with pytest.raises(ContainerNotFoundError):
            await extras.delete_setting("bucket", name)


@pytest.mark.parametrize("name", SETTINGS)
async def test_an_empty_document_is_none_and_another_one_an_error(name: str) -> None:
    roots = SETTINGS[name].roots
    empty = f'<?xml version="1.0"?><{roots[0]} xmlns="x"/>'.encode() if roots else b""
    wrong = b"<html><body>Log in</body></html>" if roots else b"\xff"
    answers = [Answer(body=empty), Answer(body=wrong), Answer(body=b"\xff")]
    async with ScriptedServer(*answers) as server, backend_of(server, vendor=AWS) as backend:
        extras = backend.administration()
        assert await extras.get_setting("bucket", name) is None
        for _ in range(2):
            with pytest.raises(UnexpectedResponseError):
                await extras.get_setting("bucket", name)


async def test_a_document_is_text_that_is_taken_back() -> None:
    ceph = (
        b"<BlockPublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
        b"</BlockPublicAccessBlockConfiguration>"
    )
    async with ScriptedServer(Answer(body=ceph), OK) as server, backend_of(server, vendor=CEPH) as backend:
        extras = backend.administration()
        text = await extras.get_setting("bucket", "public-access-block")
        assert text == (
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
        )
        await extras.set_setting("bucket", "public-access-block", f"{text}é")
    assert server.seen[1].body == f"{text}é".encode()
    assert "content-md5" in server.seen[1].headers


async def test_what_a_service_does_not_know_is_not_tried_out() -> None:
    """Ceph takes ``DELETE ?encryption`` for the deletion of the container."""
    async with (
        ScriptedServer() as server,
        backend_of(server, vendor=CEPH) as ceph,
        backend_of(server, vendor=GENERIC) as generic,
        backend_of(server, vendor=SWIFT) as swift,
    ):
        for refused in (
            ceph.administration().delete_setting("bucket", "encryption"),
            ceph.administration().set_setting("bucket", "ownership", "<OwnershipControls/>"),
            ceph.administration().delete_setting("bucket", "acl"),
            ceph.administration().set_retention(REF, None, bypass_retention=True),
            ceph.administration().restore_object(REF, days=1, tier=None),
            ceph.administration().update_object(REF, WriteOptions()),
            ceph.copy_object(
                ObjectRef(container="bucket", key="k", customer_key=CustomerKey(key=bytes(32))), "b", "k", None
            ),
            ceph.copy_object(REF, "bucket", "k", WriteOptions(encryption=KEY)),
            generic.administration().get_setting("bucket", "cors"),
            generic.administration().get_tags(REF),
            generic.administration().set_tags(REF, {}),
            generic.administration().set_acl(REF, "private"),
            generic.administration().set_legal_hold(REF, is_held=True),
            generic.administration().get_versioning("bucket"),
            generic.administration().set_versioning("bucket", is_kept=True),
            generic.put_object("bucket", "k", b"", WriteOptions(tags={"a": "b"})),
            generic.create_upload("bucket", "k", WriteOptions(checksum="sha256")),
            generic.create_container("bucket", ContainerOptions(object_lock=True)),
            generic.put_object("bucket", "k", b"", WriteOptions(extra={"expires": "x"})),
            ceph.put_object("bucket", "k", b"", WriteOptions(extra={"x-amz-security-token": "x"})),
            generic.delete_object("bucket", "k", if_match="x"),
            generic.delete_object("bucket", "k", bypass_retention=True),
            swift.administration().get_container_tags("bucket"),
            swift.administration().set_container_tags("bucket", {}),
        ):
            with pytest.raises(UnsupportedError):
                await refused
        with pytest.raises(InvalidArgumentError, match="cors, lifecycle"):
            await ceph.administration().get_setting("bucket", "inventory")
        for wrong in (
            ceph.administration().set_retention(REF, NAIVE),
            ceph.administration().set_tags(REF, {"a": "\x01"}),
            ceph.administration().set_acl(REF, "x\r\ny: z"),
        ):
            with pytest.raises(InvalidArgumentError):
                await wrong
    assert not server.seen


def test_a_container_is_made_with_what_s3_knows() -> None:
    site = make_site(Settings(region="r"), {}, {})
    with pytest.raises(InvalidArgumentError, match="x-amz-grant-read"):
        requests.create_container(site, "bucket", ContainerOptions(extra={"x-amz-acl": "x"}))


async def test_what_ceph_forgets_is_set_afterwards() -> None:
    def answer(seen: Seen) -> Answer:
        if seen.method == "POST":
            done = b"<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>"
            begun = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            is_begun = "uploads" in seen.target
            return Answer(headers={"x-amz-version-id": "v1"}, body=begun if is_begun else done)
        if seen.method == "GET":
            return Answer(body=b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>")
        copied = b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>"
        return Answer(headers={"ETag": '"x"'}, body=copied if "x-amz-copy-source" in seen.headers else b"")

    options = WriteOptions(
        tags={"b": "2"}, legal_hold=True, retention=Retention(mode="governance", until=datetime(2030, 1, 1, tzinfo=UTC))
    )
    async with ScriptedServer(answer=answer) as server, backend_of(server, vendor=CEPH) as backend:
        upload = await backend.create_upload("bucket", "k", options)
        part = await backend.upload_part(upload, 1, 0, b"x")
        info = await backend.complete_upload(upload, [part], options)
        assert info.tag_count == 1
        seen = [f"{request.method} {request.target}" for request in server.seen[3:]]
        assert seen == [f"PUT /bucket/k?{what}=&versionId=v1" for what in ("tagging", "retention", "legal-hold")]
        copied = len(server.seen)
        await backend.copy_object(REF, "bucket", "k2", WriteOptions(content_type="a/b"))
        await backend.copy_object(REF, "bucket", "k2", None)
    seen = [f"{request.method} {request.target}" for request in server.seen[copied:]]
    assert seen == ["GET /bucket/k?tagging=", "PUT /bucket/k2", "PUT /bucket/k2?tagging=", "PUT /bucket/k2"]


async def test_restoring_what_is_being_restored() -> None:
    answers = [Answer(status=202), error(409, "RestoreAlreadyInProgress"), error(403, "InvalidObjectState")]
    async with ScriptedServer(*answers) as server, backend_of(server, vendor=AWS) as backend:
        for _ in range(2):
            await backend.administration().restore_object(REF, days=1, tier="Bulk")
        with pytest.raises(PermissionDeniedError):
            await backend.administration().restore_object(REF, days=1, tier=None)


async def test_tags_and_versions_that_make_no_sense() -> None:
    missing_key = b"<Tagging><TagSet><Tag><Value>1</Value></Tag></TagSet></Tagging>"
    answers = [
        Answer(body=missing_key),
        Answer(body=b"<html/>"),
        error(404, "NoSuchTagSet"),
        error(403, "AccessDenied"),
        error(404, "NoSuchKey"),
        Answer(status=404),
    ]
    async with ScriptedServer(*answers) as server, backend_of(server, vendor=AWS) as backend:
        extras = backend.administration()
        with pytest.raises(UnexpectedResponseError):
            await extras.get_tags(REF)
        with pytest.raises(UnexpectedResponseError):
            await extras.get_versioning("bucket")
        assert await extras.get_container_tags("bucket") == {}
        with pytest.raises(PermissionDeniedError):
            await extras.get_container_tags("bucket")
        for _ in range(2):
            with pytest.raises(ObjectNotFoundError):
                await extras.get_tags(REF)


async def test_names_are_looked_at_first() -> None:
    async with ScriptedServer() as server, backend_of(server, vendor=AWS) as backend:
        with pytest.raises(StorageError):
            await backend.administration().get_tags(ObjectRef(container="bucket", key=""))
        with pytest.raises(StorageError):
            await backend.administration().get_setting("", "cors")
    assert not server.seen


async def test_a_locked_object_comes_with_a_digest_that_is_not_the_signature() -> None:
    done = Answer(headers={"ETag": '"x"'})
    async with ScriptedServer(done, done) as server, backend_of(server, vendor=AWS, addressing_style="path") as backend:
        await backend.put_object("bucket", "k", b"body", WriteOptions(legal_hold=True))
        await backend.put_object("bucket", "k", b"body", WriteOptions())
    assert ["content-md5" in seen.headers for seen in server.seen] == [True, False]


def test_a_key_is_in_no_repr() -> None:
    site = make_site(Settings(region="r"), {}, {})
    options = WriteOptions(encryption=CustomerKey(key=b"k" * 32))
    request = requests.put_object(site, "bucket", "k", b"", options, digests={}, on_sent=None)
    assert "a2tr" in request.headers["x-amz-server-side-encryption-customer-key"]
    assert "a2tr" not in repr(request)
    assert "kkk" not in repr(options)
