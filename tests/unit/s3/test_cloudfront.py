"""Content delivery by CloudFront, against botocore, and a server that checks what it is sent."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.signers import CloudFrontSigner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from aiostorage import CloudFront, RetryPolicy, S3Driver, connect
from aiostorage.errors import AuthenticationError, InvalidArgumentError, RateLimitedError, UnsupportedError
from aiostorage.models import CDNPolicy
from aiostorage.providers.s3 import cloudfront
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.scripted import Seen

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
BASE = "https://d111111abcdef8.cloudfront.net"
KEY = "a b/é+%41&=?#*~.txt"
PATH = "/a%20b/%C3%A9%2B%2541%26%3D%3F%23%2A~.txt"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


def sign_rsa(content: bytes) -> bytes:
    return RSA_KEY.sign(content, padding.PKCS1v15(), hashes.SHA1())


def decoded(text: str) -> bytes:
    return b64decode(text.replace("-", "+").replace("_", "=").replace("~", "/"), validate=True)


def distribution(**more: Any) -> CloudFront:
    return CloudFront(**{"base_url": BASE, "key_pair_id": "K2JCJMDEHXQW5F", "private_key": pem(RSA_KEY), **more})


@asynccontextmanager
async def driver_of(cdn: Any, **options: Any) -> AsyncIterator[S3Driver]:
    options = {"access_key_id": "id", "secret_access_key": "secret", "region": "eu-west-1", **options}
    async with S3Driver(cdn=cdn, retry=RetryPolicy(base_s=0), **options) as driver:
        yield driver


@pytest.mark.parametrize("key", ["k", KEY, "2026/\U0001f600"])
def test_botocore_signs_the_same_urls(key: str) -> None:
    theirs = CloudFrontSigner("K2JCJMDEHXQW5F", sign_rsa)
    url = f"{BASE}/{quote(key)}"
    until = NOW.replace(microsecond=0) + timedelta(seconds=90)
    ours = cloudfront.signed_url(distribution(), url, url, CDNPolicy(expires_in_s=90.9), NOW, sign_rsa)
    assert ours.url == theirs.generate_presigned_url(url, date_less_than=until)
    assert ours.expires_at == until
    assert ours.url not in repr(ours)
    starts_at = NOW + timedelta(seconds=10)
    custom = CDNPolicy(expires_in_s=90, starts_at=starts_at, ip_range="192.0.2.0/24", prefix="")
    ours = cloudfront.signed_url(distribution(), url, f"{BASE}/*", custom, NOW, sign_rsa)
    policy = theirs.build_policy(f"{BASE}/*", until, date_greater_than=starts_at, ip_address="192.0.2.0/24")
    assert ours.url == theirs.generate_presigned_url(url, policy=policy)


@pytest.mark.verifies("CDN (CloudFront): signed URLs", on="fake")
async def test_urls_that_are_signed() -> None:
    async with driver_of(distribution()) as driver:
        cdn = driver.container("bucket").cdn
        assert driver.capabilities.cdn
        assert cdn.url(KEY) == f"{BASE}{PATH}"
        assert cdn.url(driver.container("bucket").object(KEY)) == f"{BASE}{PATH}"
        canned = await cdn.signed_url(KEY, expires_in_s=60)
        custom = await cdn.signed_url("2026/a*/index.m3u8", prefix="2026/a*/", ip_range="192.0.2.7")
    url, query = canned.url.split("?")
    assert (canned.method, url) == ("GET", f"{BASE}{PATH}")
    assert re.fullmatch(r"Expires=\d+&Signature=[A-Za-z0-9~_-]+&Key-Pair-Id=K2JCJMDEHXQW5F", query)
    assert timedelta(seconds=50) < canned.expires_at - datetime.now(UTC) <= timedelta(seconds=60)
    parameters = dict(parse_qsl(urlsplit(custom.url).query))
    statement = decoded(parameters["Policy"])
    RSA_KEY.public_key().verify(decoded(parameters["Signature"]), statement, padding.PKCS1v15(), hashes.SHA1())
    (only,) = json.loads(statement)["Statement"]
    # A star in the prefix is none of the pattern: it would open more.
    assert only["Resource"] == f"{BASE}/2026/a%2A/*"
    assert only["Condition"]["IpAddress"] == {"AWS:SourceIp": "192.0.2.7/32"}
    assert custom.url.startswith(f"{BASE}/2026/a%2A/index.m3u8?")


@pytest.mark.parametrize(
    "restriction",
    [{"prefix": ""}, {"ip_range": "192.0.2.7/32"}, {"starts_at": datetime(2026, 1, 1, tzinfo=UTC)}],
    ids=lambda restriction: next(iter(restriction)),
)
def test_what_a_canned_policy_cannot_say(restriction: dict[str, Any]) -> None:
    signed = cloudfront.signed_url(distribution(), BASE, BASE, CDNPolicy(**restriction), NOW, sign_rsa)
    assert list(dict(parse_qsl(urlsplit(signed.url).query))) == ["Policy", "Signature", "Key-Pair-Id"]


@pytest.mark.parametrize("change", range(0, 60, 7))
async def test_a_changed_url(change: int) -> None:
    async with driver_of(distribution()) as driver:
        signed = await driver.container("bucket").cdn.signed_url("k", prefix="k")
    parameters = dict(parse_qsl(urlsplit(signed.url).query))
    raw = bytearray(decoded(parameters["Policy"]))
    raw[change] ^= 1
    with pytest.raises(InvalidSignature):
        RSA_KEY.public_key().verify(decoded(parameters["Signature"]), bytes(raw), padding.PKCS1v15(), hashes.SHA1())


@pytest.mark.parametrize("hash_algorithm", ["sha1", "sha256"])
async def test_keys_on_elliptic_curves(hash_algorithm: str) -> None:
    config = distribution(private_key=pem(EC_KEY).decode(), hash_algorithm=hash_algorithm)
    async with driver_of(config) as driver:
        signed = await driver.container("bucket").cdn.signed_url("k", prefix="")
        cookies = await driver.container("bucket").cdn.signed_cookies(prefix="")
    algorithm = hashes.SHA256() if hash_algorithm == "sha256" else hashes.SHA1()
    parameters = dict(parse_qsl(urlsplit(signed.url).query))
    for found in (parameters, {name.removeprefix("CloudFront-"): value for name, value in cookies.cookies.items()}):
        EC_KEY.public_key().verify(decoded(found["Signature"]), decoded(found["Policy"]), ec.ECDSA(algorithm))
        assert found.get("Hash-Algorithm") == ("SHA256" if hash_algorithm == "sha256" else None)


@pytest.mark.verifies("CDN (CloudFront): signed cookies", on="fake")
async def test_cookies() -> None:
    async with driver_of(distribution(base_url="https://cdn.example.org:8443/{container}/")) as driver:
        cdn = driver.container("my-bucket").cdn
        many = await cdn.signed_cookies(prefix="2026/a", starts_at=datetime(2020, 1, 1, tzinfo=UTC))
        one = await cdn.signed_cookies("2026/a b;c.txt", expires_in_s=60)
    assert sorted(many.cookies) == ["CloudFront-Key-Pair-Id", "CloudFront-Policy", "CloudFront-Signature"]
    statement = json.loads(decoded(many.cookies["CloudFront-Policy"]))["Statement"][0]
    assert statement["Resource"] == "https://cdn.example.org:8443/my-bucket/2026/a*"
    assert statement["Condition"]["DateGreaterThan"] == {"AWS:EpochTime": 1577836800}
    assert (many.host, many.path, many.is_secure) == ("cdn.example.org", "/my-bucket/2026/", True)
    assert sorted(one.cookies) == ["CloudFront-Expires", "CloudFront-Key-Pair-Id", "CloudFront-Signature"]
    assert one.path == "/my-bucket/2026/a%20b%3Bc.txt"
    assert int(one.cookies["CloudFront-Expires"]) == one.expires_at.timestamp()
    assert all(value not in repr(one) for value in one.cookies.values())
    scope = "; Domain=example.org; Path=/my-bucket/2026/a%20b%3Bc.txt; Secure; HttpOnly"
    assert [header.partition("=")[0] for header in one.headers()] == list(one.cookies)
    assert all(header.endswith(scope) for header in one.headers(domain="example.org"))


async def test_where_only_a_url_is_known() -> None:
    for config in ("https://cdn.example.org/", CloudFront(base_url="https://cdn.example.org")):
        async with driver_of(config) as driver:
            cdn = driver.container("bucket").cdn
            assert cdn.url("a/b c") == "https://cdn.example.org/a/b%20c"
            for refused in (cdn.signed_url("k"), cdn.signed_cookies("k"), cdn.purge(["k"])):
                with pytest.raises(UnsupportedError):
                    await refused


async def test_containers_by_name() -> None:
    async with driver_of({"photos": "https://a.example.org", "films": distribution()}) as driver:
        assert driver.capabilities.cdn
        assert driver.container("photos").cdn.url("k") == "https://a.example.org/k"
        assert driver.container("films").cdn.url("k") == f"{BASE}/k"
        with pytest.raises(UnsupportedError):
            _ = driver.container("others").cdn
    async with driver_of(None) as driver:
        assert not driver.capabilities.cdn
        with pytest.raises(UnsupportedError):
            _ = driver.container("photos").cdn


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "cdn.example.org"},
        {"base_url": "https://u:hunter2@cdn.example.org"},
        {"base_url": "https://cdn.example.org?a=b"},
        {"base_url": "https://cdn.example.org/{bucket}"},
        {"private_key": None},
        {"key_pair_id": None},
        {"key_pair_id": "K1&Expires=9"},
        {"distribution_id": "../E1"},
        {"hash_algorithm": "md5"},
        {"endpoint": "ftp://x"},
    ],
)
def test_what_is_no_distribution(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        distribution(**wrong)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "hunter2",
        pem(RSA_KEY, b"password"),
        pem(ec.generate_private_key(ec.SECP384R1())),
        RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["nonsense", "encrypted", "another curve", "public"],
)
async def test_what_is_no_key(key: str | bytes) -> None:
    config = distribution(private_key=key)
    assert "hunter2" not in repr(config)
    async with driver_of(config) as driver:
        with pytest.raises(InvalidArgumentError) as caught:
            await driver.container("bucket").cdn.signed_url("k")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"expires_in_s": 0},
        {"expires_in_s": float("nan")},
        {"expires_in_s": float("inf")},
        {"starts_at": datetime(2026, 1, 1)},
        {"starts_at": datetime(2999, 1, 1, tzinfo=UTC)},
        {"ip_range": "192.0.2.1/24"},
        {"ip_range": "everybody"},
        {"prefix": "other"},
    ],
)
async def test_policies_that_make_no_sense(options: dict[str, Any]) -> None:
    async with driver_of(distribution()) as driver:
        with pytest.raises(InvalidArgumentError):
            await driver.container("bucket").cdn.signed_url("k", **options)


async def test_calls_that_make_no_sense() -> None:
    async with driver_of(distribution(distribution_id="E1")) as driver:
        bucket, other = driver.container("bucket"), driver.container("other")
        with pytest.raises(UnsupportedError):
            await bucket.cdn.signed_url("k", ip_range="2001:db8::/32")
        for calls in (
            bucket.cdn.signed_cookies(),
            bucket.cdn.signed_cookies("k", prefix=""),
            bucket.cdn.purge("key"),
            bucket.cdn.purge(prefixes="key"),
            bucket.cdn.purge([other.object("k")]),
            bucket.cdn.signed_url(bucket.object("k", version_id="v")),
        ):
            with pytest.raises(InvalidArgumentError):
                await calls


class FakeCloudFront:
    """As far as its documentation tells. It refuses what is not signed right, which botocore finds out."""

    def __init__(self, *refusals: Answer, region: str = "us-east-1") -> None:
        self.refusals = list(refusals)
        self.region = region
        self.batches: list[list[str]] = []
        self.references: list[str] = []

    def __call__(self, seen: Seen) -> Answer:
        assert (seen.method, seen.target) == ("POST", "/2020-05-31/distribution/E1/invalidation")
        assert self._is_signed(seen)
        root = ElementTree.fromstring(seen.body)
        space = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"
        assert [root.tag, *(child.tag for child in root)] == [
            f"{space}InvalidationBatch",
            f"{space}Paths",
            f"{space}CallerReference",
        ]
        paths = [path.text or "" for path in root.findall(f"{space}Paths/{space}Items/{space}Path")]
        assert root.findtext(f"{space}Paths/{space}Quantity") == str(len(paths))
        assert all(re.fullmatch(r"/[!-~]*", path) and "*" not in path[:-1] for path in paths)
        stars = sum(path.endswith("*") for path in paths)
        assert stars <= 15
        assert len(paths) - stars <= 3000
        self.references.append(root.findtext(f"{space}CallerReference") or "")
        if self.refusals:
            return self.refusals.pop(0)
        self.batches.append(paths)
        return Answer(status=201, body=b'<?xml version="1.0"?><Invalidation><Id>I1</Id></Invalidation>')

    def _is_signed(self, seen: Seen) -> bool:
        authorization = seen.headers["authorization"]
        names = re.search("SignedHeaders=([^,]+)", authorization)
        assert names is not None
        added = {"host", "x-amz-date"}
        headers = {name: seen.headers[name] for name in names[1].split(";") if name not in added}
        request = AWSRequest("POST", f"http://{seen.headers['host']}{seen.target}", headers=headers, data=seen.body)
        moment = datetime.strptime(seen.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.auth.get_current_datetime", lambda: moment)
            SigV4Auth(Credentials("id", "secret"), "cloudfront", self.region).add_auth(request)
        is_whole = headers["x-amz-content-sha256"] == hashlib.sha256(seen.body).hexdigest()
        return is_whole and request.headers["Authorization"] == authorization


def refusal(status: int, code: str) -> Answer:
    error = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>"
    )
    return Answer(status=status, body=error.encode())


@pytest.mark.verifies("CDN (CloudFront): invalidation", on="fake")
async def test_purging() -> None:
    service = FakeCloudFront()
    async with ScriptedServer(answer=service) as server:
        config = CloudFront(base_url=f"{BASE}/base", distribution_id="E1", endpoint=server.url)
        async with driver_of(config) as driver:
            bucket = driver.container("bucket")
            await bucket.cdn.purge(["plain", bucket.object("a b*"), "plain", "x+~"], prefixes=["2026/", "é"])
            await bucket.cdn.purge()
            assert service.batches == [
                # as our own URLs have them, and as a URL that was written by hand may
                ["/base/plain", "/base/a%20b%2A", "/base/x%2B~", "/base/x+%7E"],
                ["/base/2026/*", "/base/%C3%A9*"],
            ]
            service.batches.clear()
            await bucket.cdn.purge(str(number) for number in range(6001))
            await bucket.cdn.purge(prefixes=[str(number) for number in range(16)])
    assert [len(batch) for batch in service.batches] == [3000, 3000, 1, 15, 1]
    assert len(set(service.references)) == 7


async def test_purging_that_is_refused() -> None:
    busy = refusal(400, "TooManyInvalidationsInProgress")
    service = FakeCloudFront(busy, refusal(404, "NoSuchDistribution"), busy, busy, busy, busy, busy, busy)
    async with ScriptedServer(answer=service) as server:
        config = CloudFront(base_url=BASE, distribution_id="E1", endpoint=server.url)
        async with driver_of(config) as driver:
            with pytest.raises(InvalidArgumentError, match="No"):
                await driver.container("bucket").cdn.purge(["k"])
            assert len(set(service.references)) == 1  # so that a repetition is known for one
            with pytest.raises(RateLimitedError):
                await driver.container("bucket").cdn.purge(["k"])
        async with driver_of(config, access_key_id=None, secret_access_key=None, anonymous=True) as driver:
            with pytest.raises(AuthenticationError):
                await driver.container("bucket").cdn.purge(["k"])


async def test_china_has_a_cloudfront_of_its_own() -> None:
    service = FakeCloudFront(region="cn-northwest-1")
    async with ScriptedServer(answer=service) as server:
        config = CloudFront(base_url=BASE, distribution_id="E1", endpoint=server.url)
        async with driver_of(config, region="cn-north-1") as driver:
            await driver.container("bucket").cdn.purge(["k"])
    assert service.batches == [["/k"]]
    assert cloudfront.service_of("cn-north-1")[0] == "https://cloudfront.cn-northwest-1.amazonaws.com.cn"
    assert cloudfront.service_of("eu-west-1") == ("https://cloudfront.amazonaws.com", "us-east-1")


async def test_a_public_url_by_connecting() -> None:
    url = "s3://?region=eu-west-1&cdn=https://cdn.example.org/%7Bcontainer%7D"
    async with connect(url, access_key_id="id", secret_access_key="secret") as driver:
        assert driver.container("photos").cdn.url("a b") == "https://cdn.example.org/photos/a%20b"
    with pytest.raises(InvalidArgumentError):
        connect("s3://?region=eu-west-1&cdn=cdn.example.org")
