"""Somebody without credentials and without this package, who is handed what was signed for them."""

from __future__ import annotations

import asyncio
import http.client
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aiostorage.models import PresignedPost, PresignedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the service has done it."""
        return 200 <= self.status < 300


async def send(request: PresignedRequest, body: bytes | None = None) -> Answer:
    """The answer to a signed request."""
    return await asyncio.to_thread(_exchange, request.method, request.url, body, dict(request.headers))


async def post(form: PresignedPost, file: bytes, *, file_name: str = "file.bin") -> Answer:
    """The answer to a form with a file, as a browser encodes and posts it.

    Source: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    """
    boundary = f"----form{secrets.token_hex(16)}"
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form.fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
    lines.append(f"{head}Content-Type: application/octet-stream\r\n\r\n")
    body = "".join(lines).encode() + file + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return await asyncio.to_thread(_exchange, "POST", form.url, body, headers)


def changed_requests(request: PresignedRequest) -> Iterator[PresignedRequest]:
    """The request with one character changed: of each parameter, of the path, of each header; or without a header."""
    parts = urlsplit(request.url)
    origin = request.url.index(parts.netloc) + len(parts.netloc)
    for place in _places(parts.path, count=9):
        yield replace(request, url=_changed(request.url, origin + place))
    start = request.url.index("?") + 1
    for parameter in parts.query.split("&"):
        value = parameter.partition("=")[2]
        for place in _places(value, count=3):
            yield replace(request, url=_changed(request.url, start + len(parameter) - len(value) + place))
        start += len(parameter) + 1
    for name, value in request.headers.items():
        for place in _places(value, count=3):
            yield replace(request, headers={**request.headers, name: _changed(value, place)})
        yield replace(request, headers={other: text for other, text in request.headers.items() if other != name})


def changed_forms(form: PresignedPost) -> Iterator[PresignedPost]:
    """The form with one character of one field changed, without a field, and with one more."""
    for name, value in form.fields.items():
        for place in _places(value, count=5):
            yield replace(form, fields={**form.fields, name: _changed(value, place)})
        yield replace(form, fields={other: text for other, text in form.fields.items() if other != name})
    yield replace(form, fields={"more": "of it", **form.fields})


def _places(text: str, *, count: int) -> Sequence[int]:
    """Where in a text to change a letter or digit: at both ends, and evenly between."""
    all_places = [place for place, character in enumerate(text) if character.isascii() and character.isalnum()]
    if len(all_places) <= count:
        return all_places
    return [all_places[number * (len(all_places) - 1) // (count - 1)] for number in range(count)]


def _changed(text: str, place: int) -> str:
    """The text with another character, which hexadecimal and Base64 know too, and not for the same bits."""
    old = text[place]
    new = str((int(old) + 5) % 10) if old.isdigit() else "0"
    return f"{text[:place]}{new}{text[place + 1 :]}"


def _exchange(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc)
    try:
        connection.request(method, parts._replace(scheme="", netloc="", fragment="").geturl(), body, headers)
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=named, body=response.read())
    finally:
        connection.close()
