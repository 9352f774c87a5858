"""Google's own client lists, compares, copies, batches and locks as it does at the service."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.testing.google import api_exceptions as exceptions
from tests.unit.testing.google import crc32c
from tests.unit.testing.with_google import BLOCK, DATA, authorized, blob, names

if TYPE_CHECKING:
    from tests.unit.testing.conftest import Running


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


def test_retention_of_one_object(client: Any, bucket: Any) -> None:
    locking = client.bucket(f"{bucket.name}-locking")
    locking.create(enable_object_retention=True)
    kept = blob(locking, "kept")
    kept.retention.mode, kept.retention.retain_until_time = "Unlocked", datetime(2036, 1, 1, tzinfo=UTC)
    kept.patch()
    for refused in (kept.delete, lambda: blob(locking, "kept", b"new")):
        with pytest.raises(exceptions.Forbidden, match="retention"):
            refused()
    kept.retention.retain_until_time = datetime(2035, 1, 1, tzinfo=UTC)
    with pytest.raises(exceptions.Forbidden, match="overrideUnlockedRetention"):
        kept.patch()
    kept.patch(override_unlocked_retention=True)
    kept.retention.mode = "Locked"
    with pytest.raises(exceptions.Forbidden, match="overrideUnlockedRetention"):
        kept.patch()
    kept.patch(override_unlocked_retention=True)
    kept.retention.retain_until_time = datetime(2034, 1, 1, tzinfo=UTC)
    with pytest.raises(exceptions.Forbidden, match="locked"):
        kept.patch(override_unlocked_retention=True)


def test_custom_time_only_grows(bucket: Any) -> None:
    made = blob(bucket, "timed", custom_time=datetime(2026, 5, 1, tzinfo=UTC))
    made.custom_time = datetime(2026, 4, 1, tzinfo=UTC)
    with pytest.raises(exceptions.BadRequest):
        made.patch()
