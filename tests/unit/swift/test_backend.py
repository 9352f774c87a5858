"""The backend against a server that plays a cluster: what goes over the wire, and what becomes of odd answers."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

import pytest

from aiostorage import RetryPolicy
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ChecksumMismatchError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidArgumentError,
    ObjectChangedError,
    PermissionDeniedError,
    ServiceUnavailableError,
    StorageConnectionError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
)
from aiostorage.models import CDNPolicy, ListQuery, ObjectRef, Part, PresignOptions, WriteOptions
from aiostorage.providers.swift.backend import SwiftBackend
from aiostorage.providers.swift.cluster import UNKNOWN
from aiostorage.providers.swift.presigning import FormPost
from tests.scripted import Answer, ScriptedServer, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiostorage.backend import Backend
    from tests.scripted import Seen

    Script: TypeAlias = dict[tuple[str, str], "Answer | list[Answer] | Callable[[Seen], Answer]"]

pytestmark = pytest.mark.anyio

INFO = {
    "swift": {"max_file_size": 5368709122, "container_listing_limit": 100},
    "slo": {"max_manifest_segments": 500, "yield_frequency": 10},
    "bulk_delete": {"max_deletes_per_request": 50},
    "tempurl": {"allowed_digests": ["sha1", "sha256"]},
    "object_versioning": {},
}
OK = Answer(status=201, headers={"ETag": "d41d8cd98f00b204e9800998ecf8427e"})
GONE = Answer(status=404, body=b"<html><h1>Not Found</h1></html>")
LARGE = Answer(headers={"X-Static-Large-Object": "True", "ETag": '"0123456789abcdef0123456789abcdef"'})
SEGMENT = "key/slo/1700000000.000000-0123456789abcdef/"


def document(value: object, status: int = 200) -> Answer:
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())


def report(status: str, *errors: list[str], deleted: int = 0, missing: int = 0) -> Answer:
    counts = {"Number Deleted": deleted, "Number Not Found": missing}
    return document({"Response Status": status, "Response Body": "", "Errors": errors, **counts})


@asynccontextmanager
async def cluster(script: Script) -> AsyncIterator[tuple[SwiftBackend, list[str]]]:
    """A backend, and what it has asked for: method, path below the account, and query."""
    asked: list[str] = []

    def answer(seen: Seen) -> Answer:
        url = urlsplit(seen.target)
        path = unquote(url.path).removeprefix("/v1/AUTH_a")
        asked.append(f"{seen.method} {path}{f'?{unquote(url.query)}' if url.query else ''}")
        found = script.get((seen.method, path), GONE)
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found if isinstance(found, Answer) else found(seen)

    script.setdefault(("GET", "/info"), document(INFO))
    async with ScriptedServer(answer=answer) as server:
        backend = SwiftBackend(
            token="geheim",
            storage_url=f"{server.url}/v1/AUTH_a",
            temp_url_key="key",
            cdn_management_url=f"{server.url}/cdn",
            retry=RetryPolicy(max_attempts=2, base_s=0),
        )
        try:
            yield backend, asked
        finally:
            await backend.aclose()


@pytest.mark.verifies("cluster: asked once what it can do", on="fake")
async def test_a_cluster_is_asked_once_what_it_can_do() -> None:
    async with cluster({("HEAD", "/c"): Answer(status=204)}) as (backend, asked):
        typed: Backend = backend
        assert typed.capabilities == UNKNOWN.capabilities
        await asyncio.gather(*[backend.head_container("c") for _ in range(5)])
        assert asked.count("GET /info") == 1
        capabilities = await backend.read_info()
    limits = capabilities.limits
    assert (limits.max_parts, limits.max_page_size, limits.max_delete_batch) == (500, 100, 50)
    assert (capabilities.versioning, capabilities.presign, capabilities.presign_post) == (True, True, False)


@pytest.mark.parametrize("answer", [GONE, Answer(body=b"<html>"), document({"other": 1}), Answer(status=401)])
async def test_a_cluster_that_does_not_tell(answer: Answer) -> None:
    async with cluster({("GET", "/info"): answer, ("HEAD", "/c"): Answer(status=204)}) as (backend, asked):
        await backend.head_container("c")
        await backend.head_container("c")
        assert backend.capabilities == UNKNOWN.capabilities
        assert asked.count("GET /info") == 1


async def test_a_cluster_that_cannot_tell_now_is_asked_again() -> None:
    answers = [Answer(status=503), Answer(status=503), document(INFO)]
    async with cluster({("GET", "/info"): answers, ("HEAD", "/c"): Answer(status=204)}) as (backend, _):
        with pytest.raises(ServiceUnavailableError):
            await backend.head_container("c")
        await backend.head_container("c")
        assert backend.capabilities.versioning


async def test_a_container_that_is_there_is_not_made_again() -> None:
    async with cluster({("HEAD", "/c"): Answer(status=204), ("PUT", "/new"): Answer(status=201)}) as (backend, asked):
        with pytest.raises(AlreadyExistsError):
            await backend.create_container("c")
        await backend.create_container("new")
        assert [line for line in asked if line.startswith("PUT")] == ["PUT /new"]


@pytest.mark.verifies("containers: of segments hidden", on="fake")
async def test_containers_of_segments_are_not_listed() -> None:
    names = ["a", "a_segments", "b_segments", "c_segments", "_segments"]
    listing = [document([{"name": name, "count": 1, "bytes": 2} for name in names]), document([])]
    async with cluster({("GET", "/"): listing, ("GET", ""): listing, ("HEAD", "/b"): Answer(status=204)}) as (
        backend,
        asked,
    ):
        page = await backend.list_containers(prefix="", token=None)
        assert [item.name for item in page.items] == ["a", "c_segments", "_segments"]
        assert page.next_token == "_segments"
        assert (await backend.list_containers(prefix="", token=page.next_token)).next_token is None
        assert "HEAD /a" not in asked


async def test_a_body_that_was_damaged_on_its_way_is_sent_again() -> None:
    script: Script = {("PUT", "/c/key"): [Answer(status=422), OK]}
    async with cluster(script) as (backend, asked):
        await backend.put_object("c", "key", b"", WriteOptions())
        assert asked.count("PUT /c/key") == 2
    async with cluster({("PUT", "/c/key"): Answer(status=422)}) as (backend, _):
        with pytest.raises(ChecksumMismatchError):
            await backend.put_object("c", "key", b"", WriteOptions())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (400, InvalidArgumentError),
        (507, ServiceUnavailableError),
    ],
)
async def test_errors_say_what_can_be_done(status: int, kind: type[Exception]) -> None:
    body = b"<html><h1>No</h1><p>The token AUTH_tkfc9649972b684b10a69d003e8d43aaf7 is bad.</p></html>"
    answer = Answer(status=status, headers={"X-Trans-Id": "tx1"}, body=body)
    async with cluster({("GET", "/c"): answer}) as (backend, _):
        with pytest.raises(kind) as caught:
            await backend.list_objects("c", ListQuery(), token=None)
    assert "AUTH_tk" not in str(caught.value)
    assert "<" not in str(caught.value)
    assert "tx1" in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>login</html>", b"{}", b"[1]", b'[{"bytes": 1}]', b'[{"name": 7}]'])
async def test_a_page_of_something_else_is_no_empty_listing(body: bytes) -> None:
    async with cluster({("GET", "/c"): Answer(body=body)}) as (backend, _):
        with pytest.raises(UnexpectedResponseError):
            await backend.list_objects("c", ListQuery(), token=None)


async def test_an_object_without_an_etag_was_not_stored_for_sure() -> None:
    async with cluster({("PUT", "/c/key"): Answer(status=201)}) as (backend, _):
        with pytest.raises(UnexpectedResponseError):
            await backend.put_object("c", "key", b"content", WriteOptions())


@pytest.mark.parametrize(
    "options",
    [
        WriteOptions(if_none_match="*"),
        WriteOptions(if_match="x"),
        WriteOptions(storage_class="gold"),
        WriteOptions(tags={"a": "b"}),
        WriteOptions(acl="public-read"),
        WriteOptions(checksum="sha256"),
    ],
)
async def test_what_cannot_be_kept_is_refused_before_anything_is_sent(options: WriteOptions) -> None:
    async with cluster({}) as (backend, asked):
        with pytest.raises(UnsupportedError):
            await backend.put_object("c", "key", b"content", options)
        with pytest.raises(UnsupportedError):
            await backend.create_upload("c", "key", options)
        assert asked == []


# Many deletions


REFS = [ObjectRef(container="c", key=key) for key in ("a b", "é", "x/y")]


async def test_each_of_many_deletions_has_its_outcome() -> None:
    answer = report("400 Bad Request", ["/c/%C3%A9", "403 Forbidden"], ["/c/x/y", "503 Busy"], deleted=1)
    async with cluster({("POST", ""): answer}) as (backend, asked):
        outcomes = await backend.delete_objects("c", REFS)
    assert [type(outcome.error) for outcome in outcomes] == [type(None), PermissionDeniedError, ServiceUnavailableError]
    assert [outcome.error.retryable for outcome in outcomes if outcome.error] == [False, True]
    assert asked == ["GET /info", "HEAD /c_segments", "POST ?bulk-delete=true"]


async def test_a_deletion_that_the_answer_does_not_account_for_may_not_have_happened() -> None:
    async with cluster({("POST", ""): report("400 Bad Request", ["/c/a%20b", "409 Conflict"], deleted=1)}) as (
        backend,
        _,
    ):
        outcomes = await backend.delete_objects("c", REFS)
    assert [type(outcome.error) for outcome in outcomes][1:] == [UnexpectedResponseError] * 2


@pytest.mark.verifies("objects: refusals inside a success", on="fake")
async def test_an_error_inside_a_success_is_an_error() -> None:
    async with cluster({("POST", ""): report("502 Bad Gateway")}) as (backend, asked):
        with pytest.raises(ServiceUnavailableError):
            await backend.delete_objects("c", REFS)
        assert asked.count("POST ?bulk-delete=true") == 2
    async with cluster({("POST", ""): report("401 Unauthorized")}) as (backend, _):
        with pytest.raises(AuthenticationError):
            await backend.delete_objects("c", REFS)


async def test_without_bulk_deletion_it_goes_one_by_one() -> None:
    script: Script = {("POST", ""): Answer(status=405), ("DELETE", "/c/é"): Answer(status=204)}
    async with cluster(script) as (backend, asked):
        outcomes = await backend.delete_objects("c", REFS)
    assert [outcome.error for outcome in outcomes] == [None, None, None]
    assert sorted(asked)[:3] == ["DELETE /c/a b", "DELETE /c/x/y", "DELETE /c/é"]


async def test_only_a_listing_tells_large_objects_from_small_ones() -> None:
    entries = [{"name": ref.key, "bytes": 1, "hash": "x"} for ref in REFS]
    entries[1]["slo_etag"] = '"0123456789abcdef0123456789abcdef"'
    script: Script = {
        ("HEAD", "/c_segments"): Answer(status=204),
        ("GET", "/c"): document(sorted(entries, key=lambda entry: str(entry["name"]))),
        ("POST", ""): report("200 OK", deleted=2),
        ("DELETE", "/c/é"): Answer(status=204),
        ("HEAD", "/c/é"): LARGE,
        ("HEAD", "/c"): Answer(status=204),
        ("GET", "/c/é"): document([
            {"name": "/c_segments/é/slo/1", "bytes": 1},
            {"name": "/other/x"},
            {"data": "eA=="},
        ]),
        ("DELETE", "/c_segments/é/slo/1"): Answer(status=204),
    }
    async with cluster(script) as (backend, asked):
        assert [outcome.error for outcome in await backend.delete_objects("c", REFS)] == [None] * 3
    assert [line for line in asked if line.startswith("DELETE")] == ["DELETE /c/é", "DELETE /c_segments/é/slo/1"]


# Containers with segments

REMOVED = Answer(status=204)
IN_USE = Answer(status=409)
EMPTY_ONE = Answer(status=204, headers={"X-Container-Object-Count": "0"})
OF_SEGMENTS = [{"name": f"{SEGMENT}00000001", "bytes": 1, "hash": "x"}]


def deletions(asked: list[str]) -> list[str]:
    return [line for line in asked if line.startswith("DELETE")]


async def test_a_container_goes_after_that_of_its_segments() -> None:
    script: Script = {("HEAD", "/c"): EMPTY_ONE, ("DELETE", "/c"): REMOVED, ("DELETE", "/c_segments"): REMOVED}
    async with cluster(script) as (backend, asked):
        await backend.delete_container("c")
    assert deletions(asked) == ["DELETE /c_segments", "DELETE /c"]


FULL_ONE = Answer(status=204, headers={"X-Container-Object-Count": "2"})


async def test_a_container_with_objects_keeps_that_of_its_segments() -> None:
    async with cluster({("HEAD", "/c"): FULL_ONE, ("DELETE", "/c"): IN_USE}) as (backend, asked):
        with pytest.raises(ContainerNotEmptyError):
            await backend.delete_container("c")
    assert deletions(asked) == ["DELETE /c"]


async def test_a_container_that_is_counted_late_goes_all_the_same() -> None:
    script: Script = {("HEAD", "/c"): FULL_ONE, ("DELETE", "/c"): REMOVED, ("DELETE", "/c_segments"): REMOVED}
    async with cluster(script) as (backend, asked):
        await backend.delete_container("c")
    assert deletions(asked) == ["DELETE /c", "DELETE /c_segments"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=503), ServiceUnavailableError),
        (Answer(status=403), PermissionDeniedError),
        (reset(), StorageConnectionError),
    ],
)
async def test_a_container_whose_segments_cannot_be_removed_stays(answer: Answer, error: type[Exception]) -> None:
    """Or nobody would find them: who asks again is told that there is no such container."""
    script: Script = {("HEAD", "/c"): EMPTY_ONE, ("DELETE", "/c"): REMOVED, ("DELETE", "/c_segments"): answer}
    async with cluster(script) as (backend, asked):
        with pytest.raises(error):
            await backend.delete_container("c")
    assert "DELETE /c" not in asked


async def test_a_container_with_an_unfinished_upload_stays() -> None:
    script: Script = {
        ("HEAD", "/c"): EMPTY_ONE,
        ("DELETE", "/c"): REMOVED,
        ("DELETE", "/c_segments"): IN_USE,
        ("GET", "/c_segments"): [document([{"name": "a file of others"}]), document(OF_SEGMENTS), document([])],
    }
    async with cluster(script) as (backend, asked):
        with pytest.raises(ContainerNotEmptyError, match="an upload is not finished"):
            await backend.delete_container("c")
    assert deletions(asked) == ["DELETE /c_segments"]


async def test_what_others_keep_among_the_segments_does_not_hold_a_container() -> None:
    script: Script = {
        ("HEAD", "/c"): EMPTY_ONE,
        ("DELETE", "/c"): REMOVED,
        ("DELETE", "/c_segments"): IN_USE,
        ("GET", "/c_segments"): [document([{"name": "a file of others"}]), document([])],
    }
    async with cluster(script) as (backend, asked):
        await backend.delete_container("c")
    assert deletions(asked) == ["DELETE /c_segments", "DELETE /c"]


async def test_uploads_that_are_listed_in_circles() -> None:
    script: Script = {("HEAD", "/c"): EMPTY_ONE, ("GET", "/c_segments"): document([{"name": "a"}])}
    async with cluster(script) as (backend, _):
        await backend.list_uploads("c", prefix="", token=None)
        with pytest.raises(UnexpectedResponseError, match="does not go on"):
            await backend.list_uploads("c", prefix="", token="a")


# Writes that did not happen

STAYS: Script = {
    ("HEAD", "/c_segments"): Answer(status=204),
    ("HEAD", "/c"): EMPTY_ONE,
    ("HEAD", "/c/key"): LARGE,
    ("GET", "/c/key"): document([{"name": f"/c_segments/{SEGMENT}00000001"}]),
}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        # A proxy answers so where what is there has a later time than the write.
        (Answer(status=202), ServiceUnavailableError),
        # Somebody in between who knows nothing of objects does.
        (Answer(body=b"<html>log in</html>"), UnexpectedResponseError),
    ],
)
async def test_an_object_that_was_not_replaced_keeps_its_segments(answer: Answer, error: type[Exception]) -> None:
    writes: Script = {("PUT", "/c/key"): answer, ("COPY", "/c/other"): answer, ("PUT", "/c_segments"): REMOVED}
    async with cluster({**STAYS, **writes}) as (backend, asked):
        with pytest.raises(error):
            await backend.put_object("c", "key", b"new", WriteOptions())
        with pytest.raises(error):
            await backend.copy_object(ObjectRef(container="c", key="other"), "c", "key", None)
        upload = await backend.create_upload("c", "key", WriteOptions())
        part = Part(number=1, offset=0, size=1, etag="0123456789abcdef0123456789abcdef")
        with pytest.raises(error):
            await backend.complete_upload(upload, [part], WriteOptions())
    assert len([line for line in asked if line.startswith(("PUT /c/key", "COPY"))]) >= 3
    assert not [line for line in asked if line.startswith(("DELETE", "POST"))]


async def test_a_conflict_that_comes_late_is_one() -> None:
    late = document({"Response Status": "202 Accepted", "Etag": "x", "Errors": []}, status=202)
    async with cluster({**STAYS, ("PUT", "/c/key"): late, ("PUT", "/c_segments"): REMOVED}) as (backend, asked):
        upload = await backend.create_upload("c", "key", WriteOptions())
        parts = [Part(number=n, offset=n, size=1, etag="0123456789abcdef0123456789abcdef") for n in range(1, 102)]
        with pytest.raises(ServiceUnavailableError):
            await backend.complete_upload(upload, parts, WriteOptions())
    assert not [line for line in asked if line.startswith(("DELETE", "POST"))]


async def test_new_headers_of_a_dynamic_large_object_leave_it_one() -> None:
    """What is not sent with a POST is gone, the name of its segments too."""
    seen: list[Seen] = []

    def post(request: Seen) -> Answer:
        seen.append(request)
        return Answer(status=202)

    found = Answer(headers={"X-Object-Manifest": "other/prefix%20x", "ETag": '"x"', "Content-Length": "3"})
    script: Script = {("HEAD", "/c/key"): found, ("POST", "/c/key"): post}
    async with cluster(script) as (backend, _):
        administration = backend.administration()
        await administration.update_object(ObjectRef(container="c", key="key"), WriteOptions(metadata={"a": "b"}))
    assert [request.headers["x-object-manifest"] for request in seen] == ["other/prefix%20x"]


async def test_a_page_that_somebody_else_answers_with_changes_nothing() -> None:
    found = Answer(headers={"ETag": '"x"', "Content-Length": "3"})
    async with cluster({("HEAD", "/c/key"): found, ("POST", "/c/key"): Answer(body=b"<html>")}) as (backend, _):
        with pytest.raises(UnexpectedResponseError, match="202"):
            await backend.administration().update_object(ObjectRef(container="c", key="key"), WriteOptions())


async def test_a_page_of_ceph_that_is_not_full_is_not_the_last() -> None:
    """It announces 10,000 names on a page, and gives 1,000."""
    ceph = {"swift": {"max_object_name_size": 1024, "container_listing_limit": 10_000}}
    entries = [{"name": name, "bytes": 1, "hash": "x"} for name in ("a", "b")]
    pages = [document(entries), document([])]
    async with cluster({("GET", "/info"): document(ceph), ("GET", "/c"): pages}) as (backend, _):
        first = await backend.list_objects("c", ListQuery(), token=None)
        assert first.next_token is not None
        assert (await backend.list_objects("c", ListQuery(), token=first.next_token)).next_token is None
    async with cluster({("GET", "/c"): document(entries)}) as (backend, _):
        assert (await backend.list_objects("c", ListQuery(), token=None)).next_token is None


# Large objects


async def test_an_upload_that_is_given_up_deletes_every_segment_that_was_begun() -> None:
    """Those that are not listed (yet) are perhaps on their way, and lose against the deletion."""
    bodies: list[bytes] = []

    def delete(seen: Seen) -> Answer:
        bodies.append(seen.body)
        return report("200 OK", deleted=1, missing=2)

    script: Script = {
        ("HEAD", "/c"): Answer(status=204, headers={"X-Storage-Policy": "gold"}),
        ("PUT", "/c_segments"): Answer(status=202),
        ("GET", "/c_segments"): document([]),
        ("POST", ""): delete,
    }
    async with cluster(script) as (backend, _):
        upload = await backend.create_upload("c", "key", WriteOptions())
        for number in (1, 3):
            with pytest.raises(UploadNotFoundError):  # for want of a script
                await backend.upload_part(upload, number, 0, b"x")
        await backend.abort_upload(upload)
        prefix = f"/c_segments/key/slo/{upload.upload_id}/0000000"
        assert bodies == [f"{prefix}1\n{prefix}2\n{prefix}3\n".encode()]
        with pytest.raises(UploadNotFoundError):
            await backend.abort_upload(upload)


async def test_an_upload_whose_completion_was_not_answered_is_not_given_up() -> None:
    """The manifest may be there: then the segments are the object's, and no deletion is sent."""
    script: Script = {
        ("HEAD", "/c"): Answer(status=204),
        ("PUT", "/c_segments"): Answer(status=202),
        ("GET", "/c_segments"): document([]),
        ("HEAD", "/c/key"): GONE,
        ("PUT", "/c/key"): reset(),
    }
    async with cluster(script) as (backend, asked):
        upload = await backend.create_upload("c", "key", WriteOptions())
        with pytest.raises(StorageConnectionError):
            await backend.complete_upload(upload, [Part(number=1, offset=0, size=1, etag="x")], WriteOptions())
        script["HEAD", "/c/key"] = LARGE
        script["GET", "/c/key"] = document([{"name": f"/c_segments/key/slo/{upload.upload_id}/00000001"}])
        with pytest.raises(UploadNotFoundError):
            await backend.abort_upload(upload)
        assert not [line for line in asked if line.startswith(("DELETE", "POST"))]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (document({"Errors": [["/c_segments/1", "404 Not Found"]]}, 400), UploadNotFoundError),
        (
            document({"Response Status": "400 Bad Request", "Errors": [["/x", "404 Not Found"]]}, 202),
            UploadNotFoundError,
        ),
        (document({"Errors": [["/1", "404 Not Found"], ["/2", "Etag Mismatch"]]}, 400), InvalidArgumentError),
        (document({"Response Status": "503 Busy", "Errors": []}, 202), ServiceUnavailableError),
        (Answer(status=404), ContainerNotFoundError),
    ],
)
async def test_a_manifest_that_is_refused(answer: Answer, kind: type[Exception]) -> None:
    """It matters what is missing: the segments, or the container."""
    script: Script = {
        ("HEAD", "/c"): Answer(status=204),
        ("PUT", "/c_segments"): Answer(status=202),
        ("PUT", "/c/key"): answer,
    }
    async with cluster(script) as (backend, _):
        upload = await backend.create_upload("c", "key", WriteOptions())
        with pytest.raises(kind):
            await backend.complete_upload(upload, [Part(number=1, offset=0, size=1, etag="x")], WriteOptions())


@pytest.mark.parametrize("header", ["X-Versions-Location", "X-History-Location"])
async def test_segments_stay_where_older_versions_are_kept_elsewhere(header: str) -> None:
    script: Script = {
        ("HEAD", "/c_segments"): Answer(status=204),
        ("HEAD", "/c"): Answer(status=204, headers={header: "archive"}),
        ("HEAD", "/c/key"): LARGE,
        ("PUT", "/c/key"): OK,
        ("GET", "/c/key"): document([{"name": f"/c_segments/{SEGMENT}00000001"}]),
        ("GET", "/c_segments"): [document([{"name": f"{SEGMENT}00000001", "bytes": 1, "hash": "x"}]), document([])],
    }
    async with cluster(script) as (backend, asked):
        await backend.put_object("c", "key", b"", WriteOptions())
        page = await backend.list_uploads("c", prefix="", token=None)
        assert page.items == []
        assert not [line for line in asked if line.startswith(("DELETE", "POST"))]


async def test_segments_of_an_object_below_stay() -> None:
    below = f"/c_segments/key/{SEGMENT}00000001"  # of key/key, which other software has copied with its manifest
    script: Script = {
        ("HEAD", "/c_segments"): Answer(status=204),
        ("HEAD", "/c"): Answer(status=204),
        ("HEAD", "/c/key"): LARGE,
        ("GET", "/c/key"): document([{"name": below}, {"name": f"/c_segments/{SEGMENT}00000002"}]),
        ("DELETE", "/c/key"): Answer(status=204),
        ("DELETE", f"/c_segments/{SEGMENT}00000002"): Answer(status=204),
    }
    async with cluster(script) as (backend, asked):
        await backend.delete_object("c", "key")
        deleted = [line for line in asked if line.startswith(("DELETE", "POST"))]
    assert deleted == ["DELETE /c/key", f"DELETE /c_segments/{SEGMENT}00000002"]


async def test_a_listing_of_segments_that_goes_in_circles() -> None:
    script: Script = {
        ("HEAD", "/c"): Answer(status=204),
        ("PUT", "/c_segments"): Answer(status=202),
        ("GET", "/c_segments"): document([{"name": f"{SEGMENT}00000001", "bytes": 1, "hash": "x"}]),
    }
    async with cluster(script) as (backend, _):
        upload = await backend.create_upload("c", "key", WriteOptions())
        with pytest.raises(UnexpectedResponseError):
            await backend.abort_upload(upload)


async def test_segments_that_cannot_be_removed_do_not_undo_what_was_done(caplog: pytest.LogCaptureFixture) -> None:
    script: Script = {
        ("HEAD", "/c_segments"): Answer(status=204),
        ("HEAD", "/c"): Answer(status=204),
        ("HEAD", "/c/key"): LARGE,
        ("GET", "/c/key"): document([{"name": f"/c_segments/{SEGMENT}0000000{number}"} for number in (1, 2)]),
        ("PUT", "/c/key"): OK,
        ("POST", ""): Answer(status=503),
    }
    async with cluster(script) as (backend, _):
        with caplog.at_level(logging.WARNING, "aiostorage"):
            await backend.put_object("c", "key", b"", WriteOptions())
    assert "2 segments in 'c_segments' may be left behind" in caplog.text


async def test_the_segments_of_an_unfinished_upload_are_told_in_pages() -> None:
    names = [f"{SEGMENT}0000000{number}" for number in (1, 2)]
    other = "of somebody else"
    script: Script = {
        ("HEAD", "/c"): Answer(status=204),
        ("GET", "/c_segments"): [
            document([{"name": name, "bytes": 1, "hash": "x"} for name in names]),
            document([{"name": other, "bytes": 1, "hash": "x"}]),
            document([]),
        ],
    }
    async with cluster(script) as (backend, asked):
        first = await backend.list_uploads("c", prefix="", token=None)
        (upload,) = first.items
        assert (upload.key, upload.upload_id) == ("key", SEGMENT.split("/")[2])
        second = await backend.list_uploads("c", prefix="", token=first.next_token)
        assert (second.items, second.next_token) == ([], other)
        assert (await backend.list_uploads("c", prefix="", token=other)).next_token is None
        # What is left of the upload that was told of is not looked at again.
        assert f"GET /c_segments?format=json&marker={SEGMENT}:" in asked


async def test_uploads_to_a_container_that_is_missing() -> None:
    async with cluster({}) as (backend, asked):
        with pytest.raises(ContainerNotFoundError):
            await backend.create_upload("c", "key", WriteOptions())
        with pytest.raises(ContainerNotFoundError):
            await backend.list_uploads("c", prefix="", token=None)
        assert not [line for line in asked if line.startswith("PUT")]


async def test_an_object_that_was_replaced_is_not_updated() -> None:
    async with cluster({("HEAD", "/c/key"): LARGE}) as (backend, asked):
        ref = ObjectRef(container="c", key="key", if_match="another")
        with pytest.raises(ObjectChangedError):
            await backend.administration().update_object(ref, WriteOptions())
        assert asked == ["HEAD /c/key"]


# Content delivery


@pytest.mark.verifies("CDN (X-CDN): found and enabled and purged", on="fake")
async def test_the_cdn_of_an_account() -> None:
    delivered = {"X-CDN-Enabled": "True", "X-CDN-SSL-URI": "https://cdn.example/c", "X-CDN-URI": "http://cdn.example/c"}
    script: Script = {
        ("PUT", "/cdn/c"): Answer(status=201),
        ("HEAD", "/cdn/c"): Answer(status=204, headers=delivered),
        ("DELETE", "/cdn/c/a b"): Answer(status=204),
    }
    async with cluster(script) as (backend, asked):
        with pytest.raises(UnsupportedError):
            backend.cdn("c")
        with pytest.raises(UnsupportedError):
            await backend.read_cdn("other")
        await backend.enable_cdn("c", ttl_s=3600)
        cdn = backend.cdn("c")
        assert cdn.url("a b") == "https://cdn.example/c/a%20b"
        await cdn.purge(["a b"], prefixes=[])
        assert asked[-1] == "DELETE /cdn/c/a b"
        with pytest.raises(UnsupportedError):
            await cdn.purge([], prefixes=["a"])
        with pytest.raises(UnsupportedError):
            await cdn.signed_url("a b", CDNPolicy())
        await backend.disable_cdn("c")
        with pytest.raises(UnsupportedError):
            backend.cdn("c")
        await backend.enable_cdn("c")
        script["HEAD", "/cdn/c"] = Answer(status=204, headers={**delivered, "X-CDN-Enabled": "False"})
        with pytest.raises(UnsupportedError):  # others have changed it meanwhile
            await backend.read_cdn("c")


async def test_what_is_signed_lives_for_a_second_at_least() -> None:
    async with cluster({}) as (backend, _):
        with pytest.raises(InvalidArgumentError):
            await backend.presign("GET", "c", "key", PresignOptions(expires_in_s=0.5))
        with pytest.raises(InvalidArgumentError):
            await backend.form_post("c", "key", FormPost(expires_in_s=math.inf))


async def test_a_public_url() -> None:
    options = {"token": "t", "storage_url": "https://host/v1/a"}
    backend = SwiftBackend(**options, cdn="https://{container}.example")  # type: ignore[arg-type]  # a table
    assert backend.capabilities.cdn
    assert backend.cdn("c").url("a b") == "https://c.example/a%20b"
    with pytest.raises(InvalidArgumentError):
        SwiftBackend(**options, cdn="nonsense")  # type: ignore[arg-type]  # the same


async def test_an_account_whose_url_says_no_version_is_not_asked_and_cannot_sign() -> None:
    async with ScriptedServer(answer=lambda _: Answer(status=204)) as server:
        backend = SwiftBackend(token="t", storage_url=f"{server.url}/account", temp_url_key="k")
        await backend.head_container("c")
        assert [seen.target for seen in server.seen] == ["/account/c"]
        with pytest.raises(InvalidArgumentError):
            await backend.presign("GET", "c", "key", PresignOptions())
        await backend.aclose()


# Logins


@pytest.mark.verifies("credentials: Keystone 2", on="fake")
async def test_version_2_of_keystone_from_the_login_to_a_token_that_is_replaced() -> None:
    """Nobody runs it any more, so this is checked against its documents only.

    Source: https://docs.openstack.org/keystone/pike/contributor/http-api.html
    """
    logins: list[object] = []

    def answer(seen: Seen) -> Answer:
        if seen.target == "/v2.0/tokens":
            logins.append(json.loads(seen.body))
            endpoint = {"region": "one", "publicURL": f"{server.url}/v1/AUTH_a", "adminURL": "http://127.0.0.1:9/"}
            other = {"region": "two", "publicURL": "http://127.0.0.1:9/v1/AUTH_a"}
            access = {
                "token": {"id": f"token-{len(logins)}", "expires": "2036-01-01T00:00:00Z", "tenant": {"name": "demo"}},
                "serviceCatalog": [
                    {"type": "identity", "endpoints": [endpoint]},
                    {"type": "object-store", "endpoints": [other, endpoint]},
                ],
            }
            return document({"access": access})
        if seen.target == "/info":
            return document(INFO)
        is_known = seen.headers.get("x-auth-token") == "token-2"
        return document([{"name": "photos", "count": 0, "bytes": 0}]) if is_known else Answer(status=401)

    async with ScriptedServer(answer=answer) as server:
        backend = SwiftBackend(
            auth_url=f"{server.url}/v2.0",
            username="demo",
            password="geheim",
            project_name="demo",
            region="one",
            retry=RetryPolicy(max_attempts=2, base_s=0),
        )
        try:
            page = await backend.list_containers(prefix="", token=None)
        finally:
            await backend.aclose()
    assert [item.name for item in page.items] == ["photos"]
    login = {"passwordCredentials": {"username": "demo", "password": "geheim"}, "tenantName": "demo"}
    assert logins == [{"auth": login}] * 2
