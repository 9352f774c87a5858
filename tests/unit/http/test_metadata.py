from __future__ import annotations

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage._http.headers import header_text
from aiostorage._http.metadata import decode, from_headers, to_headers
from aiostorage.errors import InvalidArgumentError

text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" =?\t\r\né😀"))


@given(text)
def test_every_value_comes_back_through_printable_ascii(value: str) -> None:
    headers = to_headers("x-amz-meta-", {"name": value})
    sent = headers["x-amz-meta-name"]
    assert sent.isascii()
    assert sent.isprintable()
    assert sent == sent.strip()
    assert from_headers("x-amz-meta-", headers) == {"name": value}


@pytest.mark.parametrize("value", ["plain", "a, b; c=d", "", "50% (off)"])
def test_plain_values_go_as_they_are(value: str) -> None:
    assert to_headers("x-amz-meta-", {"Name": value}) == {"x-amz-meta-name": value}


def test_encoded_values_are_readable_by_others() -> None:
    sent = to_headers("x-amz-meta-", {"name": "grüße 😀"})["x-amz-meta-name"]
    assert str(make_header(decode_header(sent))) == "grüße 😀"


@pytest.mark.parametrize(
    ("received", "value"),
    [
        ("=?UTF-8?Q?gr=C3=BC=C3=9Fe_=3F?=", "grüße ?"),
        ("=?UTF-8?B?w6Q=?= =?ISO-8859-1?Q?=E4?=", "ää"),
        ("=?UTF-8?B?not base64?=", "=?UTF-8?B?not base64?="),
        ("=?no-such-charset?Q?x?=", "=?no-such-charset?Q?x?="),
        ("see =?UTF-8?B?w6Q=?=", "see =?UTF-8?B?w6Q=?="),
        ("grüße", "grüße"),
        ("gr\udcfc\udcdfe", "grüße"),  # Latin-1, as aiohttp hands it over
    ],
)
def test_values_that_others_wrote(received: str, value: str) -> None:
    assert decode(received) == value


@pytest.mark.parametrize(
    "metadata",
    [{"": "x"}, {"a b": "x"}, {"a:b": "x"}, {"ä": "x"}, {"a\r\nb": "x"}, {"a": "x", "A": "y"}, {"a": "\ud800"}],
)
def test_names_that_no_header_can_have_are_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError):
        to_headers("x-amz-meta-", metadata)


def test_what_the_service_adds_is_left_out() -> None:
    headers = {"x-amz-meta-a": "1", "x-amz-meta-mtime": "2", "content-type": "x"}
    assert from_headers("x-amz-meta-", headers, without=frozenset({"mtime"})) == {"a": "1"}


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "ü", "\x00", "a\nb"])
def test_other_headers_are_ascii_in_one_line(value: str) -> None:
    with pytest.raises(InvalidArgumentError):
        header_text("content-disposition", value)
