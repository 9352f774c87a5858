"""What is signed for others, against what Amazon published and against botocore."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from aiostorage._http import forms
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import PostPolicy, PresignOptions, Upload
from aiostorage.providers.s3 import presigning, requests
from aiostorage.providers.s3.config import Settings, Site, make_site
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.profiles import AWS, CEPH
from aiostorage.providers.s3.signing import Signer

if TYPE_CHECKING:
    from aiostorage.models import PresignedPost

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = S3Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET)
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SITE = make_site(Settings(region="eu-west-1"), {}, {})
UPLOAD = Upload(container="bucket", key="k", upload_id="id+/=")
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
text = st.text(st.characters(exclude_categories=["Cs"]))


def url_of(method: str = "GET", key: str = "k", site: Site = SITE, **options: Any) -> str:
    return presigning.request_url(site, method, "bucket", key, PresignOptions(**options))


def form_of(key: str = "k", keys: S3Credentials = KEYS, **policy: Any) -> PresignedPost:
    wanted = PostPolicy(**policy)
    conditions = presigning.form_conditions("bucket", key, wanted)
    return presigning.signed_form(Signer("eu-west-1"), "https://x/", key, wanted, conditions, keys, NOW)


def document_of(form: PresignedPost) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(b64decode(form.fields["policy"], validate=True))
    return document


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


def test_the_form_of_the_s3_reference() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
    published = (
        "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJza"
        "Wd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdW"
        "JsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25h"
        "d3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQ"
        "ogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAi"
        "QUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOi"
        "AiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGht"
        "IjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
    )
    signature = Signer("us-east-1").form_signature(published, KEYS, datetime(2015, 12, 29, tzinfo=UTC))
    assert signature == "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"


@given(key=text.filter(bool), value=text, moment=moments, token=st.none() | st.just("t"))
@pytest.mark.verifies("links: POST form", "links: forms as curl --form sends them", on="model")
def test_botocore_signs_the_same_form(key: str, value: str, moment: datetime, token: str | None) -> None:
    keys = S3Credentials(access_key_id="id", secret_access_key="secret", session_token=token)
    wanted = PostPolicy(fields={"x-amz-meta-a": value}, size_range=(0, 9))
    signer = Signer("eu-west-1")
    conditions: list[forms.Condition] = [{"any": key}]
    ours = presigning.signed_form(signer, "https://x/", key, wanted, conditions, keys, moment)
    auth = S3SigV4PostAuth(Credentials("id", "secret", token), "s3", "eu-west-1")
    request = AWSRequest(method="POST", url="https://x/")
    request.context["timestamp"] = ours.fields["x-amz-date"]
    assert ours.fields["x-amz-signature"] == auth.signature(ours.fields["policy"], request)
    assert ours.fields["x-amz-credential"] == auth.scope(request)
    assert ours.fields.get("x-amz-security-token") == token


@given(key=text.filter(bool), value=text)
def test_the_policy_is_strict_json_that_says_what_was_asked(key: str, value: str) -> None:
    if forms.FILENAME in key:
        return
    form = form_of(key, fields={"x-amz-meta-a": value}, prefixes={"Content-Type": value}, size_range=(1, 5))
    document = document_of(form)
    assert document["expiration"] == "2026-01-02T04:04:05Z"
    assert document["conditions"] == [
        {"bucket": "bucket"},
        {"key": key},
        {"x-amz-meta-a": value},
        ["starts-with", "$Content-Type", value],
        ["content-length-range", 1, 5],
        {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
        {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20260102/eu-west-1/s3/aws4_request"},
        {"x-amz-date": "20260102T030405Z"},
    ]
    assert form.fields["key"] == key
    assert form.fields["x-amz-meta-a"] == value
    assert "Content-Type" not in form.fields


def test_each_field_that_is_signed_is_in_the_policy() -> None:
    keys = S3Credentials(access_key_id="ASIA1", secret_access_key="s", session_token="token")
    form = form_of(keys=keys, fields={"acl": "private"})
    named = [name for condition in document_of(form)["conditions"] for name in condition]
    assert sorted([*named, "policy", "x-amz-signature"]) == sorted([*form.fields, "bucket"])
    assert form.fields["x-amz-security-token"] == "token"


def test_the_name_of_the_users_file() -> None:
    assert {"key": "a/${filename"} in presigning.form_conditions("b", "a/${filename", PostPolicy())
    assert ["starts-with", "$key", "a/"] in presigning.form_conditions("b", "a/${filename}", PostPolicy())
    assert form_of("a/${filename}").fields["key"] == "a/${filename}"
    for key in ("a/${filename}.txt", "${filename}${filename}"):
        with pytest.raises(InvalidArgumentError):
            form_of(key)


@pytest.mark.parametrize(
    "policy",
    [
        {"expires_in_s": 0},
        {"expires_in_s": 7 * 86400 + 1},
        {"expires_in_s": float("nan")},
        {"size_range": (-1, 5)},
        {"size_range": (6, 5)},
        {"fields": {"key": "other"}},
        {"prefixes": {"Key": ""}},
        {"prefixes": {"X-Amz-Date": ""}},
        {"fields": {"a": "1", "A": "2"}},
        {"fields": {"a": "1"}, "prefixes": {"A": "2"}},
        {"fields": {'a"; name="key': "1"}},
        {"fields": {"": "1"}},
        {"fields": {"a": "\ud800"}},
    ],
)
def test_forms_that_are_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        form_of(**policy)


def test_parameters_of_requests() -> None:
    chosen = {"Content-Disposition": 'attachment; filename="a b"', "expires": "0"}
    assert query_of(url_of(version_id="v+1", response_headers=chosen)) == {
        "versionId": "v+1",
        "response-content-disposition": 'attachment; filename="a b"',
        "response-expires": "0",
    }
    assert url_of("DELETE", version_id="v").endswith("/k?versionId=v")
    assert url_of("PUT", upload=UPLOAD, part_number=7).endswith("/k?partNumber=7&uploadId=id%2B%2F%3D")
    assert url_of("HEAD") == "https://bucket.s3.eu-west-1.amazonaws.com/k"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("POST", {}),
        ("get", {}),
        ("GET", {"expires_in_s": 0.5}),
        ("GET", {"expires_in_s": 7 * 86400 + 1}),
        ("GET", {"expires_in_s": float("nan")}),
        ("PUT", {"version_id": "v"}),
        ("PUT", {"response_headers": {"expires": "0"}}),
        ("DELETE", {"response_headers": {"expires": "0"}}),
        ("GET", {"response_headers": {"x-own": "0"}}),
        ("GET", {"response_headers": {"expires": "0\r\n"}}),
        ("GET", {"upload": UPLOAD, "part_number": 1}),
        ("PUT", {"upload": UPLOAD}),
        ("PUT", {"part_number": 1}),
        ("PUT", {"upload": UPLOAD, "part_number": 0}),
        ("PUT", {"upload": UPLOAD, "part_number": AWS.limits.max_parts + 1}),
    ],
)
def test_requests_that_are_refused(method: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        url_of(method, **options)


@pytest.mark.parametrize("headers", [{"Host": "x"}, {"a b": "1"}, {"": "1"}, {"x-a": "1\r\nx-b: 2"}, {"x-a": "ü"}])
def test_headers_that_are_refused(headers: dict[str, str]) -> None:
    options = PresignOptions(headers=headers)
    with pytest.raises(InvalidArgumentError):
        presigning.signed_request(Signer("eu-west-1"), "PUT", url_of("PUT"), options, KEYS, NOW)


def test_when_it_stops_to_work() -> None:
    def expires_at(expires_in_s: float, credential_for_s: float | None) -> list[datetime]:
        until = None if credential_for_s is None else NOW + timedelta(seconds=credential_for_s)
        keys = S3Credentials(access_key_id="id", secret_access_key="s", session_token="t", expires_at=until)
        options = PresignOptions(expires_in_s=expires_in_s)
        signed = presigning.signed_request(Signer("eu-west-1"), "GET", url_of(), options, keys, NOW)
        return [signed.expires_at, form_of(keys=keys, expires_in_s=expires_in_s).expires_at]

    # The service counts in whole seconds from the whole second of the signature.
    assert expires_at(90.9, None) == [datetime(2026, 1, 2, 3, 5, 35, tzinfo=UTC)] * 2
    assert expires_at(90, 900) == [datetime(2026, 1, 2, 3, 5, 35, tzinfo=UTC)] * 2
    assert expires_at(7 * 86400, 900) == [NOW + timedelta(seconds=900)] * 2


def test_a_body_is_signed_where_its_hash_is_demanded() -> None:
    def signature(headers: dict[str, str]) -> str:
        options = PresignOptions(headers=headers)
        signed = presigning.signed_request(Signer("eu-west-1"), "PUT", url_of("PUT"), options, KEYS, NOW)
        return query_of(signed.url)["X-Amz-Signature"]

    name = "x-amz-content-sha256"
    assert len({signature({}), signature({name: "UNSIGNED-PAYLOAD"}), signature({name: "0" * 64})}) == 3


def test_forms_go_to_the_container() -> None:
    path_style = make_site(Settings(endpoint="http://host:9000/base", vendor=CEPH), {}, {})
    assert requests.container_url(path_style, "bucket") == "http://host:9000/base/bucket"
    assert requests.container_url(SITE, "bucket") == "https://bucket.s3.eu-west-1.amazonaws.com/"
