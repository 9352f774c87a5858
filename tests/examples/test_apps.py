"""The example applications answer as HTTP says, and stream."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import shutil
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.examples.apps import APPS, MIB, App, blocks, environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.servers.base import S3Server

CONTENT = bytes(range(256)) * 4
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


@pytest.fixture(scope="module", params=APPS)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    store = tmp_path_factory.mktemp("store").as_uri()
    with App(request.param, environment(f"{store}?part_size_bytes={MIB}&concurrency=2")) as server:
        yield server


@pytest.fixture
def etag(app: App) -> str:
    """The etag of an object with ``CONTENT``, named ``bytes.bin``."""
    assert app.send("PUT", "/bytes.bin", body=CONTENT).status == 201
    return app.send("HEAD", "/bytes.bin").headers["etag"]


def test_what_goes_in_comes_out(app: App) -> None:
    stored = app.send("PUT", "/a/cat.jpg", {"Content-Type": "image/jpeg", "Cache-Control": "no-store"}, CONTENT)
    assert stored.status == 201
    assert json.loads(stored.body)["size"] == len(CONTENT)
    sent = app.send("GET", "/a/cat.jpg")
    assert (sent.status, sent.body) == (200, CONTENT)
    assert sent.headers["content-length"] == str(len(CONTENT))
    assert sent.headers["content-type"] == "image/jpeg"
    assert sent.headers["cache-control"] == "no-store"
    assert sent.headers["accept-ranges"] == "bytes"
    assert sent.headers["etag"] == f'"{json.loads(stored.body)["etag"]}"'


@pytest.mark.parametrize("name", ["a//b", "100%", "ä/€ 😀", "a+b", "?#&", "x/../y", "-", "a/"])
def test_names_come_through(app: App, name: str) -> None:
    assert app.send("PUT", f"/{quote(name)}", body=b"x").status == 201
    assert app.send("GET", f"/{quote(name)}").body == b"x"
    assert name in {entry["name"] for entry in json.loads(app.send("GET", "").body)}
    assert app.send("DELETE", f"/{quote(name)}").status == 204


def test_a_head_has_no_body(app: App, etag: str) -> None:
    answer = app.send("HEAD", "/bytes.bin", {"Range": "bytes=0-1"})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))


def test_an_empty_object(app: App) -> None:
    app.send("PUT", "/empty", body=b"")
    answer = app.send("GET", "/empty")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert app.send("GET", "/empty", {"Range": "bytes=0-"}).headers["content-range"] == "bytes */0"
    assert app.send("GET", "/empty", {"Range": "bytes=-5"}).status == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("0-9", 0, 10), ("1000-", 1000, 1024), ("-10", 1014, 1024), ("-5000", 0, 1024), ("1000-5000", 1000, 1024)],
)
@pytest.mark.parametrize("condition", [None, "If-Range"])
def test_ranges(app: App, etag: str, asked: str, start: int, stop: int, condition: str | None) -> None:
    answer = app.send("GET", "/bytes.bin", {"Range": f"bytes={asked}"} | ({condition: etag} if condition else {}))
    assert (answer.status, answer.body) == (206, CONTENT[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/1024"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.headers["etag"] == etag


@pytest.mark.parametrize("asked", ["bytes=5-4", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=-0", "bytes=-"])
def test_what_is_no_single_range_is_ignored(app: App, etag: str, asked: str) -> None:
    answer = app.send("GET", "/bytes.bin", {"Range": asked})
    assert (answer.status, answer.body) == (200, CONTENT)


def test_a_range_beyond_the_end(app: App, etag: str) -> None:
    answer = app.send("GET", "/bytes.bin", {"Range": "bytes=1024-"})
    assert (answer.status, answer.body, answer.headers["content-range"]) == (416, b"", "bytes */1024")


def test_conditions_of_reads(app: App, etag: str) -> None:
    def get(**conditions: str) -> tuple[int, bytes]:
        headers = {name.replace("_", "-"): value for name, value in conditions.items()}
        answer = app.send("GET", "/bytes.bin", headers)
        if answer.status == 304:
            assert answer.headers["etag"] == etag
            assert "content-type" not in answer.headers
        return answer.status, answer.body

    assert get(If_None_Match=etag) == (304, b"")
    assert get(If_None_Match=f'"x", W/{etag}') == (304, b"")
    assert get(If_None_Match='"x"') == (200, CONTENT)
    assert get(If_None_Match=etag, Range="bytes=0-1") == (304, b"")
    assert get(If_Match='"x"') == (412, b"")
    assert get(If_Match=etag, Range="bytes=0-1") == (206, CONTENT[:2])
    assert get(If_Range='"x"', Range="bytes=0-1") == (200, CONTENT)


def test_conditions_of_writes(app: App) -> None:
    assert app.send("PUT", "/once", {"If-None-Match": "*"}, b"1").status == 201
    assert app.send("PUT", "/once", {"If-None-Match": "*"}, b"2").status == 412
    assert app.send("PUT", "/once", {"If-None-Match": "*"}, blocks(3)).status == 412
    assert app.send("PUT", "/once", {"If-Match": '"x"'}, b"2").status == 412
    before = app.send("GET", "/once")
    assert before.body == b"1"
    assert app.send("PUT", "/once", {"If-Match": before.headers["etag"]}, b"2").status == 201
    assert app.send("PUT", "/once", {"If-None-Match": '"x"'}, b"3").status == 400
    assert app.send("DELETE", "/once").status == 204


def test_what_cannot_be(app: App) -> None:
    missing = app.send("GET", "/missing")
    assert missing.status == 404
    assert json.loads(missing.body).keys() == {"error"}
    assert app.send("HEAD", "/missing").status == 404
    assert app.send("GET", "/missing", {"Range": "bytes=0-1"}).status == 404
    assert app.send("PUT", f"/{'x' * 1025}", body=b"x").status == 400
    assert app.send("GET", f"/{'x' * 1025}").status == 400


def test_a_listing_goes_on_after_the_last_name(app: App) -> None:
    for number in range(3):
        app.send("PUT", f"/list/{number}", body=b"x" * number)
    every = json.loads(app.send("GET", "?prefix=list/").body)
    assert [(entry["name"], entry["size"]) for entry in every] == [("list/0", 0), ("list/1", 1), ("list/2", 2)]
    after = json.loads(app.send("GET", "?prefix=list/&after=list/1").body)
    assert [entry["name"] for entry in after] == ["list/2"]
    if app.name == "fastapi_app":
        assert len(json.loads(app.send("GET", "?prefix=list/&limit=2").body)) == 2


def test_what_is_compressed_stays_so(app: App) -> None:
    packed = gzip.compress(b"text")
    app.send("PUT", "/text", {"Content-Encoding": "gzip"}, packed)
    answer = app.send("GET", "/text")
    assert (answer.headers["content-encoding"], answer.body) == ("gzip", packed)


@needs_curl
def test_curl(app: App, tmp_path: Path) -> None:
    def curl(*arguments: str, source: bytes | None = None) -> bytes:
        command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", *arguments]
        return subprocess.run(command, input=source, capture_output=True, check=True).stdout

    (tmp_path / "cat.jpg").write_bytes(CONTENT)
    curl("-T", str(tmp_path / "cat.jpg"), f"{app.url}/curl/cat.jpg")
    curl("-T", "-", f"{app.url}/curl/stdin", source=CONTENT * 3000)
    assert curl(f"{app.url}/curl/stdin") == CONTENT * 3000
    for asked, expected in {"0-9": CONTENT[:10], "-7": CONTENT[-7:], "1020-": CONTENT[1020:]}.items():
        assert curl("-r", asked, f"{app.url}/curl/cat.jpg") == expected
    (tmp_path / "partly.jpg").write_bytes(CONTENT[:100])
    curl("-C", "-", "-o", str(tmp_path / "partly.jpg"), f"{app.url}/curl/cat.jpg")
    assert (tmp_path / "partly.jpg").read_bytes() == CONTENT
    curl("--etag-save", str(tmp_path / "etag"), "-o", str(tmp_path / "1"), f"{app.url}/curl/cat.jpg")
    again = ["--etag-compare", str(tmp_path / "etag"), "-w", "%{http_code}"]
    assert curl(*again, f"{app.url}/curl/cat.jpg") == b"304"
    if app.name == "fastapi_app":
        curl("-F", f"file=@{tmp_path / 'cat.jpg'};filename=curl/form.jpg", app.url)
        assert curl(f"{app.url}/curl/form.jpg") == CONTENT
    curl("-X", "DELETE", f"{app.url}/curl/cat.jpg")
    with pytest.raises(subprocess.CalledProcessError):
        curl(f"{app.url}/curl/cat.jpg")


LARGE = 96
"""MiB that are moved, while two parts of 1 MiB are under way at once."""
ROOM = 32 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux tells it")
def test_large_bodies_pass_through_little_memory(app: App) -> None:
    expected = hashlib.sha256()
    for block in blocks(LARGE):
        expected.update(block)
    app.send("PUT", "/large", body=blocks(3))
    app.send("GET", "/large")
    before = app.peak()

    assert app.send("PUT", "/large", body=blocks(LARGE)).status == 201
    assert app.peak() - before < ROOM

    received = hashlib.sha256()
    with closing(http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)) as connection:
        connection.request("GET", "/files/large")
        answer = connection.getresponse()
        received.update(answer.read(1000))
        for _ in range(20):  # meanwhile the server could read ahead, if nothing held it back
            app.send("HEAD", "/large")
        while chunk := answer.read(MIB):
            received.update(chunk)
    assert received.digest() == expected.digest()
    assert app.peak() - before < ROOM

    if app.name == "fastapi_app":
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        assert app.send("POST", "", form, as_form("large-form", blocks(LARGE))).status == 201
        assert hashlib.sha256(app.send("GET", "/large-form").body).digest() == expected.digest()
        assert app.peak() - before < ROOM


def as_form(filename: str, content: Iterable[bytes]) -> Iterator[bytes]:
    yield f'--b\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode()
    yield from content
    yield b"\r\n--b--\r\n"


@pytest.mark.parametrize("script", APPS)
def test_on_s3(script: str, s3_server: S3Server) -> None:
    url = f"s3://?endpoint={s3_server.endpoint}&region={s3_server.region}&vendor={s3_server.name}"
    content = b"".join(blocks(12))
    with App(script, environment(url) | s3_server.environ()) as app:
        assert app.send("PUT", "/big", {"Content-Type": "x/y"}, blocks(12)).status == 201
        whole = app.send("GET", "/big")
        assert whole.body == content
        assert whole.headers["content-type"] == "x/y"
        answer = app.send("GET", "/big", {"Range": f"bytes={9 * MIB}-{9 * MIB + 9}"})
        assert (answer.status, answer.body) == (206, content[9 * MIB : 9 * MIB + 10])
        assert app.send("GET", "/big", {"Range": "bytes=-5"}).body == content[-5:]
        assert (
            app.send("GET", "/big", {"Range": f"bytes={12 * MIB}-"}).headers["content-range"] == f"bytes */{12 * MIB}"
        )
        assert app.send("GET", "/big", {"If-None-Match": whole.headers["etag"]}).status == 304
        assert app.send("DELETE", "/big").status == 204
        assert app.send("GET", "/big").status == 404
