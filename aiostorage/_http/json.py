"""JSON that comes from a service that may be hostile or merely old, narrowed step by step.

What is missing or of another type reads as empty, so that a parser says what it needs in one place.
Numbers that a service writes as text, as Google does with those of 64 bits, are read as numbers.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, cast

from aiostorage._http.headers import MAX_DIGITS, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JSONObject: TypeAlias = "Mapping[str, object]"

MAX_BYTES = 64 * 1024 * 1024
"""No answer is nearly as long: a page holds 1000 to 10,000 keys of 1024 bytes."""


MAX_VALUES = 500_000
"""A page has 10,000 entries of 30 values at most; each takes a hundred bytes of memory, however few it has."""

_HALF = re.compile("[\ud800-\udfff]")
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


class MalformedJSONError(ValueError):
    """What was to be a JSON object is none, or none that we care to read."""


def parse(body: bytes) -> JSONObject:
    """The object in a body.

    Raises:
        MalformedJSONError: There is none.
    """
    found = as_object(_load(body))
    if found is None:
        raise MalformedJSONError("no JSON object")
    return found


def parse_array(body: bytes) -> Sequence[JSONObject]:
    """The objects in the array that is a body.

    Raises:
        MalformedJSONError: There is none, or it holds something else.
    """
    found = array({"": _load(body)}, "")
    items = [item for value in found if (item := as_object(value)) is not None]
    if len(items) != len(found) or (not found and body.strip() != b"[]"):
        raise MalformedJSONError("no JSON array of objects")
    return items


def as_object(value: object) -> JSONObject | None:
    """A value, if it is an object."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None  # the keys of one are strings


def member(parent: JSONObject, name: str) -> JSONObject:
    """The object of that name; empty where there is none."""
    return as_object(parent.get(name)) or {}


def text(parent: JSONObject, name: str) -> str | None:
    """The text of that name, or None."""
    value = parent.get(name)
    return value if is_text(value) else None


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a text. JSON can write halves of characters, which nothing else can."""
    return isinstance(value, str) and (value.isascii() or _HALF.search(value) is None)


def integer(parent: JSONObject, name: str) -> int | None:
    """The number of things of that name, also one that is written as text; None where it is missing or none."""
    value = parent.get(name)
    if isinstance(value, str):
        return whole_number(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**MAX_DIGITS
    return value if isinstance(value, int) and is_count else None


def objects(parent: JSONObject, name: str) -> Sequence[JSONObject]:
    """The objects in the array of that name."""
    return [found for item in array(parent, name) if (found := as_object(item)) is not None]


def texts(parent: JSONObject, name: str) -> Sequence[str]:
    """The texts in the array of that name."""
    return [item for item in array(parent, name) if is_text(item)]


def text_map(parent: JSONObject, name: str) -> dict[str, str]:
    """The texts in the object of that name, by theirs."""
    return {key: value for key, value in member(parent, name).items() if is_text(key) and is_text(value)}


def array(parent: JSONObject, name: str) -> Sequence[object]:
    """The array of that name; empty where there is none."""
    value = parent.get(name)
    return cast("list[object]", value) if isinstance(value, list) else []  # of whatever


def _load(body: bytes) -> object:
    if len(body) > MAX_BYTES:
        raise MalformedJSONError("too long")
    if _separators(body) > MAX_VALUES:
        rest, texts = _TEXT.subn(b"", body, count=MAX_VALUES)
        if texts == MAX_VALUES or _separators(rest) > MAX_VALUES:
            raise MalformedJSONError("too many values")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        # Not chained: the parser's error holds the document, which may hold secrets.
        raise MalformedJSONError("not JSON") from None
    return value


def _separators(body: bytes) -> int:
    """How many values there may be, at least: each but the first of a list has a comma before it."""
    return sum(body.count(byte) for byte in b"[{,:")
