"""Google's own client stores and reads what it stores and reads at the service."""

from __future__ import annotations

import base64
import gzip
import io
import os
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.testing.google import api_exceptions as exceptions
from tests.unit.testing.google import crc32c, storage, storage_exceptions, transfer_manager
from tests.unit.testing.with_google import BLOCK, DATA, authorized, blob, names

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.testing.conftest import Running


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
