"""What Google's own libraries sign, and get tokens for, the server takes; and nothing that was changed."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.testing.google import (
    identity_pool,
    impersonated_credentials,
    service_account,
    transport,
    user_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.testing.conftest import Running

NAME = "signed/ünï code & +%2F?=~*'()"
SOON = datetime.timedelta(minutes=5)


@pytest.fixture(scope="module")
def account(grudging_gcs: Running) -> Any:
    return service_account.Credentials.from_service_account_info(grudging_gcs.file("service_account"))


@pytest.fixture(scope="module")
def signed_bucket(grudging_gcs: Running, account: Any) -> Any:
    bucket = grudging_gcs.client(account).create_bucket("signed-bucket")
    bucket.blob(NAME).upload_from_string(b"content", content_type="text/plain")
    return bucket


def sign(bucket: Any, account: Any, **options: Any) -> str:
    options = {"version": "v4", "expiration": SOON, "method": "GET", **options}
    made: str = bucket.blob(options.pop("name", NAME)).generate_signed_url(
        credentials=account, api_access_endpoint=bucket.client._connection.API_BASE_URL, **options
    )
    return made


def code(answer: requests.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_nobody_comes_in_without_a_name(grudging_gcs: Running) -> None:
    answer = requests.get(f"{grudging_gcs.endpoint}/storage/v1/b?project=test-project")
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (401, "required")
    answer = requests.get(f"{grudging_gcs.endpoint}/signed-bucket/x")
    assert (answer.status_code, code(answer)) == (401, "AuthenticationRequired")
    wrong = {"Authorization": "Bearer nonsense"}
    answer = requests.get(f"{grudging_gcs.endpoint}/storage/v1/b?project=test-project", headers=wrong)
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Invalid Credentials")


def test_a_url_to_read(signed_bucket: Any, account: Any) -> None:
    assert requests.get(sign(signed_bucket, account)).content == b"content"
    disposition = 'attachment; filename="a b.txt"'
    url = sign(signed_bucket, account, response_disposition=disposition, response_type="text/x-other")
    answer = requests.get(url)
    assert (answer.headers["Content-Disposition"], answer.headers["Content-Type"]) == (disposition, "text/x-other")
    url = sign(signed_bucket, account, query_parameters={"user project": "ä +&"})
    assert requests.get(url).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_url_is_for_one_method(signed_bucket: Any, account: Any, method: str) -> None:
    url = sign(signed_bucket, account, method=method)
    assert requests.request(method, url).status_code == 200
    answer = requests.request("GET" if method == "HEAD" else "HEAD", url)
    assert answer.status_code == 403


def test_one_character_that_is_changed(signed_bucket: Any, account: Any) -> None:
    url = sign(signed_bucket, account)
    for old, new in (
        ("X-Goog-Expires=300", "X-Goog-Expires=301"),
        ("signed/", "signec/"),
        (url[-8:], f"{'0' if url[-8] != '0' else '1'}{url[-7:]}"),
        ("&X-Goog-Signature", "&more=1&X-Goog-Signature"),
    ):
        answer = requests.get(url.replace(old, new))
        assert (answer.status_code, code(answer)) == (403, "SignatureDoesNotMatch")


def test_a_url_that_has_expired(signed_bucket: Any, account: Any) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    stamp = past.strftime("%Y%m%dT%H%M%SZ")
    url = sign(signed_bucket, account)
    now = url.partition("X-Goog-Date=")[2][:16]
    answer = requests.get(url.replace(now, stamp))
    assert (answer.status_code, code(answer)) == (400, "ExpiredToken")


def test_a_url_to_write(signed_bucket: Any, account: Any) -> None:
    headers = {"x-goog-meta-colour": "red  and   blue", "x-goog-if-generation-match": "0"}
    url = sign(signed_bucket, account, name="put", method="PUT", content_type="text/x-put", headers=headers)
    sent = {**headers, "Content-Type": "text/x-put"}
    assert requests.put(url, data=b"x", headers={**sent, "Content-Type": "other"}).status_code == 403
    assert requests.put(url, data=b"x", headers={**sent, "x-goog-meta-more": "1"}).status_code == 400
    assert requests.put(url, data=b"x", headers=sent).status_code == 200
    assert requests.put(url, data=b"x", headers=sent).status_code == 412
    found = signed_bucket.get_blob("put")
    assert found is not None
    assert (found.content_type, found.metadata) == ("text/x-put", {"colour": "red  and   blue"})
    assert requests.delete(sign(signed_bucket, account, name="put", method="DELETE")).status_code == 204


def test_a_url_to_begin_a_resumable_upload(signed_bucket: Any, account: Any) -> None:
    url = sign(signed_bucket, account, name="resumed", method="RESUMABLE")
    answer = requests.post(url, headers={"x-goog-resumable": "start"})
    assert answer.status_code == 201
    assert requests.put(answer.headers["Location"], data=b"content").status_code == 200
    assert signed_bucket.blob("resumed").download_as_bytes() == b"content"


def test_a_url_to_list_a_bucket(signed_bucket: Any, account: Any, grudging_gcs: Running) -> None:
    url = signed_bucket.generate_signed_url(
        version="v4", expiration=SOON, credentials=account, api_access_endpoint=grudging_gcs.endpoint
    )
    assert "<Name>signed-bucket</Name>" in requests.get(url).text


def test_a_form(signed_bucket: Any, account: Any, grudging_gcs: Running) -> None:
    policy = signed_bucket.client.generate_signed_post_policy_v4(
        "signed-bucket",
        "forms/one",
        SOON,
        credentials=account,
        conditions=[["content-length-range", 1, 10], ["starts-with", "$x-goog-meta-free", "f"]],
        fields={"content-type": "text/x-form", "success_action_status": "201", "x-goog-meta-colour": "rot"},
    )
    url, fields = f"{grudging_gcs.endpoint}/signed-bucket", {**policy["fields"], "x-goog-meta-free": "free"}
    answer = requests.post(url, data=fields, files={"file": ("name", b"content")})
    assert (answer.status_code, "<Key>forms/one</Key>" in answer.text) == (201, True)
    found = signed_bucket.get_blob("forms/one")
    assert found is not None
    assert (found.content_type, found.metadata) == ("text/x-form", {"colour": "rot", "free": "free"})
    for change in ({"x-goog-meta-colour": "blau"}, {"key": "other"}, {"x-goog-meta-other": "1"}):
        assert requests.post(url, data={**fields, **change}, files={"file": b"content"}).status_code == 403
    assert requests.post(url, data=fields, files={"file": b"content that is long"}).status_code == 400
    assert requests.post(url, data={**fields, "bucket": "other"}, files={"file": b"c"}).status_code == 400
    forged = "f" + fields["policy"][1:]
    assert requests.post(url, data={**fields, "policy": forged}, files={"file": b"c"}).status_code == 403


KINDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "service_account": service_account.Credentials.from_service_account_info,
    "external_account": identity_pool.Credentials.from_info,
    "external_account_impersonated": identity_pool.Credentials.from_info,
    "authorized_user": user_credentials.Credentials.from_authorized_user_info,
}


@pytest.mark.parametrize("kind", KINDS)
def test_tokens(grudging_gcs: Running, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = grudging_gcs.file(kind)
    if kind == "authorized_user":  # its token endpoint is fixed in the library
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", document["token_uri"])
    credentials = KINDS[kind](document)
    if kind != "authorized_user":
        credentials = credentials.with_scopes(["https://www.googleapis.com/auth/devstorage.read_write"])
    credentials.refresh(transport.Request())
    assert credentials.valid
    assert names(grudging_gcs.client(credentials)) is not None


def test_the_signature_of_an_account_whose_key_is_elsewhere(
    grudging_gcs: Running, signed_bucket: Any, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = f"{grudging_gcs.endpoint}/v1/projects/-/serviceAccounts/{{}}"
    monkeypatch.setattr("google.auth.iam._IAM_ENDPOINT", f"{base}:generateAccessToken")
    monkeypatch.setattr("google.auth.iam._IAM_SIGN_ENDPOINT", f"{base}:signBlob")
    acting = impersonated_credentials.Credentials(
        source_credentials=account.with_scopes(["https://www.googleapis.com/auth/cloud-platform"]),
        target_principal="signer@test-project.iam.gserviceaccount.com",
        target_scopes=["https://www.googleapis.com/auth/devstorage.read_only"],
    )
    assert requests.get(sign(signed_bucket, acting)).content == b"content"


def test_the_metadata_server(grudging_gcs: Running) -> None:
    base, flavor = f"{grudging_gcs.endpoint}/computeMetadata/v1", {"Metadata-Flavor": "Google"}
    address = f"{base}/instance/service-accounts/default/token"
    assert requests.get(address).status_code == 403
    answer = requests.get(address, headers=flavor)
    assert answer.headers["Metadata-Flavor"] == "Google"
    token = answer.json()["access_token"]
    listed = requests.get(
        f"{grudging_gcs.endpoint}/storage/v1/b?project=test-project", headers={"Authorization": f"Bearer {token}"}
    )
    assert listed.status_code == 200
    assert requests.get(f"{base}/project/project-id", headers=flavor).text == "test-project"


def test_what_is_worth_no_token(grudging_gcs: Running) -> None:
    url, user = f"{grudging_gcs.endpoint}/token", grudging_gcs.file("authorized_user")
    form = {name: user[name] for name in ("client_id", "client_secret", "refresh_token")}
    form["grant_type"] = "refresh_token"
    assert requests.post(url, data=form).status_code == 200
    wrong = requests.post(url, data={**form, "refresh_token": "other"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    assert requests.post(url, data={**form, "client_secret": "other"}).status_code == 401
    assertion = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"}
    assert requests.post(url, data=assertion).json()["error"] == "invalid_grant"


def test_a_key_made_by_the_api(grudging_gcs: Running, account: Any) -> None:
    client = grudging_gcs.client(account)
    metadata, secret = client.create_hmac_key("somebody@test-project.iam.gserviceaccount.com")
    assert metadata.access_id.startswith("GOOG")
    assert len(secret) == 40
    assert re.fullmatch("[A-Z0-9]{61}", metadata.access_id)


def names(client: Any) -> list[str]:
    return [bucket.name for bucket in client.list_buckets()]
