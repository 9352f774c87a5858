"""What goes over the wire comes back, and what comes over the wire is read or refused."""

from __future__ import annotations

import json as standard_json
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aiostorage._http import json, multipart, xml
from aiostorage._http.body import which_bytes
from aiostorage._http.canonical import quote_key, with_query
from aiostorage._http.headers import parse_http_date, parse_iso_date, range_header, whole_number
from aiostorage._http.tokens import make_token, read_token, try_token
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import ByteRange

KEYS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("/.%+#?&= "), min_size=1, max_size=30)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BYTES = st.binary(max_size=60) | st.lists(
    st.sampled_from([
        b"<a>", b"</a>", b"<b/>", b"&amp;", b"&#7;", b"x", b"\xff", b'"', b"{", b"}", b"[", b"]", b":", b",", b"1",
        b"--b", b"\r\n",
    ]),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(KEYS)
def test_a_key_in_a_url(key: str) -> None:
    url = f"http://host/box/{quote_key(key)}"
    parts = urlsplit(url)
    assert unquote(parts.path).removeprefix("/box/") == key
    assert (parts.query, parts.fragment) == ("", "")
    assert url.isascii()


@given(st.lists(st.tuples(st.sampled_from(["prefix", "marker"]), TEXTS), max_size=3))
def test_a_query(pairs: list[tuple[str, str]]) -> None:
    query = urlsplit(with_query("http://host/box", *pairs)).query
    assert sorted(tuple(map(unquote, pair.split("=", 1))) for pair in query.split("&") if query) == sorted(pairs)


@given(size=st.integers(1, 60), start=st.integers(-70, 70), length=st.none() | st.integers(1, 70))
def test_a_range_goes_out_and_comes_back(size: int, start: int, length: int | None) -> None:
    """By the rules of RFC 9110 section 14: what a right server makes of it are the bytes that were asked for."""
    stop = None if length is None else start + length
    assume(start >= 0 or stop is None)
    asked = range(size)[slice(start if start >= 0 else max(start, -size), stop)]
    first, _, last = range_header(start, stop).removeprefix("bytes=").partition("-")
    if not first:  # the last bytes
        sent = range(size)[-min(int(last), size) :]
    else:
        sent = range(int(first), min(int(last) + 1 if last else size, size))
    assert list(sent) == list(asked)
    assume(sent)
    told = {"content-range": f"bytes {sent[0]}-{sent[-1]}/{size}", "content-length": str(len(sent))}
    assert which_bytes(206, told, ByteRange(start, stop)) == (sent[0], sent[-1] + 1, size)
    assume(start >= 0)
    for other in (f"bytes {sent[0] + 1}-{sent[-1] + 1}/{size + 1}", f"bytes {sent[-1] + 1}-{sent[-1]}/{size}"):
        with pytest.raises(ValueError, match="range"):
            which_bytes(206, {**told, "content-range": other}, ByteRange(start, stop))


@given(st.integers(-(10**25), 10**25) | st.text("0123456789_+- ٣²", max_size=25))
def test_numbers(value: int | str) -> None:
    found = whole_number(str(value))
    assert found is None or (str(found) == str(value).lstrip("0") or (found == 0 and not str(value).strip("0")))
    if isinstance(value, int) and 0 <= value < 10**19:
        assert found == value


@given(st.datetimes(min_value=datetime(1900, 1, 1)).map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC)))
def test_dates(moment: datetime) -> None:
    assert parse_http_date(format_datetime(moment, usegmt=True)) == moment
    assert parse_iso_date(moment.isoformat()) == moment
    assert parse_iso_date(moment.isoformat().replace("+00:00", "Z")) == moment


@given(st.text(max_size=40) | st.text("0123456789 :,-+GMTWedJan", max_size=40))
def test_what_is_no_date(text: str) -> None:
    parse_http_date(text)
    parse_iso_date(text)


@given(TEXTS, TEXTS, st.none() | TEXTS)
def test_tokens(kind: str, first: str, second: str | None) -> None:
    token = make_token(kind, first, second)
    assert read_token(token, kind) == (first, second)
    assert try_token(token, f"{kind}!") is None


@given(st.text(max_size=20) | st.text('[]",null', max_size=20) | st.just("[" * 5000))
def test_what_is_no_token(text: str) -> None:
    with suppress(InvalidArgumentError):
        read_token(text, "kind")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**18) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_json(document: dict[str, object]) -> None:
    assert json.parse(standard_json.dumps(document).encode()) == document
    assert json.parse_array(standard_json.dumps([document]).encode()) == [document]


@given(BYTES)
def test_what_is_no_document(body: bytes) -> None:
    with suppress(json.MalformedJSONError):
        json.parse(body)
    with suppress(xml.MalformedXMLError):
        xml.parse(body, wrappers=("b",))
    with suppress(multipart.MalformedMultipartError):
        for part in multipart.parse(body, "multipart/mixed; boundary=b"):
            multipart.embedded_response(part.content)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["Key", "Size", "ETag"]), TEXTS.filter(xml.is_expressible), min_size=1),
        max_size=4,
    )
)
def test_records_in_xml(records: list[dict[str, str]]) -> None:
    entries = ["".join(xml.element(name, text) for name, text in record.items()) for record in records]
    content = "".join(f"<Contents>{entry}</Contents>" for entry in entries)
    found = xml.parse(xml.document("Result", f"<Wrapper>{content}</Wrapper>"), wrappers=("Wrapper",))
    assert found.records == [("Contents", record) for record in records]
