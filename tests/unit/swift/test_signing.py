"""Signatures, compared with those of python-swiftclient."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from swiftclient.utils import generate_temp_url

from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.providers.swift.requests import ACCOUNT, DELIVERY, path_of
from aiostorage.providers.swift.signing import Form, TempURL, sign
from aiostorage.providers.swift.tokens import SwiftToken

STORAGE = "https://host:8080/v1/AUTH_test"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
EXPIRES = 1_800_000_000
KEYS = [
    "plain",
    "a b/é+%41&=?#.txt",
    "日本語/😀",
    "//double",
    "../dots",
    "%2F",
    "100%",
    "plus+plus",
    "q?temp_url_sig=x",
]


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("ip_range", [None, "10.0.0.0/8"])
def test_one_object(key: str, digest: str, method: str, ip_range: str | None) -> None:
    ours = TempURL(method=method, url=STORAGE + path_of("c", key), expires=EXPIRES, ip_range=ip_range)
    theirs = generate_temp_url(
        f"/v1/AUTH_test/c/{key}", EXPIRES, "the key", method, absolute=True, digest=digest, ip_range=ip_range
    )
    signed = ours.signed("the key", digest)
    # What they return is the path as it is signed, unencoded, and then the query.
    assert query(signed) == query(f"?{str(theirs).rpartition('?')[2]}")
    assert unquote(urlsplit(signed).path) == f"/v1/AUTH_test/c/{key}"


def test_a_prefix() -> None:
    url = STORAGE + path_of("c", "photos/é 1.jpg")
    signed = TempURL(method="GET", url=url, expires=EXPIRES, prefix="photos/é").signed("k", "sha256")
    theirs = generate_temp_url(
        "/v1/AUTH_test/c/photos/é", EXPIRES, "k", "GET", absolute=True, prefix=True, digest="sha256"
    )
    assert query(signed)["temp_url_sig"] == query(str(theirs))["temp_url_sig"]
    assert query(signed)["temp_url_prefix"] == "photos/é"


def test_parameters_of_the_answer_are_added() -> None:
    url = TempURL(method="GET", url=STORAGE + "/c/k", expires=1, parameters=(("filename", "a b&c"), ("inline", "")))
    found = query(url.signed("k", "sha256"))
    assert (found["filename"], found["inline"]) == ("a b&c", "")


def test_an_account_that_is_none() -> None:
    with pytest.raises(InvalidArgumentError):
        TempURL(method="GET", url="https://host/c/k", expires=1).signed("k", "sha256")


def test_a_form() -> None:
    # The recipe of the documentation, by hand.
    form = Form(url=STORAGE + "/c/a%20b", expires=EXPIRES, max_bytes=100, redirect="https://there")
    assert form.signed("k", "sha256") == {
        "redirect": "https://there",
        "max_file_size": "100",
        "max_file_count": "1",
        "expires": str(EXPIRES),
        "signature": "ac3a9c52fa07d298c030917fc15b65976702d03e5809ba0ee3911f47e6c0bb03",
    }


def test_the_token_goes_to_the_account_alone() -> None:
    token = SwiftToken(value="geheim", storage_url=STORAGE)
    own = Request(operation="get_object", method="GET", url=f"{ACCOUNT}/c/k?a=b", headers={"range": "bytes=0-1"})
    assert sign(own, token, NOW)[:2] == (f"{STORAGE}/c/k?a=b", {"range": "bytes=0-1", "x-auth-token": "geheim"})
    other = Request(operation="info", method="GET", url="https://host:8080/info")
    assert sign(other, token, NOW)[:2] == ("https://host:8080/info", {})
    listing = Request(operation="list_containers", method="GET", url=f"{ACCOUNT}/?format=json")
    assert sign(listing, token, NOW).url == f"{STORAGE}?format=json"
    account = Request(operation="head_account", method="HEAD", url=f"{ACCOUNT}/")
    assert sign(account, token, NOW).url == STORAGE
    purge = Request(operation="cdn", method="DELETE", url=f"{DELIVERY}/c/k")
    assert sign(purge, replace(token, cdn_url="https://cdn/v1/a"), NOW).url == "https://cdn/v1/a/c/k"
    with pytest.raises(UnsupportedError, match="cdn_management_url"):
        sign(purge, token, NOW)
    nobody = SwiftToken(value="", storage_url=STORAGE)
    assert sign(own, nobody, NOW).headers == {"range": "bytes=0-1"}
