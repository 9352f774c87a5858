from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.azure.metadata import from_headers, to_headers

NAMES = st.text(st.sampled_from("abcxXzA059_-.!#$%&'*+^`|~"), min_size=1, max_size=12)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(NAMES, VALUES, max_size=5).filter(lambda found: len({k.lower() for k in found}) == len(found)))
def test_metadata_comes_back(metadata: dict[str, str]) -> None:
    headers = to_headers(metadata)
    assert from_headers({**headers, "x-ms-version": "1"}) == {name.lower(): value for name, value in metadata.items()}
    for name, value in headers.items():
        assert re.fullmatch("x-ms-meta-[a-z_][a-z0-9_]*", name)
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip() != ""


def test_names_are_escaped_as_dotnet_does() -> None:
    headers = to_headers({"dash-name": "x", "1st": "y", "_x002d_": "z", "plain_1": "w"})
    assert headers == {
        "x-ms-meta-dash_x002d_name": "x",
        "x-ms-meta-_x0031_st": "y",
        "x-ms-meta-_x005f_x002d_": "z",
        "x-ms-meta-plain_1": "w",
    }


@pytest.mark.parametrize(
    "metadata", [{"": "x"}, {"a b": "x"}, {"ä": "x"}, {"a\n": "x"}, {"A": "x", "a": "y"}, {"a": "\ud800"}]
)
def test_what_cannot_be_metadata(metadata: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError):
        to_headers(metadata)


def test_what_others_have_written() -> None:
    assert from_headers({"x-ms-meta-Note": "x"}) == {"Note": "x"}
    assert from_headers({"x-ms-meta-note": "=?utf-8?Q?gr=C3=BC=C3=9Fe?="}) == {"note": "grüße"}
