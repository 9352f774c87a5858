"""Signatures, against those that Microsoft's own client makes of the same requests."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl

import pytest
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest
from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy
from azure.storage.blob._shared.shared_access_signature import SharedAccessSignature
from azure.storage.blob._shared_access_signature import BlobSharedAccessSignature
from hypothesis import example, given
from hypothesis import strategies as st

from aiostorage._http.messages import Request
from aiostorage.errors import AuthenticationError
from aiostorage.models import ByteRange, ListQuery, ObjectRef, ReadOptions, Upload, WriteOptions
from aiostorage.providers.azure import batch, requests, signing
from aiostorage.providers.azure.config import EMULATOR_KEY, Settings, Site, make_site
from aiostorage.providers.azure.credentials import (
    BearerToken,
    DelegationKey,
    SASToken,
    SharedKey,
    sas_token,
)

if TYPE_CHECKING:
    from aiostorage._http.messages import Wire
    from aiostorage.providers.azure.credentials import AzureCredential

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 3, 3, 4, 5, tzinfo=UTC)
KEY = SharedKey(account_name="account", account_key=b64decode(EMULATOR_KEY))
SAS = SASToken(token="sv=2022-11-02&sig=hunter2")
BEARER = BearerToken(token="hunter2")


def site_of(endpoint: str = "https://account.blob.core.windows.net", account: str | None = None) -> Site:
    return make_site(Settings(endpoint=endpoint, account_name=account), {})[0]


SITE = site_of()


def sign(request: Request, credential: AzureCredential | None, site: Site = SITE) -> Wire:
    return signing.sign(request, credential, NOW, version=site.api_version, origin=site.url)


def signed_by_microsoft(method: str, wire: Wire, length: int, account: str = "account") -> str:
    headers = {name: value for name, value in wire.headers.items() if name != "authorization"}
    if length:
        headers["content-length"] = str(length)
    return authorized_by_microsoft(method, wire.url, headers, account)


def authorized_by_microsoft(method: str, url: str, headers: dict[str, str], account: str = "account") -> str:
    request = HttpRequest(method, url, headers=headers)
    request.query = dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))
    policy: Any = SharedKeyCredentialPolicy  # it has no annotations
    policy(account, EMULATOR_KEY).on_request(PipelineRequest(request, PipelineContext(None)))
    return request.headers["Authorization"]


UPLOAD = Upload(container="photos", key="a b/é+%41", upload_id="0" * 32)
REQUESTS = {
    "service": requests.list_containers(SITE, prefix="a b&c=d/é+%", token="x|y"),
    "container": requests.head_container(SITE, "photos"),
    "listing": requests.list_objects(
        SITE, "photos", ListQuery(prefix="é +%/", delimiter="/", start_after="é +%/~", page_size=7), token="2!8"
    ),
    "get": requests.get_object(
        SITE, "photos", "a b/é+%41&=?#.txt", ReadOptions(byte_range=ByteRange(1, 5), if_match="0x8D")
    ),
    "condition": requests.head_object(SITE, "photos", "k", ReadOptions(if_none_match="*")),
    "version": requests.head_object(SITE, "photos", "k", ReadOptions(version_id="2026-01-01T00:00:00.0000000Z")),
    "delete": requests.delete_object(SITE, ObjectRef(container="photos", key="😀'()!*~-._")),
    "drop": requests.drop_blocks(SITE, UPLOAD),
    "put": requests.put_object(
        SITE,
        "photos",
        "trailing/",
        b"content",
        WriteOptions(
            content_type="text/x  own",
            cache_control="no-store",
            content_encoding="gzip",
            content_language="de",
            metadata={"note": "Grüße", "Dash-Name": "x", "empty": "", "z": "a  b"},
            tags={"a b": "c+d/e", "ä": "ö"},
            storage_class="Cool",
            if_none_match="*",
        ),
        digests={"content-md5": "mgNkuembtIDdJeHwKEyFVQ=="},
        on_sent=None,
    ),
    "block": requests.upload_part(SITE, UPLOAD, 7, b"x" * 1000, digests={}, on_sent=None),
    "blocks": requests.complete_upload(SITE, UPLOAD, [1, 2], WriteOptions(if_match="0x1")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_shared_key(name: str) -> None:
    request = REQUESTS[name]
    wire = sign(request, KEY)
    assert wire.headers["authorization"] == signed_by_microsoft(request.method, wire, len(request.body))
    assert wire.headers["x-ms-date"] == "Fri, 02 Jan 2026 03:04:05 GMT"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.text(max_size=20))
def test_shared_key_of_any_name(key: str, prefix: str) -> None:
    prefix = prefix.encode("utf-8", "replace").decode()
    for request in (
        requests.get_object(SITE, "photos", key, ReadOptions()),
        requests.list_objects(SITE, "photos", ListQuery(prefix=prefix), token=None),
    ):
        wire = sign(request, KEY)
        assert wire.headers["authorization"] == signed_by_microsoft("GET", wire, 0)


NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,4}", fullmatch=True)


@given(st.sets(NAMES, min_size=2, max_size=8))
@example({"i0", "i_"})
@example({"foo_bar", "foo2_bar", "foobar"})
@example({"sha1", "sha-256", "sha_256"})
def test_shared_key_of_any_metadata(names: set[str]) -> None:
    """The service sorts headers in an order of its own."""
    options = WriteOptions(metadata=dict.fromkeys(names, "x"))
    request = requests.put_object(SITE, "photos", "key", b"", options, digests={}, on_sent=None)
    wire = sign(request, KEY)
    assert wire.headers["authorization"] == signed_by_microsoft("PUT", wire, 0)


def test_the_emulators_account_is_in_the_path_twice() -> None:
    site = site_of("http://127.0.0.1:10000/account")
    wire = sign(requests.head_container(site, "photos"), KEY, site)
    assert wire.headers["authorization"] == signed_by_microsoft("HEAD", wire, 0)
    text = signing.string_to_sign("HEAD", wire.url, wire.headers, 0, "account")
    assert "\n/account/account/photos\nrestype:container" in text


def test_values_of_a_parameter_that_comes_twice_are_joined_in_order() -> None:
    text = signing.string_to_sign("GET", "https://h/c?b=2&B=1&a=%2C+x", {}, 0, "account")
    assert text.endswith("\n/account/c\na:, x\nb:1,2")


def test_a_signature_goes_into_the_query() -> None:
    wire = sign(REQUESTS["container"], SAS)
    assert wire.url.endswith("/photos?restype=container&sv=2022-11-02&sig=hunter2")
    assert sign(REQUESTS["delete"], SAS).url.endswith("?sv=2022-11-02&sig=hunter2")
    assert "authorization" not in wire.headers


def test_a_token_goes_into_a_header() -> None:
    assert sign(REQUESTS["get"], BEARER).headers["authorization"] == "Bearer hunter2"
    assert "authorization" not in sign(REQUESTS["get"], None).headers


@pytest.mark.parametrize("credential", [KEY, SAS, BEARER])
def test_secrets_are_not_shown(credential: AzureCredential) -> None:
    assert "hunter2" not in repr(credential)
    assert repr(KEY.account_key) not in repr(credential)


# Shared access signatures


@pytest.mark.parametrize("blob", ["plain", "a b/é+%41&=?#.txt", "😀", "trailing/"])
@pytest.mark.parametrize("moment", [None, "2026-01-01T00:00:00.0000000Z"])
@pytest.mark.parametrize("https_only", [False, True])
def test_a_signature_for_a_blob(blob: str, moment: str | None, https_only: bool) -> None:
    microsoft = BlobSharedAccessSignature("account", EMULATOR_KEY)
    microsoft.x_ms_version = signing.SAS_VERSION
    expected = microsoft.generate_blob(
        "photos",
        blob,
        snapshot=moment,
        permission="rw",
        expiry=LATER,
        protocol="https" if https_only else None,
        content_disposition='attachment; filename="é.txt"',
        content_type="text/plain",
    )
    found = signing.blob_sas(
        KEY,
        "account",
        "photos",
        blob,
        permissions="rw",
        expires_at=LATER,
        snapshot=moment,
        https_only=https_only,
        response_headers={"rscd": 'attachment; filename="é.txt"', "rsct": "text/plain"},
    )
    assert parse_qs(found) == parse_qs(expected)


def test_a_signature_for_a_version() -> None:
    microsoft = BlobSharedAccessSignature("account", EMULATOR_KEY)
    microsoft.x_ms_version = signing.SAS_VERSION
    version = "2026-01-01T00:00:00.0000000Z"
    expected = microsoft.generate_blob("photos", "k", version_id=version, permission="r", expiry=LATER)
    found = signing.blob_sas(KEY, "account", "photos", "k", permissions="r", expires_at=LATER, version_id=version)
    assert parse_qs(found)["sig"] == parse_qs(expected)["sig"]


@pytest.mark.parametrize("https_only", [False, True])
def test_a_signature_for_an_account(https_only: bool) -> None:
    microsoft: Any = SharedAccessSignature  # it has no annotations
    witness = microsoft("account", EMULATOR_KEY, x_ms_version=signing.SAS_VERSION)
    expected = witness.generate_account("b", "sco", "rwl", LATER, protocol="https" if https_only else None)
    found = signing.account_sas(KEY, permissions="rwl", resource_types="sco", expires_at=LATER, https_only=https_only)
    assert parse_qs(found) == parse_qs(expected)


def test_a_signature_in_the_name_of_an_identity_names_it() -> None:
    key = DelegationKey(
        object_id="oid", tenant_id="tid", start="s", expiry="e", service="b", version="v", value=b"hunter2"
    )
    fields = parse_qs(signing.blob_sas(key, "account", "c", "b", permissions="r", expires_at=LATER))
    assert {name: fields[name] for name in ("skoid", "sktid", "skt", "ske", "sks", "skv", "sr")} == {
        "skoid": ["oid"], "sktid": ["tid"], "skt": ["s"], "ske": ["e"], "sks": ["b"], "skv": ["v"], "sr": ["b"],
    }  # fmt: skip
    assert "hunter2" not in repr(key)


@pytest.mark.parametrize("text", ["", "?", "sv=2022", "sig=", "sig=a b", "sig=a\nb"])
def test_what_is_no_signature(text: str) -> None:
    with pytest.raises(AuthenticationError):
        sas_token(text)


def test_a_signature_knows_its_end() -> None:
    token = sas_token(" ?se=2026-01-03T03%3A04%3A05Z&sig=x ")
    assert (token.token, token.expires_at) == ("se=2026-01-03T03%3A04%3A05Z&sig=x", LATER)


# Copies


SOURCE = ObjectRef(container="photos", key="a b", version_id="snapshot:2026-01-01T00:00:00.0000000Z")


def test_a_copy_is_allowed_to_read_its_source_and_no_more() -> None:
    request = requests.copy_object(SITE, SOURCE, "photos", "copy", with_tags=False)
    source = sign(request, KEY).headers["x-ms-copy-source"]
    url, _, query = source.partition("?")
    fields = parse_qs(query)
    assert url == "https://account.blob.core.windows.net/photos/a%20b"
    assert (fields["sp"], fields["sr"], fields["se"]) == (["r"], ["bs"], ["2026-01-02T04:04:05Z"])
    assert fields["snapshot"] == ["2026-01-01T00:00:00.0000000Z"]
    assert sign(request, SAS).headers["x-ms-copy-source"].endswith("&sv=2022-11-02&sig=hunter2")
    assert sign(request, BEARER).headers["x-ms-copy-source-authorization"] == "Bearer hunter2"
    assert sign(request, None).headers["x-ms-copy-source"] == request.headers["x-ms-copy-source"]
    tagged = sign(requests.copy_object(SITE, SOURCE, "photos", "copy", with_tags=True), KEY)
    assert tagged.headers["x-ms-copy-source-tag-option"] == "COPY"
    assert parse_qs(tagged.headers["x-ms-copy-source"].partition("?")[2])["sp"] == ["rt"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/photos/a",
        "https://account.blob.core.windows.net.evil.example/photos/a",
        "https://account.blob.core.windows.net/photos/a?sig=theirs",
    ],
)
@pytest.mark.parametrize("credential", [KEY, SAS, BEARER])
def test_a_strange_source_gets_nothing_of_ours(url: str, credential: AzureCredential) -> None:
    request = Request(operation="x", method="PUT", url=f"{SITE.url}/c/k", headers={"x-ms-copy-source": url})
    headers = sign(request, credential).headers
    assert headers["x-ms-copy-source"] == url
    assert "x-ms-copy-source-authorization" not in headers


# Batches


def test_each_part_of_a_batch_is_signed() -> None:
    refs = [ObjectRef(container="photos", key=key) for key in ("a b", "é")]
    request = requests.delete_objects(SITE, "photos", refs)
    wire = batch.sign(request, KEY, NOW, version=SITE.api_version, origin=SITE.url)
    assert wire.body is not None
    assert wire.headers["authorization"] == signed_by_microsoft("POST", wire, len(wire.body))
    parts = bytes(wire.body).decode().split("\r\n\r\n")
    assert "DELETE /photos/a%20b HTTP/1.1\r\n" in parts[1]
    inner = dict(line.split(": ", 1) for line in parts[1].split("\r\n")[1:])
    assert "x-ms-version" not in inner
    url = "https://account.blob.core.windows.net/photos/a%20b"
    sent = {name: value for name, value in inner.items() if name not in {"authorization", "content-length"}}
    assert inner["authorization"] == authorized_by_microsoft("DELETE", url, sent)


def test_parts_of_a_batch_with_a_signature() -> None:
    request = requests.delete_objects(SITE, "photos", [ObjectRef(container="photos", key="k")])
    wire = batch.sign(request, SAS, NOW, version=SITE.api_version, origin=SITE.url)
    assert b"DELETE /photos/k?sv=2022-11-02&sig=hunter2 HTTP/1.1\r\n" in bytes(wire.body or b"")
    assert wire.url.endswith("comp=batch&restype=container&sv=2022-11-02&sig=hunter2")
