"""Amazon's S3 on a real socket, as far as its documents say who may ask what where: it refuses what is not right.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import re
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import aiohttp
import aiohttp.abc
import trustme
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.scripted import Seen

HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+?)\.)?s3\.(?P<region>[a-z]+-[a-z]+-\d)\.amazonaws\.com")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([^,]+), Signature=[0-9a-f]{64}"
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request was signed with, and whether it was signed well."""

    key_id: str
    region: str
    service: str
    headers: frozenset[str]


def signature_of(seen: Seen, secrets: Mapping[str, str]) -> Signature | None:
    """The signature of a request; None where there is none, or botocore would have made another."""
    authorization = seen.headers.get("authorization", "")
    found = AUTHORIZATION.fullmatch(authorization)
    if found is None or found[1] not in secrets:
        return None
    names = found[4].split(";")
    if missing := {name for name in seen.headers if name.startswith("x-amz-")} - {*names}:
        raise AssertionError(f"{missing} are not signed")
    headers = {name: seen.headers[name] for name in names}
    request = AWSRequest(seen.method, f"https://{seen.headers['host']}{seen.target}", headers=headers, data=seen.body)
    request.context["timestamp"] = seen.headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials(found[1], secrets[found[1]]), found[3], found[2])
    text = auth.string_to_sign(request, auth.canonical_request(request))
    if not authorization.endswith(f"Signature={auth.signature(text, request)}"):
        return None
    return Signature(key_id=found[1], region=found[2], service=found[3], headers=frozenset(names))


def error(status: int, code: str, more: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>No.</Message>{more}</Error>".encode()
    return Answer(status=status, headers=headers or {}, body=body)


@dataclass(slots=True)
class Amazon:
    """Buckets, each in a region; ``redirect`` answers who asks in another."""

    regions: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=lambda: {"AKIA1": "hunter2key"})
    redirect: Callable[[str, str], Answer] | None = None
    is_public: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, seen: Seen) -> Answer:
        self.asked.append((seen.headers["host"], seen.target))
        where = HOST.fullmatch(seen.headers["host"])
        assert where, f"nobody is at {seen.headers['host']}"
        bucket = where["bucket"] or seen.target.partition("?")[0].split("/")[1]
        if not self.is_public:
            signature = signature_of(seen, self.secrets)
            if signature is None or signature.service != "s3":
                return error(403, "SignatureDoesNotMatch")
            if signature.region != where["region"]:
                return error(400, "AuthorizationHeaderMalformed", f"<Region>{where['region']}</Region>")
        region = self.regions.get(bucket, where["region"])
        if region != where["region"]:
            return (self.redirect or permanent)(bucket, region)
        return Answer(
            headers={"ETag": '"x"', "x-amz-bucket-region": region}, body=b"" if seen.method == "PUT" else b"abc"
        )


def permanent(bucket: str, region: str) -> Answer:
    """What is mostly answered. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html."""
    endpoint = f"<Endpoint>{bucket}.s3.{region}.amazonaws.com</Endpoint>"
    return error(301, "PermanentRedirect", endpoint, {"x-amz-bucket-region": region})


class _Here(aiohttp.abc.AbstractResolver):
    """Every name is that of one server."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:
        return [{"hostname": host, "host": "127.0.0.1", "port": self._port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@cache
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server that has the names, and for a client that trusts it."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    names = [f"{below}{region}.amazonaws.com" for region in ("eu-west-1", "us-east-1", "us-west-2") for below in
             ("s3.", "*.s3.", "*.s3express-usw2-az1.", "s3express-control.", "*.s3-accesspoint.")]  # fmt: skip
    authority.issue_cert(*names, "*.s3-accelerate.amazonaws.com").configure_cert(theirs)
    authority.configure_trust(ours)
    return theirs, ours


@asynccontextmanager
async def serving(amazon: Callable[[Seen], Answer]) -> AsyncIterator[tuple[ScriptedServer, aiohttp.ClientSession]]:
    """Run it over TLS under whatever name, and a session whose connections end there."""
    theirs, ours = tls()
    async with (
        ScriptedServer(answer=amazon, tls=theirs) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=_Here(server.port), ssl=ours)) as session,
    ):
        yield server, session
