"""Google's own client does with the server what it does with the service."""

from __future__ import annotations

import base64
import gzip
import io
import os
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.testing.google import api_exceptions as exceptions
from tests.unit.testing.google import crc32c, service_account, storage, storage_exceptions, transfer_manager

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.testing.conftest import Running

BLOCK = 256 * 1024
DATA = random.Random(1).randbytes(3 * BLOCK + 77)


def blob(bucket: Any, name: str, data: bytes = b"content", **properties: Any) -> Any:
    made = bucket.blob(name)
    for key, value in properties.items():
        setattr(made, key, value)
    made.upload_from_string(data, content_type=properties.get("content_type", "text/plain"))
    return made


def names(pages: Any) -> list[str]:
    return [found.name for found in pages]


# Buckets


def test_buckets_are_made_changed_and_removed(client: Any) -> None:
    bucket = client.create_bucket("made-and-changed", location="eu")
    assert (bucket.location, bucket.metageneration) == ("EU", 1)
    bucket.labels = {"team": "storage"}
    bucket.versioning_enabled = True
    bucket.patch()
    again = client.get_bucket("made-and-changed")
    assert (again.labels, again.versioning_enabled, again.metageneration) == ({"team": "storage"}, True, 2)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.delete(if_metageneration_match=1)
    with pytest.raises(exceptions.Conflict):
        client.create_bucket("made-and-changed")
    assert "made-and-changed" in names(client.list_buckets(prefix="made-"))
    bucket.delete()
    assert client.lookup_bucket("made-and-changed") is None


@pytest.mark.parametrize("name", ["A-capital", "ab", "-dash", "my..dots", "192.168.1.1", "goog-mine", "x" * 64])
def test_names_that_no_bucket_can_have(client: Any, name: str) -> None:
    with pytest.raises((exceptions.BadRequest, ValueError)):
        client.create_bucket(name)


def test_a_bucket_that_is_not_empty_stays(bucket: Any) -> None:
    blob(bucket, "there")
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    bucket.delete(force=True)
    assert not bucket.exists()


def test_buckets_come_in_pages(grudging_gcs: Running) -> None:
    client = authorized(grudging_gcs)
    made = [client.create_bucket(f"page-{number:02}").name for number in range(9)]
    assert names(client.list_buckets(prefix="page-")) == made


def test_a_policy_is_kept(bucket: Any) -> None:
    policy = bucket.get_iam_policy()
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:somebody@example.com"}})
    bucket.set_iam_policy(policy)
    assert bucket.get_iam_policy().bindings == policy.bindings
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]


# Uploads


def test_an_object_with_all_its_properties(bucket: Any) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    blob(
        bucket,
        "folder/ünïcode & +%2F?#",
        DATA,
        content_type="image/x-test",
        cache_control="no-store",
        content_disposition="attachment",
        content_language="de",
        metadata={"colour": "grün", "Upper": "Case"},
        custom_time=moment,
        storage_class="NEARLINE",
    )
    found = bucket.get_blob("folder/ünïcode & +%2F?#")
    assert found is not None
    assert (found.size, found.content_type, found.cache_control) == (len(DATA), "image/x-test", "no-store")
    assert (found.content_disposition, found.content_language) == ("attachment", "de")
    assert (found.metadata, found.custom_time) == ({"colour": "grün", "Upper": "Case"}, moment)
    assert (found.storage_class, found.metageneration) == ("NEARLINE", 1)
    assert found.crc32c == base64.b64encode(crc32c.Checksum(DATA).digest()).decode()
    assert found.download_as_bytes() == DATA


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK, 2 * BLOCK + 1])
@pytest.mark.parametrize("known", [True, False])
def test_chunks_of_a_resumable_upload(bucket: Any, size: int, monkeypatch: pytest.MonkeyPatch, *, known: bool) -> None:
    monkeypatch.setattr(storage.blob, "_MAX_MULTIPART_SIZE", -1)  # or small ones are never resumable
    made = bucket.blob("chunks", chunk_size=BLOCK)
    made.upload_from_file(io.BytesIO(DATA[:size]), size=size if known else None, checksum="crc32c")
    assert made.size == size
    assert made.download_as_bytes(checksum="md5") == DATA[:size]


def test_a_resumable_upload_in_one_piece(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.blob, "_MAX_MULTIPART_SIZE", BLOCK)
    made = bucket.blob("one-piece")
    made.upload_from_file(io.BytesIO(DATA), size=len(DATA))
    assert made.download_as_bytes() == DATA


def test_a_server_that_keeps_less_than_it_is_sent(grudging_gcs: Running) -> None:
    bucket = authorized(grudging_gcs).create_bucket("keeps-less")
    data = random.Random(2).randbytes(5 * BLOCK + 5)
    url = bucket.blob("slow").create_resumable_upload_session(size=len(data))
    kept, requests_made = 0, 0
    with requests.Session() as session:
        while True:
            requests_made += 1
            span = f"bytes {kept}-{len(data) - 1}/{len(data)}"
            answer = session.put(url, data=data[kept:], headers={"Content-Range": span})
            if answer.status_code == 200:
                break
            assert answer.status_code == 308
            kept = int(answer.headers["Range"].rpartition("-")[2]) + 1
    assert requests_made == 6
    assert bucket.blob("slow").download_as_bytes() == data


@pytest.mark.parametrize("checksum", ["md5", "crc32c"])
def test_what_is_not_what_it_should_be_is_refused(bucket: Any, checksum: str) -> None:
    wrong = bucket.blob("wrong")
    wrong.md5_hash, wrong.crc32c = ("1B2M2Y8AsgTpgAmY7PhCfg==", None) if checksum == "md5" else (None, "AAAAAA==")
    wrong.content_type = "text/plain"
    with pytest.raises(exceptions.BadRequest, match="doesn't match calculated"):
        wrong.upload_from_string(b"something", checksum=None)
    assert not bucket.blob("wrong").exists()


def test_a_file_like_writer_and_reader(bucket: Any) -> None:
    with bucket.blob("stream").open("wb", chunk_size=BLOCK) as writer:
        for start in range(0, len(DATA), 100_000):
            writer.write(DATA[start : start + 100_000])
    with bucket.blob("stream").open("rb", chunk_size=BLOCK) as reader:
        assert reader.read(10) == DATA[:10]
        reader.seek(-10, os.SEEK_END)
        assert reader.read() == DATA[-10:]


def test_an_upload_in_concurrent_parts(bucket: Any, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(11 * 1024 * 1024)
    path = tmp_path / "source"
    path.write_bytes(data)
    made = bucket.blob("parts/öne two")
    made.metadata = {"from": "parts"}
    made.content_type = "video/mp4"
    transfer_manager.upload_chunks_concurrently(
        str(path), made, chunk_size=5 * 1024 * 1024, max_workers=2, worker_type=transfer_manager.THREAD
    )
    found = bucket.get_blob("parts/öne two")
    assert found is not None
    assert (found.size, found.content_type, found.metadata) == (len(data), "video/mp4", {"from": "parts"})
    assert found.md5_hash is None
    assert found.crc32c == base64.b64encode(crc32c.Checksum(data).digest()).decode()
    target = tmp_path / "target"
    transfer_manager.download_chunks_concurrently(
        found, str(target), chunk_size=4 * 1024 * 1024, max_workers=2, worker_type=transfer_manager.THREAD
    )
    assert target.read_bytes() == data


# Downloads


def test_ranges(bucket: Any) -> None:
    blob(bucket, "ranged", DATA)
    found = bucket.blob("ranged")
    assert found.download_as_bytes(start=5, end=9) == DATA[5:10]
    assert found.download_as_bytes(start=len(DATA) - 3) == DATA[-3:]
    assert found.download_as_bytes(start=-3) == DATA[-3:]
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        found.download_as_bytes(start=len(DATA))


def test_what_is_compressed_is_decompressed_unless_it_is_wanted_so(bucket: Any) -> None:
    zipped = gzip.compress(b"text" * 1000)  # once: it holds the time of day
    blob(bucket, "zipped", zipped, content_encoding="gzip")
    found = bucket.blob("zipped")
    assert found.download_as_bytes() == b"text" * 1000
    assert found.download_as_bytes(raw_download=True) == zipped


def test_a_download_in_chunks_is_checked(bucket: Any) -> None:
    blob(bucket, "chunked", DATA)
    target = io.BytesIO()
    bucket.blob("chunked", chunk_size=BLOCK).download_to_file(target)
    assert target.getvalue() == DATA
    with pytest.raises(storage_exceptions.DataCorruption):
        corrupted(bucket.blob("chunked"))


def corrupted(found: Any) -> None:
    """Download through a session that changes a byte, to see that the client has something to compare with."""
    session = found.client._http
    send = session.request

    def change(*arguments: Any, **options: Any) -> Any:
        answer = send(*arguments, **options)
        read = answer.raw.stream
        answer.raw.stream = lambda *a, **k: (bytes([piece[0] ^ 1]) + piece[1:] for piece in read(*a, **k))
        return answer

    session.request = change
    try:
        found.download_as_bytes()
    finally:
        session.request = send


# Generations and conditions


def test_conditions_of_every_operation(bucket: Any) -> None:
    first = blob(bucket, "conditional")
    wrong = first.generation + 1
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("conditional").upload_from_string(b"new", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("conditional").download_as_bytes(if_generation_match=wrong)
    with pytest.raises(exceptions.NotModified):
        bucket.blob("conditional").download_as_bytes(if_generation_not_match=first.generation)
    with pytest.raises(exceptions.PreconditionFailed):
        first.reload(if_metageneration_match=2)
    with pytest.raises(exceptions.NotModified):
        first.reload(if_metageneration_not_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        first.delete(if_metageneration_not_match=1)
    with pytest.raises(exceptions.NotModified):
        first.reload(if_etag_not_match=first.etag)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("conditional").delete(if_generation_match=wrong)
    first.metadata = {"a": "b"}
    with pytest.raises(exceptions.PreconditionFailed):
        first.patch(if_metageneration_match=2)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("composed").compose([first], if_source_generation_match=[wrong])
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("first").compose([first], if_generation_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("copied").rewrite(first, if_source_generation_match=wrong)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.copy_blob(first, bucket, "conditional", if_generation_match=0)
    assert bucket.blob("conditional").download_as_bytes(if_generation_match=first.generation) == b"content"
    assert names(bucket.list_blobs()) == ["conditional"]


def test_a_condition_that_no_longer_holds_when_a_resumable_upload_ends(bucket: Any) -> None:
    late = bucket.blob("late", chunk_size=BLOCK)
    url = late.create_resumable_upload_session(size=4, if_generation_match=0)
    blob(bucket, "late", b"first")
    assert requests.put(url, data=b"last").status_code == 412
    assert bucket.blob("late").download_as_bytes() == b"first"
    assert requests.put(url, headers={"Content-Range": "bytes */4"}).status_code == 410


def test_generations_of_a_versioned_bucket(bucket: Any) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    generations = [blob(bucket, "versioned", data).generation for data in (b"one", b"two", b"three")]
    assert generations == sorted(generations)
    bucket.blob("versioned").delete()
    assert not bucket.blob("versioned").exists()
    listed = list(bucket.list_blobs(versions=True))
    assert [found.generation for found in listed] == generations
    assert all(found.time_deleted for found in listed)
    assert bucket.blob("versioned", generation=generations[0]).download_as_bytes() == b"one"
    restored = bucket.copy_blob(listed[1], bucket, "versioned", source_generation=generations[1])
    assert (restored.download_as_bytes(), restored.generation > generations[2]) == (b"two", True)
    bucket.blob("versioned", generation=generations[0]).delete()
    assert [found.generation for found in bucket.list_blobs(versions=True)] == [*generations[1:], restored.generation]


def test_metadata_is_merged_or_replaced(bucket: Any) -> None:
    made = blob(bucket, "changing", metadata={"keep": "1", "drop": "2"}, cache_control="no-cache")
    made.metadata = {"keep": "1", "drop": None, "new": "3"}
    made.patch()
    again = bucket.get_blob("changing")
    assert again is not None
    assert (again.metadata, again.cache_control, again.metageneration) == ({"keep": "1", "new": "3"}, "no-cache", 2)
    again.metadata = {"only": "this"}
    again.update()
    assert again.metadata == {"only": "this"}


# Listing


def test_listing(bucket: Any) -> None:
    for name in ("a/1", "a/2", "b", "b/c/d", "é", "\U0001f600", "z"):
        blob(bucket, name)
    assert names(bucket.list_blobs()) == ["a/1", "a/2", "b", "b/c/d", "z", "é", "\U0001f600"]
    pages = bucket.list_blobs(delimiter="/")
    assert (names(pages), pages.prefixes) == (["b", "z", "é", "\U0001f600"], {"a/", "b/"})
    pages = bucket.list_blobs(prefix="b/", delimiter="/")
    assert (names(pages), pages.prefixes) == ([], {"b/c/"})
    assert names(bucket.list_blobs(start_offset="a/2", end_offset="b/c/d")) == ["a/2", "b"]
    assert names(bucket.list_blobs(match_glob="**/{1,d}")) == ["a/1", "b/c/d"]
    assert names(bucket.list_blobs(max_results=2)) == ["a/1", "a/2"]
    assert [found.size for found in bucket.list_blobs(fields="items(name),nextPageToken")] == [None] * 7


def test_a_folder_that_is_an_object_too(bucket: Any) -> None:
    for name in ("a/", "a/1"):
        blob(bucket, name)
    pages = bucket.list_blobs(delimiter="/", include_trailing_delimiter=True)
    assert (names(pages), pages.prefixes) == (["a/"], {"a/"})
    pages = bucket.list_blobs(delimiter="/", include_trailing_delimiter=True, page_size=1)
    assert (names(pages), pages.prefixes) == (["a/"], {"a/"})


@pytest.mark.parametrize("delimiter", [None, "/"])
def test_pages(grudging_gcs: Running, delimiter: str | None) -> None:
    client = authorized(grudging_gcs)
    bucket = client.create_bucket(f"pages-{'flat' if delimiter is None else 'folders'}")
    made = sorted([f"{number:02}" for number in range(16)] + [f"{number:02}/x" for number in range(16)])
    for name in made:
        blob(bucket, name)
    pages = bucket.list_blobs(delimiter=delimiter)
    found = sorted({*names(pages), *pages.prefixes})
    assert found == (made if delimiter is None else [name.removesuffix("x") for name in made])
    assert pages.page_number == 5


# Copies


def test_composing(bucket: Any) -> None:
    sources = [blob(bucket, f"part-{number}", DATA[number * 1000 : (number + 1) * 1000]) for number in range(32)]
    composed = bucket.blob("composed")
    composed.content_type = "text/x-composed"
    composed.compose(sources)
    assert (composed.component_count, composed.content_type) == (32, "text/x-composed")
    assert composed.md5_hash is None
    assert composed.download_as_bytes(checksum="crc32c") == DATA[:32_000]
    assert composed.crc32c == base64.b64encode(crc32c.Checksum(DATA[:32_000]).digest()).decode()
    bucket.blob("twice").compose([composed, composed])
    twice = bucket.get_blob("twice")
    assert twice is not None
    assert twice.component_count == 64
    with pytest.raises(exceptions.BadRequest, match="exceeds the maximum"):
        bucket.blob("too-many").compose([*sources, composed])
    with pytest.raises(exceptions.NotFound):
        bucket.blob("lacking").compose([bucket.blob("not-there")])


def test_rewriting_in_several_calls(grudging_gcs: Running) -> None:
    bucket = authorized(grudging_gcs).create_bucket("rewriting")
    source = blob(bucket, "source", bytes(2 * 1024 * 1024 + 1), metadata={"kept": "yes"})
    target = bucket.blob("target")
    token, done, total = target.rewrite(source)
    assert (done, total) == (1024 * 1024, source.size)
    assert not bucket.blob("target").exists()
    with pytest.raises(exceptions.BadRequest, match="rewrite token"):
        bucket.blob("other").rewrite(source, token=token)
    calls = 1
    while token is not None:
        token, done, total = target.rewrite(source, token=token)
        calls += 1
    assert (calls, done) == (3, total)
    assert (target.metadata, target.size) == ({"kept": "yes"}, total)


def test_a_token_is_of_one_generation(grudging_gcs: Running) -> None:
    bucket = authorized(grudging_gcs).create_bucket("token-generation")
    source = blob(bucket, "source", bytes(3 * 1024 * 1024))
    token, _, _ = bucket.blob("target").rewrite(source)
    again = blob(bucket, "source", bytes(3 * 1024 * 1024))
    with pytest.raises(exceptions.BadRequest, match="rewrite token"):
        bucket.blob("target").rewrite(again, token=token)


def test_a_storage_class_is_changed_by_rewriting(bucket: Any) -> None:
    made = blob(bucket, "cooling", DATA)
    made.update_storage_class("COLDLINE")
    found = bucket.get_blob("cooling")
    assert found is not None
    assert (found.storage_class, found.download_as_bytes()) == ("COLDLINE", DATA)


def test_moving(bucket: Any) -> None:
    made = blob(bucket, "here", metadata={"a": "b"})
    moved = bucket.move_blob(made, "there", if_source_generation_match=made.generation)
    assert (names(bucket.list_blobs()), moved.metadata) == (["there"], {"a": "b"})
    renamed = bucket.rename_blob(moved, "elsewhere")
    assert (names(bucket.list_blobs()), renamed.download_as_bytes()) == (["elsewhere"], b"content")


# Batches


def test_a_batch(client: Any, bucket: Any) -> None:
    made = [blob(bucket, f"batch ü/{number}") for number in range(5)]
    with client.batch():
        for each in made[:3]:
            each.metadata = {"in": "batch"}
            each.patch()
        made[3].delete()
    assert [found.metadata for found in bucket.list_blobs()] == [{"in": "batch"}] * 3 + [None]
    with pytest.raises(exceptions.PreconditionFailed), client.batch():  # it raises the last error
        made[0].delete()
        made[3].delete()
        made[1].delete(if_generation_match=1)
        made[2].delete()
    assert names(bucket.list_blobs()) == ["batch ü/1", "batch ü/4"]


def test_a_batch_of_more_than_a_hundred(client: Any, bucket: Any) -> None:
    for number in range(101):
        blob(bucket, f"{number:03}")
    with client.batch():
        bucket.delete_blobs([f"{number:03}" for number in range(100)])
    assert names(bucket.list_blobs()) == ["100"]
    batch = "".join(
        "--b\r\nContent-Type: application/http\r\n\r\n"
        f"DELETE /storage/v1/b/{bucket.name}/o/{number:03} HTTP/1.1\r\n\r\n\r\n"
        for number in range(101)
    )
    answer = requests.post(
        f"{client._connection.API_BASE_URL}/batch/storage/v1",
        data=f"{batch}--b--",
        headers={"Content-Type": "multipart/mixed; boundary=b"},
    )
    assert answer.status_code == 400
    assert names(bucket.list_blobs()) == ["100"]


# Encryption, holds and retention


def test_keys_of_the_caller(bucket: Any) -> None:
    key, other = bytes(range(32)), bytes(32)
    made = bucket.blob("secret", encryption_key=key)
    made.upload_from_file(io.BytesIO(DATA), size=len(DATA))
    assert bucket.blob("secret", encryption_key=key).download_as_bytes() == DATA
    found = bucket.get_blob("secret")
    assert found is not None
    assert (found.md5_hash, found.crc32c) == (None, None)
    for wrong in (None, other):
        with pytest.raises(exceptions.BadRequest, match="encrypt"):
            bucket.blob("secret", encryption_key=wrong).download_as_bytes()
    blob(bucket, "open")
    with pytest.raises(exceptions.BadRequest, match="not encrypted"):
        bucket.blob("open", encryption_key=key).download_as_bytes()
    with pytest.raises(exceptions.BadRequest, match="encrypt"):
        bucket.blob("copied").rewrite(bucket.blob("secret"))
    turned = bucket.blob("secret", encryption_key=other)
    turned.rewrite(bucket.blob("secret", encryption_key=key))
    assert bucket.blob("secret", encryption_key=other).download_as_bytes() == DATA


def test_keys_of_the_key_service(bucket: Any) -> None:
    key = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
    made = bucket.blob("managed", kms_key_name=key)
    made.upload_from_string(b"content")
    assert made.kms_key_name == f"{key}/cryptoKeyVersions/1"
    bucket.default_kms_key_name = key
    bucket.patch()
    assert blob(bucket, "default").kms_key_name == f"{key}/cryptoKeyVersions/1"


def test_holds(bucket: Any) -> None:
    held = blob(bucket, "held")
    held.temporary_hold = True
    held.patch()
    with pytest.raises(exceptions.Forbidden, match="active Temporary hold"):
        held.delete()
    with pytest.raises(exceptions.Forbidden, match="active Temporary hold"):
        blob(bucket, "held", b"new")
    held.temporary_hold = False
    held.patch()
    held.delete()
    bucket.default_event_based_hold = True
    bucket.patch()
    assert blob(bucket, "born-held").event_based_hold is True


def test_retention(bucket: Any) -> None:
    bucket.retention_period = 3600
    bucket.patch()
    assert bucket.retention_policy_effective_time is not None
    kept = blob(bucket, "kept")
    assert kept.retention_expiration_time is not None
    assert kept.retention_expiration_time - kept.time_created == timedelta(hours=1)
    with pytest.raises(exceptions.Forbidden, match="retention policy"):
        kept.delete()
    with pytest.raises(exceptions.Forbidden, match="retention policy"):
        blob(bucket, "kept", b"new")
    bucket.lock_retention_policy()
    bucket.retention_period = 60
    with pytest.raises(exceptions.Forbidden):
        bucket.patch()


def test_custom_time_only_grows(bucket: Any) -> None:
    made = blob(bucket, "timed", custom_time=datetime(2026, 5, 1, tzinfo=UTC))
    made.custom_time = datetime(2026, 4, 1, tzinfo=UTC)
    with pytest.raises(exceptions.BadRequest):
        made.patch()


def authorized(server: Running) -> Any:
    """A client for the server that wants to know who calls."""
    return server.client(service_account.Credentials.from_service_account_info(server.file("service_account")))
