"""Whatever is done to an answer, it is read as a value or refused with an error of the package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiostorage._http.messages import Response
from aiostorage.errors import StorageError
from tests.hostile.recorded import ALL, Recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ERROR_CHARS = 2000
"""All that an error may say, whatever it was told."""

EXAMPLES = 20

NUMBERS = ("-1", "0", "9" * 30, "9" * 5000, "1e400", "NaN", "٣", "²", "1_0", " 7", "0x10", "")
TEXTS = (
    *NUMBERS, "x" * 20_000, "\ud800", "\udcff", "a\0b", "\r\nx: y", "=?rot13?B?YQ==?=", "=?unicode_escape?Q?=5Cq?=",
    "=?utf-8?B?/w==?=", f"=?{'q' * 3000}?B?YQ==?=", "=?idna?Q?xn--a?=", "bytes 5-2/1", "bytes 0-/*", 'W/"', "%ff", "%zz", "true", "success",
    "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 +2359", "9999-12-31T23:59:59-23:59", "multipart/mixed",
    "99999999999.9", "\x1b[31mred", "../../etc/passwd", "http://169.254.169.254/latest", "a" * 32, "=" * 44,
)  # fmt: skip
JSON = st.recursive(
    st.sampled_from([None, True, False, -1, 0, 10**30, -(10**300), 1.5, float("inf"), *TEXTS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", ""]), inner, max_size=3),
    max_leaves=4,
)
NASTY = st.sampled_from([
    b"", b"<", b">", b"&", b"&#0;", b"&#1;", b"&#xD800;", b"&x;", b"\0", b"\xff", b"\xed\xa0\x80", b"\xf4\x8f\xbc\x80", b"<Key/>",
    b"<Buckets>", b"<Error><Code/></Error>", b'"', b"\\ud800", b"[" * 3000, b'{"a":' * 3000, b"]", b"}", b"9" * 5000, b"-", b"1e999",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"--b\r\n", b"--b--", b"HTTP/1.1 099 \r\n", b"<a>" * 50, b"true", b"%FF", b"\r\n\r\n",
])  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn, body: bytes) -> bytes:
    """The body, or what is left of it."""
    for _ in range(draw(st.integers(0, 3))):
        start, stop = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
        match draw(st.sampled_from(["cut", "remove", "repeat", "insert", "flip", "anything"])):
            case "cut":
                body = body[:start]
            case "remove":
                body = body[:start] + body[stop:]
            case "repeat":
                body = body[:stop] + body[start:stop] + body[stop:]
            case "insert":
                body = body[:start] + draw(NASTY) + body[start:]
            case "flip":
                body = (
                    body[:start]
                    + bytes(byte ^ (1 << (start % 8)) for byte in body[start : start + 1])
                    + body[start + 1 :]
                )
            case _:
                body = draw(st.binary(max_size=40))
    return body


@st.composite
def documents(draw: st.DrawFn, body: bytes) -> bytes:
    """The JSON document with something else in one of its places."""
    document: Any = json.loads(body)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key, inner in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            places.append((value, key))
            walk(inner)

    walk(document)
    if not places:
        return json.dumps(draw(JSON)).encode()
    where, key = draw(st.sampled_from(places))
    if draw(st.booleans()):
        where[key] = draw(JSON)
    elif isinstance(where, dict):
        del where[key]
    else:
        where.append(where[key])
    return json.dumps(document).encode()


@st.composite
def texts_in_xml(draw: st.DrawFn, body: bytes) -> bytes:
    """The XML document with another text in one of its elements."""
    pieces = body.split(b"</")
    at = draw(st.integers(0, len(pieces) - 1))
    lead, _, _ = pieces[at].rpartition(b">")
    text = draw(st.sampled_from(TEXTS)).encode("utf-8", "surrogatepass").replace(b"<", b"&lt;")
    pieces[at] = lead + b">" + text
    return b"</".join(pieces)


@st.composite
def all_headers(draw: st.DrawFn, headers: Mapping[str, str]) -> dict[str, str]:
    changed = dict(headers)
    for name in draw(st.lists(st.sampled_from(sorted(headers) or ["etag"]), max_size=2)):
        if draw(st.booleans()):
            changed.pop(name, None)
        else:
            changed[name] = draw(st.sampled_from(TEXTS) | st.text(max_size=10))
    return changed


@st.composite
def answers(draw: st.DrawFn, recorded: Recorded) -> Response:
    ways = [bodies(recorded.body)]
    if recorded.body[:1] in {b"{", b"["}:
        ways += [documents(recorded.body), documents(recorded.body)]
    elif recorded.body[:1] == b"<":
        ways.append(texts_in_xml(recorded.body))
    body = draw(st.one_of(st.just(recorded.body), *ways))
    status = draw(st.sampled_from([recorded.status] * 5 + [200, 204, 206, 301, 404, 500]))
    return Response(status=status, headers=draw(all_headers(recorded.headers)), body=body)


@pytest.mark.parametrize("recorded", ALL, ids=lambda each: each.name)
def test_the_answer_as_it_is(recorded: Recorded) -> None:
    """What is mutated below is an answer that is read without an error, or that is one."""
    response = Response(status=recorded.status, headers=recorded.headers, body=recorded.body)
    request = recorded.request()
    error = recorded.read_error(request, response)
    assert (error is None) == ("error" not in recorded.name)
    recorded.read(request, response)


@pytest.mark.parametrize("recorded", ALL, ids=lambda each: each.name)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_value_or_an_error_of_ours(recorded: Recorded, data: st.DataObject) -> None:
    response = data.draw(answers(recorded))
    request = recorded.request()
    for read in (recorded.read_error, recorded.read):
        try:
            result = read(request, response)
        except StorageError as error:
            result = error
        if isinstance(result, StorageError):
            shown = str(result)
            assert len(shown) <= MAX_ERROR_CHARS
            assert shown.isprintable()
            shown.encode()  # it can be written to a log
        check(result)


def check(value: object) -> None:
    """Numbers that are read make sense: nobody has less than nothing of a thing."""
    for item in getattr(value, "items", None) or [value] if not isinstance(value, dict) else []:
        for name in ("size", "object_count", "tag_count", "part_count", "persisted"):
            number = getattr(item, name, None)
            assert number is None or 0 <= number < 10**19
