"""Signed URLs and forms, against Google's own client; signatures of Cloud CDN against Google's published sample."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from google.auth import credentials as google_auth
from google.cloud.storage import Client
from google.cloud.storage._signing import generate_signed_url_v4
from hypothesis import given
from hypothesis import strategies as st

from aiostorage._http.canonical import quote_key
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import PostPolicy, PresignOptions, Upload
from aiostorage.providers.gcs.cdn import sign_url
from aiostorage.providers.gcs.signing import post_policy, presigned, presigned_query
from tests.unit.gcs.google import EMAIL

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BASE = "https://storage.googleapis.com"

keys = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" +%/?#&=~é😀."), min_size=1, max_size=40)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


class Signing(google_auth.Credentials, google_auth.Signing):
    """Credentials that do not sign, but keep what they were to sign."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.signed = b""

    @property
    def signer_email(self) -> str:
        return EMAIL

    @property
    def signer(self) -> None:
        raise AssertionError

    def sign_bytes(self, message: bytes) -> bytes:
        self.signed = message
        return b"\x01\xff signature"

    def refresh(self, request: Any) -> None:
        raise AssertionError


def theirs(method: str, key: str, **options: Any) -> tuple[str, bytes]:
    credentials = Signing()
    url = generate_signed_url_v4(
        credentials,
        resource=f"/bucket/{quote(key, safe=b'/~')}",
        expiration=timedelta(hours=1),
        api_access_endpoint=BASE,
        method=method,
        _request_timestamp="20260102T030405Z",
        **options,
    )
    return url, credentials.signed


@pytest.mark.parametrize(
    ("method", "key", "headers", "query"),
    [
        ("GET", "plain", {}, {}),
        ("GET", "a b/é+%41&=?#.txt", {}, {}),
        ("PUT", "~tilde-._/😀", {"content-type": "text/plain; charset=utf-8", "x-goog-meta-a": "b  c"}, {}),
        ("HEAD", "..", {}, {"generation": "17"}),
        ("GET", "key", {}, {"response-content-disposition": 'attachment; filename="ä ö.txt"'}),
        ("PUT", "key", {}, {"partNumber": "1", "uploadId": "a+b/c=="}),
        ("DELETE", "a//b/", {"x-goog-if-generation-match": "1"}, {}),
    ],
)
@pytest.mark.verifies("links: as Google's client signs them", on="fake")
def test_urls_are_those_of_googles_client(
    method: str, key: str, headers: dict[str, str], query: dict[str, str]
) -> None:
    url, signed = theirs(method, key, headers=dict(headers), query_parameters=dict(query))
    ours = presigned(method, f"{BASE}/bucket/{quote_key(key)}", headers, EMAIL, MOMENT, 3600, query)
    assert ours.to_sign == signed
    assert ours.signed_url(b"\x01\xff signature") == url


@given(keys, st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), values, max_size=3))
def test_any_key_and_query(key: str, query: dict[str, str]) -> None:
    url, signed = theirs("GET", key, query_parameters=dict(query))
    ours = presigned("GET", f"{BASE}/bucket/{quote_key(key)}", {}, EMAIL, MOMENT, 3600, query)
    assert (ours.to_sign, ours.signed_url(b"\x01\xff signature")) == (signed, url)


def test_forms_are_those_of_googles_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.cloud.storage.client.get_v4_now_dtstamps", lambda: ("20260102T030405Z", "20260102"))
    monkeypatch.setattr("google.cloud.storage.client._NOW", lambda _: MOMENT)
    credentials = Signing()
    client = Client(project="p", credentials=credentials)
    fields = {"Content-Type": "text/plain", "x-goog-meta-a": "b"}
    policy = client.generate_signed_post_policy_v4(
        "bucket",
        "a b/é.txt",
        expiration=timedelta(hours=1),
        conditions=[["content-length-range", 1, 10], ["starts-with", "$x-goog-meta-b", "c"]],
        fields=dict(fields),
    )
    ours = post_policy(
        f"{BASE}/bucket/",
        "bucket",
        "a b/é.txt",
        PostPolicy(size_range=(1, 10), fields=fields, prefixes={"x-goog-meta-b": "c"}),
        EMAIL,
        MOMENT,
        3600,
    )
    mine = ours.signed_fields(b"\x01\xff signature")
    assert ours.to_sign.decode() == mine["policy"]
    other = policy["fields"]
    assert {name: value for name, value in mine.items() if name != "policy"} == {
        name: value for name, value in other.items() if name != "policy"
    }
    one, two = (json.loads(base64.b64decode(found["policy"])) for found in (mine, other))
    assert one["expiration"] == two["expiration"]
    assert sorted(map(json.dumps, one["conditions"])) == sorted(map(json.dumps, two["conditions"]))


def test_what_a_url_may_ask_for() -> None:
    upload = Upload(container="c", key="k", upload_id="id")
    assert presigned_query("PUT", PresignOptions(upload=upload, part_number=3)) == {
        "partNumber": "3",
        "uploadId": "id",
    }
    assert presigned_query("GET", PresignOptions(version_id="7", response_headers={"Content-Type": "a/b"})) == {
        "generation": "7",
        "response-content-type": "a/b",
    }
    for method, options in (
        ("GET", PresignOptions(upload=upload, part_number=3)),
        ("PUT", PresignOptions(upload=upload)),
        ("PUT", PresignOptions(version_id="7")),
        ("GET", PresignOptions(version_id="seven")),
        ("GET", PresignOptions(response_headers={"expires": "never"})),
    ):
        with pytest.raises(InvalidArgumentError):
            presigned_query(method, options)


def test_no_secret_is_shown() -> None:
    ours = presigned("GET", f"{BASE}/bucket/key", {}, EMAIL, MOMENT, 60, {})
    assert "X-Goog" not in repr(ours)


@pytest.mark.parametrize("url", ["https://cdn.example.com/a%20b", "https://cdn.example.com/a?x=1"])
def test_urls_of_cloud_cdn(url: str) -> None:
    """As in Google's sample: HMAC-SHA1 of the URL with Expires and KeyName, in base64url."""
    key = base64.urlsafe_b64encode(bytes(range(16))).decode()
    signed = sign_url(url, "my-key", key, 1_700_000_000)
    unsigned, _, signature = signed.rpartition("&Signature=")
    assert unsigned == f"{url}{'&' if '?' in url else '?'}Expires=1700000000&KeyName=my-key"
    digest = hmac.new(bytes(range(16)), unsigned.encode(), hashlib.sha1).digest()
    assert signature == base64.urlsafe_b64encode(digest).decode()
    assert dict(parse_qsl(urlsplit(signed).query))["KeyName"] == "my-key"


def test_a_key_of_cloud_cdn_that_is_none() -> None:
    for key in ("", "not base64!é"):
        with pytest.raises(InvalidArgumentError):
            sign_url("https://cdn.example.com/a", "k", key, 1)
