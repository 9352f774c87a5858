from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage import ByteRange, ObjectInfo, StorageError, errors
from aiostorage.integrations.http import Answer, answer, answer_error, upload_options

WRITTEN = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)
INFO = ObjectInfo(
    key="a", size=1000, etag="v1", last_modified=WRITTEN, content_type="text/css", cache_control="max-age=60"
)
WEAK = replace(INFO, extra={"etag": 'W/"v1"'})


def date(seconds: int) -> str:
    """So many seconds after the object was written."""
    return format_datetime(WRITTEN + timedelta(seconds=seconds), usegmt=True)


def ask(info: ObjectInfo = INFO, method: str = "GET", **fields: str) -> Answer:
    return answer(method, [(name.replace("_", "-"), value) for name, value in fields.items()], info)


def test_the_whole() -> None:
    found = ask()
    assert found == Answer(
        status=200,
        headers={
            "content-type": "text/css",
            "cache-control": "max-age=60",
            "etag": '"v1"',
            "last-modified": "Mon, 23 Nov 2026 12:00:00 GMT",
            "accept-ranges": "bytes",
            "content-length": "1000",
        },
        has_content=True,
    )
    assert ask(method="HEAD") == replace(found, has_content=False)


def test_what_is_stored_with_it() -> None:
    info = ObjectInfo(key="a", size=0, content_disposition="attachment", content_encoding="gzip", content_language="de")
    assert ask(info).headers == {
        "content-type": "application/octet-stream",
        "content-disposition": "attachment",
        "content-encoding": "gzip",
        "content-language": "de",
        "accept-ranges": "bytes",
        "content-length": "0",
    }
    assert ask(WEAK).headers["etag"] == 'W/"v1"'


# RFC 9110, section 13.2.2: which of them counts, and in which order
@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"If_Match": '"v1"'}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"v0", "v1"'}, 200),
        ({"If_Match": '"v0"'}, 412),
        ({"If_Match": 'W/"v1"'}, 412),
        ({"If_Match": "v1"}, 412),
        ({"If_Match": '"v1"', "If_Unmodified_Since": date(-5)}, 200),
        ({"If_Match": '"v0"', "If_None_Match": '"v1"'}, 412),
        ({"If_Match": '"v1"', "If_None_Match": '"v1"'}, 304),
        ({"If_Unmodified_Since": date(0)}, 200),
        ({"If_Unmodified_Since": date(-1)}, 412),
        ({"If_Unmodified_Since": "yesterday"}, 200),
        ({"If_None_Match": '"v1"'}, 304),
        ({"If_None_Match": 'W/"v1"'}, 304),
        ({"If_None_Match": '"v0" , W/"v1",'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"v0"'}, 200),
        ({"If_None_Match": '"v0,v1"'}, 200),
        ({"If_None_Match": '"v0"', "If_Modified_Since": date(5)}, 200),
        ({"If_Modified_Since": date(0)}, 304),
        ({"If_Modified_Since": date(-1)}, 200),
        ({"If_Modified_Since": "Monday, 23-Nov-26 12:00:00 GMT"}, 304),
        ({"If_Modified_Since": "Mon Nov 23 12:00:00 2026"}, 304),
        ({"If_Modified_Since": "Mon, 99 Nov 2026 12:00:00 GMT"}, 200),
        ({"If_Modified_Since": "Mon Nov 23 12:00:00 2026 -0000"}, 304),
        ({"If_Modified_Since": "01 Jan 99999999999999999999 00:00:00"}, 200),
        ({"If_Unmodified_Since": "01 Jan 99999999999999999999 00:00:00"}, 200),
        ({"If_Modified_Since": "Mon, 01 Jan 0001 00:00:00 +2359"}, 200),
        ({"If_Unmodified_Since": "Fri, 31 Dec 9999 23:59:59 -2359"}, 200),
        ({"If_Modified_Since": ""}, 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(method: str, conditions: dict[str, str], status: int) -> None:
    assert ask(INFO, method, **conditions).status == status


def test_a_weak_etag_is_good_for_caches_only() -> None:
    assert ask(WEAK, If_None_Match='W/"v1"').status == 304
    assert ask(WEAK, If_Match='"v1"').status == 412
    assert ask(WEAK, If_Range='"v1"', Range="bytes=0-0").status == 200


def test_conditions_on_what_is_not_known() -> None:
    bare = ObjectInfo(key="a", size=1)
    assert ask(bare, If_Match='"v1"').status == 412
    assert ask(bare, If_None_Match='"v1"').status == 200
    assert ask(bare, If_Modified_Since=date(0)).status == 200
    assert ask(bare, If_Unmodified_Since=date(0)).status == 200


def test_lines_of_one_name_are_one_list() -> None:
    assert answer("GET", [("If-None-Match", '"v0"'), ("if-none-match", '"v1"')], INFO).status == 304


def test_what_a_cache_hears_when_nothing_has_changed() -> None:
    assert ask(If_None_Match='"v1"') == Answer(status=304, headers={"etag": '"v1"', "cache-control": "max-age=60"})
    dated = replace(INFO, etag=None, cache_control=None)
    assert ask(dated, If_Modified_Since=date(0)).headers == {"last-modified": "Mon, 23 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-999", (0, 1000)),
        ("bytes=0-1000", (0, 1000)),
        ("bytes=999-", (999, 1000)),
        ("bytes=-1", (999, 1000)),
        ("bytes=-999999999999999999", (0, 1000)),
        ("Bytes=0-1", (0, 2)),
        ("bytes= 0-1 ", (0, 2)),
    ],
)
def test_ranges(asked: str, expected: tuple[int, int]) -> None:
    found = ask(Range=asked)
    start, stop = expected
    assert (found.status, found.byte_range, found.has_content) == (206, ByteRange(start, stop), True)
    assert found.headers["content-range"] == f"bytes {start}-{stop - 1}/1000"
    assert found.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=1000-1000", "bytes=999999999999999999-"])
def test_ranges_beyond_the_end(asked: str) -> None:
    assert ask(Range=asked) == Answer(status=416, headers={"content-range": "bytes */1000", "content-length": "0"})


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=-0",
        "bytes=2-1",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=٠-٩",
        "bytes=0-1,3-4",
        "bytes = 0-1",
        "lines=0-1",
        f"bytes=0-{'9' * 5000}",
    ],
)
def test_other_ranges_are_ignored(asked: str) -> None:
    assert ask(Range=asked).status == 200


def test_only_a_get_has_ranges() -> None:
    assert ask(INFO, "HEAD", Range="bytes=0-1").status == 200


def test_ranges_of_nothing() -> None:
    empty = replace(INFO, size=0)
    assert ask(empty, Range="bytes=0-").headers["content-range"] == "bytes */0"
    assert ask(empty, Range="bytes=-5").status == 200


def test_ranges_of_what_has_no_known_size() -> None:
    found = ask(replace(INFO, size=None), Range="bytes=0-1")
    assert (found.status, found.has_content, found.byte_range) == (200, True, None)
    assert not found.headers.keys() & {"content-length", "content-range", "accept-ranges"}


@pytest.mark.parametrize(
    ("validator", "status"),
    [('"v1"', 206), ('"v0"', 200), ('W/"v1"', 200), ('"v1", "v0"', 200), (date(0), 200), ("", 200)],
)
def test_if_range(validator: str, status: int) -> None:
    assert ask(Range="bytes=0-1", If_Range=validator).status == status


@given(
    size=st.integers(0, 20),
    first=st.none() | st.integers(0, 25),
    last=st.none() | st.integers(0, 25),
)
def test_a_range_is_what_slicing_gives(size: int, first: int | None, last: int | None) -> None:
    content = bytes(range(size))
    if first is None:
        expected = content[-last:] if last else None
    elif last is None or last >= first:
        expected = content[first : None if last is None else last + 1]
    else:
        expected = None  # not a range
    shown = ["" if number is None else str(number) for number in (first, last)]
    found = ask(replace(INFO, size=size), Range=f"bytes={'-'.join(shown)}")
    if expected is None or (first is None and size == 0):
        assert found.status == 200
    elif expected:
        assert found.status == 206
        assert found.byte_range is not None
        assert content[slice(*found.byte_range)] == expected
    else:
        assert found.status == 416


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.ObjectNotFoundError, 404),
        (errors.ContainerNotFoundError, 404),
        (errors.NotModifiedError, 304),
        (errors.PreconditionFailedError, 412),
        (errors.RangeNotSatisfiableError, 416),
        (errors.InvalidNameError, 400),
        (errors.InvalidArgumentError, 400),
        (errors.PermissionDeniedError, 403),
        (errors.AlreadyExistsError, 409),
        (errors.RateLimitedError, 503),
        (errors.ServiceUnavailableError, 503),
        (errors.StorageTimeoutError, 504),
        (errors.AuthenticationError, 500),
        (errors.StorageError, 500),
    ],
)
def test_errors(kind: type[StorageError], status: int) -> None:
    assert answer_error(kind("no")) == Answer(status=status, headers={})


def test_a_client_is_told_when_to_come_back() -> None:
    assert answer_error(errors.RateLimitedError("slow", retry_after_s=2.0)).headers == {"retry-after": "2"}


def test_how_a_body_is_stored() -> None:
    options = upload_options([
        ("Content-Type", "text/css"),
        ("Content-Encoding", "gzip"),
        ("Cache-Control", "no-cache"),
        ("Cache-Control", "private"),
        ("If-Match", '"v1"'),
        ("Accept", "*/*"),
    ])
    assert {name: value for name, value in options.items() if value is not None} == {
        "content_type": "text/css",
        "content_encoding": "gzip",
        "cache_control": "no-cache, private",
        "if_match": "v1",
    }
    assert upload_options([("If-None-Match", "*")]).get("if_none_match") == "*"


@pytest.mark.parametrize(
    "header", [("If-None-Match", '"v1"'), ("If-Match", "*"), ("If-Match", 'W/"v1"'), ("If-Match", '"v1", "v2"')]
)
def test_conditions_that_no_storage_knows(header: tuple[str, str]) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="If-"):
        upload_options([header])
