"""JSON is narrowed, and never trusted."""

from __future__ import annotations

import pytest

from aiostorage._http import json


def test_what_is_there_is_read_and_the_rest_is_empty() -> None:
    found = json.parse(
        b'{"t": "x", "n": 7, "s": "18446744073709551", "o": {"a": "1", "b": 2}, "l": [1, "a", {"c": 3}], "b": true}'
    )
    assert (json.text(found, "t"), json.text(found, "n"), json.text(found, "missing")) == ("x", None, None)
    assert [json.integer(found, name) for name in ("n", "s", "t", "b", "missing")] == [
        7,
        18446744073709551,
        None,
        None,
        None,
    ]
    assert json.member(found, "o") == {"a": "1", "b": 2}
    assert json.member(found, "l") == {}
    assert json.text_map(found, "o") == {"a": "1"}
    assert json.objects(found, "l") == [{"c": 3}]
    assert json.texts(found, "l") == ["a"]
    assert json.array(found, "o") == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"hunter2", b"{" * 100_000, b"\xff", b'{"a": '])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(json.MalformedJSONError) as caught:
        json.parse(body)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
