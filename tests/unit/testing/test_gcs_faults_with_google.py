"""Google's own client gets over what the server lets go wrong."""

from __future__ import annotations

import gc
import io
import random
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.testing.google import AnonymousCredentials, api_exceptions, storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.testing.conftest import Running

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored .+<socket:pytest.PytestUnraisableExceptionWarning")

BLOCK = 256 * 1024
DATA = random.Random(4).randbytes(4 * BLOCK + 9)


@pytest.fixture
def fail(gcs: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Let something go wrong; nobody waits before trying again."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(storage.blob, "_MAX_MULTIPART_SIZE", 0)  # or small ones are never resumable

    def add(**fault: Any) -> None:
        assert requests.post(f"{gcs.endpoint}/_testing/faults", json=fault).status_code == 200

    yield add
    assert requests.delete(f"{gcs.endpoint}/_testing/faults").json() == {"waiting": 0}
    gc.collect()  # the client leaves the connection of a failed download to the collector


def waiting(gcs: Running) -> int:
    number: int = requests.get(f"{gcs.endpoint}/_testing/faults").json()["waiting"]
    return number


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_refusals(gcs: Running, bucket: Any, fail: Callable[..., None], status: int) -> None:
    fail(method="POST", path="/upload/", status=status, times=2, retry_after="0")
    fail(method="PUT", path="upload_id", status=status)
    bucket.blob("refused").upload_from_string(DATA, if_generation_match=0)
    fail(method="GET", path="alt=media", status=status)
    assert bucket.blob("refused").download_as_bytes() == DATA
    assert waiting(gcs) == 0


def test_a_refusal_in_the_middle_of_a_resumable_upload(gcs: Running, bucket: Any, fail: Callable[..., None]) -> None:
    made = bucket.blob("resumed", chunk_size=BLOCK)
    fail(method="PUT", path="upload_id", status=503)
    made.upload_from_file(io.BytesIO(DATA), size=len(DATA), if_generation_match=0)
    assert bucket.blob("resumed").download_as_bytes() == DATA
    assert waiting(gcs) == 0


def test_an_answer_that_is_lost(gcs: Running, bucket: Any, fail: Callable[..., None]) -> None:
    """What is done is done: the second try meets what the first has made."""
    made = bucket.blob("lost")
    made.upload_from_string(DATA)
    fail(method="DELETE", path="/o/lost", answer_bytes=-1)
    with pytest.raises(api_exceptions.NotFound):
        made.delete(if_generation_match=made.generation)
    assert not made.exists()
    assert waiting(gcs) == 0


def test_the_last_answer_of_a_resumable_upload_is_lost(gcs: Running, bucket: Any, fail: Callable[..., None]) -> None:
    fail(method="PUT", path="upload_id", answer_bytes=-1)
    bucket.blob("lost").upload_from_string(DATA, if_generation_match=0)
    assert bucket.blob("lost").download_as_bytes() == DATA
    assert waiting(gcs) == 0


def test_a_connection_that_breaks_while_a_chunk_is_sent(gcs: Running, bucket: Any, fail: Callable[..., None]) -> None:
    made = bucket.blob("cut", chunk_size=3 * BLOCK)
    fail(method="PUT", path="upload_id", body_bytes=BLOCK + 100)
    made.upload_from_file(io.BytesIO(DATA), size=len(DATA), if_generation_match=0)
    assert bucket.blob("cut").download_as_bytes() == DATA
    assert waiting(gcs) == 0


def test_a_download_that_breaks_off(gcs: Running, bucket: Any, fail: Callable[..., None]) -> None:
    bucket.blob("broken").upload_from_string(DATA)
    fail(method="GET", path="alt=media", answer_bytes=1000)
    assert bucket.blob("broken").download_as_bytes() == DATA
    assert waiting(gcs) == 0


def test_the_variable_by_which_clients_find_an_emulator(
    gcs: Running, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.endpoint)
    with storage.Client(project="test-project", credentials=AnonymousCredentials()) as client:
        made = client.bucket(bucket.name).blob("found")
        made.upload_from_string(b"content")
        assert client.bucket(bucket.name).blob("found").download_as_bytes() == b"content"
        assert made.media_link.startswith(gcs.endpoint)
