from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aiostorage import connect
from aiostorage.errors import AuthenticationError, InvalidArgumentError
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.config import S3Options, Settings, Site, make_site, needs_files, split_options
from aiostorage.providers.s3.profiles import AWS, CEPH, GCS, GENERIC, R2, SWIFT
from aiostorage.providers.s3.shared_files import read_profile

if TYPE_CHECKING:
    from pathlib import Path


def site(*, environ: dict[str, str] | None = None, shared: dict[str, str] | None = None, **settings: object) -> Site:
    return make_site(Settings(**settings), environ or {}, shared or {})  # type: ignore[arg-type]  # a table of options


def test_without_anything_it_is_amazon() -> None:
    found = site()
    assert (found.scheme, found.host, found.region) == ("https", "s3.us-east-1.amazonaws.com", "us-east-1")
    assert found.vendor is AWS
    assert found.is_virtual
    assert not found.signs_payload
    assert found.upload_digest == "crc32"


@pytest.mark.parametrize(
    ("environ", "shared", "region"),
    [
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, {"region": "c"}, "a"),
        ({"AWS_DEFAULT_REGION": "b"}, {"region": "c"}, "b"),
        ({}, {"region": "c"}, "c"),
        ({"AWS_REGION": ""}, {}, "us-east-1"),
    ],
)
def test_where_a_region_comes_from(environ: dict[str, str], shared: dict[str, str], region: str) -> None:
    assert site(environ=environ, shared=shared).region == region
    assert site(environ=environ, shared=shared, region="x").region == "x"


def test_china_has_a_domain_of_its_own() -> None:
    assert site(region="cn-north-1").host == "s3.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    ("environ", "shared", "host"),
    [
        ({"AWS_ENDPOINT_URL_S3": "http://a", "AWS_ENDPOINT_URL": "http://b"}, {}, "a"),
        ({"AWS_ENDPOINT_URL": "http://b"}, {"endpoint_url": "http://c"}, "b"),
        ({}, {"endpoint_url": "http://c", "s3.endpoint_url": "http://d"}, "d"),
        ({}, {"endpoint_url": "http://c"}, "c"),
        (
            {"AWS_ENDPOINT_URL": "http://b", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            {},
            "s3.us-east-1.amazonaws.com",
        ),
    ],
)
def test_where_an_endpoint_comes_from(environ: dict[str, str], shared: dict[str, str], host: str) -> None:
    assert site(environ=environ, shared=shared).host == host
    assert site(environ=environ, shared=shared, endpoint="http://x").host == "x"


@pytest.mark.parametrize(
    ("endpoint", "scheme", "host", "base_path"),
    [
        ("https://S3.Example.org", "https", "s3.example.org", ""),
        ("https://example.org:443/", "https", "example.org", ""),
        ("http://example.org:80", "http", "example.org", ""),
        ("http://example.org:443/a/b/", "http", "example.org:443", "/a/b"),
        ("http://[::1]:9000", "http", "[::1]:9000", ""),
    ],
)
def test_endpoints(endpoint: str, scheme: str, host: str, base_path: str) -> None:
    found = site(endpoint=endpoint)
    assert (found.scheme, found.host, found.base_path) == (scheme, host, base_path)


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:9000", "ftp://x", "https://", "https://me:hunter2@x", "https://x?hunter2", "https://x#y", "https://ü.de",
     "https://x:99999", "https://x/a b", "https://[::1"],
)  # fmt: skip
def test_endpoints_that_are_none(endpoint: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        site(endpoint=endpoint)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("region", ["eu west", "a/b", "evil.example.org#", "ü"])
def test_regions_that_are_none(region: str) -> None:
    with pytest.raises(InvalidArgumentError):
        site(region=region)


def test_vendors_are_guessed_from_the_endpoint_or_named() -> None:
    assert site(endpoint="https://s3.eu-west-1.amazonaws.com").vendor is AWS
    assert site(endpoint="https://storage.googleapis.com").vendor is GCS
    assert site(endpoint="https://abc.r2.cloudflarestorage.com").vendor is R2
    assert site(endpoint="https://abc.r2.cloudflarestorage.com").region == "auto"
    assert site(endpoint="https://amazonaws.com.evil.org").vendor is GENERIC
    assert site(endpoint="https://storage.googleapis.com", vendor=CEPH).vendor is CEPH


@pytest.mark.parametrize(
    ("settings", "signs", "digest"),
    [
        (Settings(endpoint="https://x"), False, "md5"),
        (Settings(endpoint="http://x"), True, "md5"),  # a stranger may ignore what is signed
        (Settings(endpoint="http://x", vendor=SWIFT), True, None),
        (Settings(endpoint="https://x", vendor=SWIFT), True, None),  # cheaper than an MD5
        (Settings(endpoint="https://x", vendor=SWIFT, payload_signing="never"), False, "md5"),
        (Settings(endpoint="https://x", vendor=SWIFT, payload_signing="always"), True, None),
        (Settings(endpoint="http://x", vendor=SWIFT, payload_signing="never"), False, "md5"),
        (Settings(endpoint="http://x", vendor=SWIFT, anonymous=True), False, "md5"),
        (Settings(), False, "crc32"),
        (Settings(payload_signing="always"), True, None),
    ],
)
def test_every_body_is_checked_in_some_way(settings: Settings, signs: bool, digest: str | None) -> None:
    found = make_site(settings, {}, {})
    assert (found.signs_payload, found.upload_digest) == (signs, digest)


@pytest.mark.parametrize(
    ("settings", "container", "url"),
    [
        (Settings(), "bucket", "https://bucket.s3.us-east-1.amazonaws.com"),
        (Settings(), "my.bucket", "https://s3.us-east-1.amazonaws.com/my.bucket"),  # no certificate fits
        (Settings(addressing_style="path"), "bucket", "https://s3.us-east-1.amazonaws.com/bucket"),
        (Settings(endpoint="http://x:1/base"), "bucket", "http://x:1/base/bucket"),
        (Settings(endpoint="http://x:1/base", addressing_style="virtual"), "bucket", "http://bucket.x:1/base"),
        (Settings(endpoint="http://x", addressing_style="virtual"), "my.bucket", "http://my.bucket.x"),
        (Settings(endpoint="http://x", addressing_style="virtual"), "My_Bucket", "http://x/My_Bucket"),
        (Settings(endpoint="http://127.0.0.1:9", addressing_style="virtual"), "bucket", "http://127.0.0.1:9/bucket"),
        (Settings(endpoint="http://[::1]", addressing_style="virtual"), "bucket", "http://[::1]/bucket"),
    ],
)
def test_where_the_name_of_a_container_goes(settings: Settings, container: str, url: str) -> None:
    assert make_site(settings, {}, {}).container_url(container, container) == url


def test_options_are_split_between_s3_and_http() -> None:
    settings, http = split_options({
        "region": "r",
        "vendor": "ceph",
        "anonymous": True,
        "max_connections": 3,
        "proxy": "",
    })
    assert (settings.region, settings.vendor, settings.anonymous) == ("r", CEPH, True)
    assert http == {"max_connections": 3, "proxy": ""}


@pytest.mark.parametrize(
    "options",
    [
        {"access_key_id": "a"},
        {"secret_access_key": "hunter2"},
        {"session_token": "hunter2"},
        {"access_key_id": "a", "secret_access_key": "hunter2", "anonymous": True},
        {"vendor": "acme"},
        {"addressing_style": "dns"},
        {"payload_signing": "yes"},
    ],
)
def test_options_that_contradict_each_other(options: S3Options) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        split_options(options)
    assert "hunter2" not in str(caught.value)


def test_settings_do_not_show_secrets() -> None:
    assert "hunter2" not in repr(Settings(access_key_id="a", secret_access_key="hunter2", session_token="hunter2"))


def test_files_are_read_only_where_they_may_have_a_say() -> None:
    assert needs_files(Settings(region="r"), {})
    assert needs_files(Settings(endpoint="http://x"), {})
    assert not needs_files(Settings(region="r", endpoint="http://x"), {})
    assert not needs_files(Settings(), {"AWS_REGION": "r", "AWS_ENDPOINT_URL": "http://x"})


CONFIG = """
[default]
region = one
[profile some name]
region = two
services = mine
aws_access_key_id = from-config
[profile "quoted"]
region = three
[named]
region = not a profile
[services mine]
s3 =
  endpoint_url = http://nested
ec2 =
  endpoint_url = http://other
"""
CREDENTIALS = """
[some name]
aws_access_key_id = from-credentials
aws_secret_access_key = a%b+c/d=
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(CREDENTIALS)
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


def test_a_profile_of_both_files(environ: dict[str, str]) -> None:
    profile = read_profile(environ, "some name")
    assert profile.is_present
    assert profile.settings["region"] == "two"
    assert profile.settings["aws_access_key_id"] == "from-credentials"
    assert profile.settings["aws_secret_access_key"] == "a%b+c/d="
    assert profile.settings["s3.endpoint_url"] == "http://nested"
    assert "a%b" not in repr(profile)


def test_which_profile_it_is(environ: dict[str, str]) -> None:
    assert read_profile(environ, None).settings["region"] == "one"
    assert read_profile({**environ, "AWS_PROFILE": "quoted"}, None).settings["region"] == "three"
    assert read_profile({**environ, "AWS_PROFILE": "quoted"}, "default").settings["region"] == "one"
    assert not read_profile(environ, "named").is_present
    assert not read_profile(environ, "missing").is_present


def test_files_that_are_not_there_are_empty(tmp_path: Path) -> None:
    nowhere = {"AWS_CONFIG_FILE": str(tmp_path / "a"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "b" / "c")}
    profile = read_profile(nowhere, None)
    assert not profile.is_present
    assert profile.files == (tmp_path / "b" / "c", tmp_path / "a")


@pytest.mark.parametrize("content", [b"hunter2", b"[default]\nhunter2\n", b"\xff\xfe[x]"])
def test_a_broken_file_is_named_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(AuthenticationError, match="config") as caught:
        read_profile({"AWS_CONFIG_FILE": str(tmp_path / "config")}, None)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_url_may_choose_the_endpoint() -> None:
    driver = connect("s3://?region=eu-west-1&dual_stack=true&fips=true&requester_pays=true")
    assert isinstance(driver.backend, S3Backend)
    site = driver.backend._site
    assert site.host == "s3-fips.dualstack.eu-west-1.amazonaws.com"
    assert site.requester_pays
    with pytest.raises(InvalidArgumentError):
        connect("s3://?region=eu-west-1&accelerate=yes")
