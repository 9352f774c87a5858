"""Keys as paths, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage.providers._semantics import is_key
from aiostorage.providers.local.names import CONTINUED, Names

POSIX, WINDOWS = Names(windows=False), Names(windows=True)

# Anything, with a taste for what needs care.
ODD = st.sampled_from([
    "",
    ".",
    "..",
    "/",
    "//",
    "%",
    "%=",
    "%+",
    "%~",
    "%41",
    "\0",
    "\n",
    ":",
    ".aiostorage",
    ".AioStorage",
    "CON",
    "a ",
])
LONG = st.builds(lambda char, count: char * count, st.sampled_from("a%\0é漢😀."), st.integers(60, 600))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
KEYS = st.lists(st.one_of(ODD, TEXT, LONG), max_size=6).map("".join).filter(is_key)


def read_path(names: Names, path: str) -> str:
    """The key of a path, from what is read name by name."""
    segments: list[str] = []
    outer: list[str] = []
    for name in path.split("/"):
        if name.startswith(CONTINUED):
            outer.append(name)
            continue
        segment = names.read([*outer, name])
        assert segment is not None
        segments.append(segment)
        outer = []
    assert not outer
    return "/".join(segments)


@given(KEYS, st.sampled_from([POSIX, WINDOWS]), st.booleans())
def test_every_key_has_a_path_that_leads_back_to_it(key: str, names: Names, displaced: bool) -> None:
    path = names.path(key, displaced=displaced)
    assert read_path(names, path) == key
    for name in path.split("/"):
        assert name not in {"", ".", ".."}
        assert "\0" not in name
        assert len(name.encode()) <= 255
        assert name.lower() != ".aiostorage"


@given(KEYS)
def test_an_object_has_two_places_and_they_differ(key: str) -> None:
    assert POSIX.path(key) != POSIX.path(key, displaced=True)


@given(KEYS)
def test_windows_can_hold_every_name(key: str) -> None:
    for name in WINDOWS.path(key).split("/"):
        assert not set(name) & set('<>:"\\|?*')
        assert min(name) >= " "
        assert name[-1] not in " ."
        assert name.partition(".")[0].rstrip(" ").upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}


@given(st.lists(st.one_of(ODD, TEXT, LONG), min_size=1, max_size=3))
def test_names_that_are_read_are_those_that_are_written(names: list[str]) -> None:
    segment = POSIX.read(names)
    if segment is not None:
        assert names in (POSIX.write(segment), POSIX.write(segment, displaced=True))


@pytest.mark.parametrize(
    "key", ["100%.txt", "x%41", "%41", "a%=b", " ", "~", ".hidden", "...", "a:b", "a\nb", "x" * 255, "é" * 127]
)
def test_ordinary_names_are_their_own_keys(key: str) -> None:
    assert POSIX.write(key) == [key]
    assert POSIX.read([key]) == key


@pytest.mark.parametrize(
    "name",
    [
        "%=a",  # needs no quotes
        "%=%41",
        "%=%2e%2e",  # digits in upper case, or none
        "%=..%",
        "%=%FF",  # not UTF-8
        "%+a",  # a piece, without the last one
        ".aiostorage",
        "\udc80",  # a name that is not UTF-8
        "x" * 256,
    ],
)
def test_what_was_not_written_here_is_no_key(name: str) -> None:
    assert POSIX.read([name]) is None


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a/b.txt", "a/b.txt"),
        ("/", "%=/%="),
        ("../x", "%=../x"),
        ("a//b/", "a/%=/b/%="),
        (".aiostorage/lock", "%=.aiostorage/lock"),
        ("%=x", "%=%25=x"),
        ("nul\0", "%=nul%00"),
        ("x" * 300, "%+" + "x" * 253 + "/%=" + "x" * 47),
    ],
)
def test_paths(key: str, path: str) -> None:
    assert POSIX.path(key) == path
