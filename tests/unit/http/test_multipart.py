"""Bodies of several parts, against the standard library's own parser."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage._http.multipart import BodyPart, MalformedMultipartError, build, embedded_response, parse

contents = st.binary(max_size=200) | st.sampled_from([b"", b"\r\n", b"--", b"\r\n--b", b"a\r\n\r\nb", b"\r\n\r\n"])


@given(st.lists(contents, min_size=1, max_size=5), st.sampled_from(["boundary-1", "a'b(c)d+e_f,g-h.i/j:k=l?m"]))
def test_what_is_built_is_read(pieces: list[bytes], boundary: str) -> None:
    body = build([({"content-id": f"<{n}>"}, piece) for n, piece in enumerate(pieces)], boundary)
    expected = [BodyPart(headers={"content-id": f"<{n}>"}, content=piece) for n, piece in enumerate(pieces)]
    assert parse(body, f'multipart/mixed; boundary="{boundary}"') == expected


def test_others_read_what_is_built() -> None:
    body = build([({"content-type": "text/plain"}, b"one"), ({"content-type": "text/plain"}, b"two")], "b")
    message = message_from_bytes(b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + body, policy=HTTP)
    assert [part.get_content() for part in message.iter_parts()] == ["one", "two"]


def test_what_stands_around_the_parts_says_nothing() -> None:
    body = b"preamble\r\n--b  \r\nA: 1\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\nepilogue\r\n--b\r\n\r\nz"
    assert [part.content for part in parse(body, "Multipart/Mixed; charset=x; Boundary=b")] == [b"x", b"y"]
    bare = b"--b\nA: 1\n\nx\n--b--\n"
    assert parse(bare, "multipart/mixed; boundary=b") == [BodyPart(headers={"a": "1"}, content=b"x")]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/mixed; boundary=b"),
        (b"--b\r\n\r\ncut off", "multipart/mixed; boundary=b"),
        (b"--b\r\n\r\nx\r\n--b--", "multipart/mixed"),
        (b"--b\r\n\r\nx\r\n--b--", "application/json; boundary=b"),
        (b"<html>", "multipart/mixed; boundary=b"),
    ],
)
def test_what_is_no_such_body(body: bytes, content_type: str) -> None:
    with pytest.raises(MalformedMultipartError):
        parse(body, content_type)


def test_too_many_headers() -> None:
    head = b"".join(b"H%d: x\r\n" % number for number in range(500))
    with pytest.raises(MalformedMultipartError):
        parse(b"--b\r\n" + head + b"\r\nx\r\n--b--", "multipart/mixed; boundary=b")


def test_an_answer_in_a_part() -> None:
    found = embedded_response(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nX-A: b\r\n\r\n{}")
    assert (found.status, found.headers["x-a"], found.body) == (404, "b", b"{}")
    assert embedded_response(b"HTTP/1.1 204 No Content\r\n\r\n").body == b""
    assert embedded_response(b"HTTP/2 204").status == 204
    for nonsense in (b"", b"DELETE / HTTP/1.1\r\n\r\n", b"HTTP/1.1 x\r\n\r\n"):
        with pytest.raises(MalformedMultipartError):
            embedded_response(nonsense)
