"""Signatures, against what Amazon published and against botocore."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from aiostorage._http.canonical import canonical_query, canonical_request, quote_key
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import ListQuery, ReadOptions
from aiostorage.providers.s3 import config, requests
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.signing import EMPTY_SHA256, Signer

if TYPE_CHECKING:
    from collections.abc import Generator

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = S3Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET)
MOMENT = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "https://examplebucket.s3.amazonaws.com"

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
PUBLISHED = {
    "get object with a range": (
        Request(operation="get_object", method="GET", url=f"{HOST}/test.txt", headers={"range": "bytes=0-9"}),
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    "put object": (
        Request(
            operation="put_object",
            method="PUT",
            url=f"{HOST}/{quote_key('test$file.text')}",
            headers={
                "date": "Fri, 24 May 2013 00:00:00 GMT",
                "x-amz-storage-class": "REDUCED_REDUNDANCY",
                "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            },
            body=b"Welcome to Amazon S3.",
        ),
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    "get bucket lifecycle": (
        Request(operation="any", method="GET", url=f"{HOST}/?{canonical_query([('lifecycle', '')])}"),
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    "list objects": (
        Request(operation="any", method="GET", url=f"{HOST}/?{canonical_query([('prefix', 'J'), ('max-keys', '2')])}"),
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_examples_of_the_s3_reference(name: str) -> None:
    request, signed_headers, signature = PUBLISHED[name]
    wire = Signer("us-east-1").sign(request, KEYS, MOMENT)
    assert wire.url == request.url
    assert wire.headers["x-amz-date"] == "20130524T000000Z"
    assert wire.headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders={signed_headers}, Signature={signature}"
    )


def test_the_presigned_url_of_the_s3_reference() -> None:
    url = Signer("us-east-1").presign("GET", f"{HOST}/test.txt", {}, KEYS, MOMENT, 86400)
    assert url == (
        f"{HOST}/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
    "hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX"
    "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

# Those of the suite that S3's own rules for paths leave valid; "unnormalized" is how S3 reads a path.
# https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4
SUITE: list[tuple[str, str, str, list[tuple[str, str]], dict[str, str], str]] = [
    ("get-vanilla", "GET", "/", [], {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    (
        "get-vanilla-query-order-key-case",
        "GET",
        "/",
        [("Param2", "value2"), ("Param1", "value1")],
        {},
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-query-order-key",
        "GET",
        "/",
        [("Param1", "value2"), ("Param1", "Value1")],
        {},
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    (
        "get-vanilla-query-order-value",
        "GET",
        "/",
        [("Param1", "value2"), ("Param1", "value1")],
        {},
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ),
    (
        "get-vanilla-query-unreserved",
        "GET",
        "/",
        [(UNRESERVED, UNRESERVED)],
        {},
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        "get-vanilla-utf8-query",
        "GET",
        "/",
        [("ሴ", "bar")],
        {},
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "get-unreserved",
        "GET",
        f"/{UNRESERVED}",
        [],
        {},
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    ("get-utf8", "GET", "/ሴ", [], {}, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    (
        "get-space-unnormalized",
        "GET",
        "/example space/",
        [],
        {},
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    (
        "get-slashes-unnormalized",
        "GET",
        "//example//",
        [],
        {},
        "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
    ),
    (
        "get-header-value-trim",
        "GET",
        "/",
        [],
        {"my-header1": " value1", "my-header2": ' "a   b   c"'},
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    ("post-vanilla", "POST", "/", [], {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "post-sts-header-before",
        "POST",
        "/",
        [],
        {"x-amz-security-token": TOKEN},
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "expected"), [case[1:] for case in SUITE], ids=[case[0] for case in SUITE]
)
def test_the_general_suite(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], expected: str
) -> None:
    all_headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z", **headers}
    text, _ = canonical_request(method, quote_key(path), canonical_query(query), all_headers, EMPTY_SHA256)
    signer = Signer("us-east-1", service="service")
    assert signer.signature(text, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830T123600Z") == expected


# All of Unicode that UTF-8 can carry, with what URLs and signatures care about made likely.
text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("/.+%#?&=~*'()! \r\n\x00é😀"))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
tokens = st.none() | st.text("abcXYZ019+/=", min_size=1)
hosts = st.sampled_from(["https://s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9000", "http://[::1]:9000/base"])


def _site(endpoint: str) -> config.Site:
    return config.make_site(config.Settings(endpoint=endpoint, region="eu-west-1", addressing_style="path"), {}, {})


@given(key=text.filter(bool), version=st.none() | text, moment=moments, token=tokens, host=hosts)
def test_botocore_signs_the_same(key: str, version: str | None, moment: datetime, token: str | None, host: str) -> None:
    request = requests.get_object(_site(host), "bucket", key, ReadOptions(version_id=version, if_match='a"  b'))
    ours = Signer("eu-west-1").sign(request, _keys(token), moment)
    theirs = AWSRequest(method="GET", url=request.url, headers=_without_unsigned(request))
    _botocore_sign(theirs, token, moment)
    assert ours.headers["authorization"] == theirs.headers["Authorization"]
    assert ours.headers.get("x-amz-security-token") == theirs.headers.get("X-Amz-Security-Token")


@given(prefix=text, after=text, moment=moments)
def test_botocore_signs_the_same_query(prefix: str, after: str, moment: datetime) -> None:
    query = ListQuery(prefix=prefix, start_after=after, delimiter="/", page_size=7)
    request = requests.list_objects(_site("https://s3.example.org"), "bucket", query, token=None)
    ours = Signer("eu-west-1").sign(request, _keys(None), moment)
    base, _, encoded = request.url.partition("?")
    theirs = AWSRequest(method="GET", url=base, params=dict(parse_qsl(encoded, keep_blank_values=True)))
    _botocore_sign(theirs, None, moment)
    assert ours.headers["authorization"] == theirs.headers["Authorization"]


@pytest.mark.verifies("links: GET", "links: PUT", "links: HEAD", "links: DELETE", on="model")
@given(key=text.filter(bool), moment=moments, token=tokens, host=hosts)
def test_botocore_presigns_the_same(key: str, moment: datetime, token: str | None, host: str) -> None:
    url = requests.object_url(_site(host), "bucket", key)
    ours = Signer("eu-west-1").presign("PUT", url, {"content-type": "text/plain"}, _keys(token), moment, 3600)
    theirs = AWSRequest(method="PUT", url=url, headers={"Content-Type": "text/plain"})
    auth = S3SigV4QueryAuth(_botocore_keys(token), "s3", "eu-west-1", expires=3600)
    with _at(moment):
        auth.add_auth(theirs)
    assert dict(parse_qsl(urlsplit(ours).query)) == dict(parse_qsl(urlsplit(theirs.url).query))
    assert ours.partition("?")[0] == url


def test_the_key_of_a_day_is_not_used_for_another_day_or_secret() -> None:
    signer = Signer("us-east-1")
    request = PUBLISHED["list objects"][0]
    later = MOMENT + timedelta(days=1)
    other = S3Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="other")
    for keys, moment in [(KEYS, MOMENT), (KEYS, later), (other, later), (KEYS, MOMENT)]:
        assert signer.sign(request, keys, moment) == Signer("us-east-1").sign(request, keys, moment)


def test_the_time_is_utc_whatever_the_clock_says() -> None:
    moment = datetime(2013, 5, 24, 3, 30, tzinfo=timezone(timedelta(hours=5)))
    wire = Signer("us-east-1").sign(PUBLISHED["list objects"][0], KEYS, moment)
    assert wire.headers["x-amz-date"] == "20130523T223000Z"


def test_without_credentials_nothing_is_added() -> None:
    request = PUBLISHED["get object with a range"][0]
    assert Signer("us-east-1").sign(request, None, MOMENT)[:2] == (request.url, request.headers)


def test_a_body_without_a_digest_is_left_out_of_the_signature() -> None:
    request = Request(operation="put_object", method="PUT", url=f"{HOST}/k", body=b"x")
    wire = Signer("us-east-1").sign(request, KEYS, MOMENT)
    assert wire.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


def test_what_the_service_or_a_proxy_may_rewrite_is_not_signed() -> None:
    request = Request(operation="get_object", method="GET", url=f"{HOST}/k", headers={"accept-encoding": "identity"})
    wire = Signer("us-east-1").sign(request, KEYS, MOMENT)
    assert wire.headers["accept-encoding"] == "identity"
    assert "accept-encoding" not in wire.headers["authorization"]


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        canonical_query([("prefix", "\ud800")])


def _keys(token: str | None) -> S3Credentials:
    return S3Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET, session_token=token)


def _botocore_keys(token: str | None) -> Credentials:
    return Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, token)


def _without_unsigned(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name != "accept-encoding"}


def _botocore_sign(request: AWSRequest, token: str | None, moment: datetime) -> None:
    with _at(moment):
        S3SigV4Auth(_botocore_keys(token), "s3", "eu-west-1").add_auth(request)


@contextmanager
def _at(moment: datetime) -> Generator[None]:
    """botocore reads the clock itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: moment)
        yield
