"""The page for browsers, used as they use it: its form posted, and its script's requests made."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.examples.apps import MIB, App, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.servers.ceph import CephServer


class Form(HTMLParser):
    """Where the form of a page goes, and what it holds."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.url = ""
        self.fields: dict[str, str] = {}
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.url = given["action"]
        elif tag == "input" and given["type"] == "hidden":
            self.fields[given["name"]] = given["value"]


@pytest.fixture(scope="module")
def app(ceph_server: CephServer, s3_witness: Callable[[CephServer], Any]) -> Iterator[App]:
    url = f"s3://?endpoint={ceph_server.endpoint}&region={ceph_server.region}&vendor=ceph"
    with App("browser_upload", environment(url) | ceph_server.environ()) as server:
        yield server
    client = s3_witness(ceph_server)
    for found in client.list_objects_v2(Bucket="incoming").get("Contents", []):
        client.delete_object(Bucket="incoming", Key=found["Key"])
    client.delete_bucket(Bucket="incoming")


@pytest.fixture
def stored(ceph_server: CephServer, s3_witness: Callable[[CephServer], Any]) -> Callable[[str], bytes]:
    def get(key: str) -> bytes:
        content: bytes = s3_witness(ceph_server).get_object(Bucket="incoming", Key=key)["Body"].read()
        return content

    return get


def exchange(method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request(method, parts._replace(scheme="", netloc="").geturl(), body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_the_form(app: App, stored: Callable[[str], bytes]) -> None:
    form = Form(exchange("GET", f"http://127.0.0.1:{app.port}/")[1])
    sections = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in form.fields.items()]
    sections.append('Content-Disposition: form-data; name="file"; filename="cat.jpg"\r\n\r\nmeow')
    body = "".join(f"--b\r\n{section}\r\n" for section in sections).encode() + b"--b--\r\n"
    assert exchange("POST", form.url, body, {"Content-Type": "multipart/form-data; boundary=b"})[0] == 204
    assert stored("small/cat.jpg") == b"meow"


def test_a_large_file(app: App, stored: Callable[[str], bytes]) -> None:
    content = bytes(range(256)) * (11 * MIB // 256)

    def ask(path: str, **data: Any) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{app.port}/uploads{path}"
        status, body = exchange("POST", url, json.dumps(data).encode(), {"Content-Type": "application/json"})
        return status, json.loads(body)

    _, upload = ask("", name="film.mp4", size=len(content))
    size = upload["part_size"]
    for number, start in enumerate(range(0, len(content), size), 1):
        assert ask(f"/{upload['id']}/done")[0] == 409
        part = ask(f"/{upload['id']}/parts/{number}")[1]
        assert exchange("PUT", part["url"], content[start : start + size], part["headers"])[0] == 200
    assert ask(f"/{upload['id']}/done") == (200, {"name": "large/film.mp4", "size": len(content)})
    assert stored("large/film.mp4") == content
    assert ask(f"/{upload['id']}/done")[0] == 404
