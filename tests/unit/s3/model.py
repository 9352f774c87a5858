"""The requests that botocore makes of Amazon's published service model. Nothing is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request

# What neither side means by a call: how it is signed, and by whom it is sent.
ASIDE = {
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "content-length",
    "expect",
    "user-agent",
    "x-amz-content-sha256",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-user-agent",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A request of ours, and the call that means the same."""

    request: Request
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def new_client() -> Any:
    """A client that signs nothing."""
    return boto3.client(
        "s3",
        region_name="eu-west-1",
        config=Config(
            signature_version=UNSIGNED,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "virtual"},
        ),
    )


def meanings(client: Any, case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """What our request means, and what that of botocore means."""
    theirs, ours = prepared(client, case), case.request
    # A document comes with a digest, and what it is is said: how, is not the same.
    aside = ASIDE | DIGESTS if is_document(case) else ASIDE
    return (
        meaning(ours.method, ours.url, ours.headers, bytes(ours.body), aside),
        meaning(theirs.method, theirs.url, theirs.headers, body_of(theirs), aside),
    )


def meaning(method: str, url: str, headers: Mapping[str, Any], body: bytes, aside: set[str]) -> dict[str, Any]:
    found = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value) for name, value in headers.items()
    }
    if "x-amz-copy-source" in found:
        found["x-amz-copy-source"] = found["x-amz-copy-source"].removeprefix("/")
    if "x-amz-object-lock-retain-until-date" in found:
        until = found["x-amz-object-lock-retain-until-date"]
        found["x-amz-object-lock-retain-until-date"] = str(datetime.fromisoformat(until))
    parts = urlsplit(url)
    return {
        "method": method,
        "host": parts.netloc,
        "path": unquote(parts.path),
        "query": sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "x-id"),
        "headers": {name: value for name, value in found.items() if name not in aside},
        "body": body if body in {b"", b"body"} else meaning_of_document(body),
    }


DIGESTS = {"content-md5", "content-type", "x-amz-checksum-crc32"}


def is_document(case: Case) -> bool:
    return bytes(case.request.body) not in {b"", b"body"} or case.call == "put_object_acl"


def prepared(client: Any, case: Case) -> Any:
    """The request that botocore would have sent."""
    seen: list[Any] = []

    def stop(request: Any, **_: Any) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, {}, Nothing())

    client.meta.events.register("before-send.s3", stop)
    try:
        getattr(client, case.call)(**case.arguments)
    except Exception:
        if not seen:  # nothing came back that could be read, which does not matter here
            raise
    finally:
        client.meta.events.unregister("before-send.s3", stop)
    return seen[0]


class Nothing:
    """An empty answer."""

    def read(self, *_: Any) -> bytes:
        return b""

    def stream(self, *_: Any) -> list[bytes]:
        return []


def body_of(request: Any) -> bytes:
    body = request.body or b""
    return body.encode() if isinstance(body, str) else bytes(body if isinstance(body, bytes) else body.read())


def meaning_of_document(body: bytes) -> Any:
    """A document without the order of its elements, and without what may be written in several ways."""
    if body.startswith(b"{"):
        return json.loads(body)
    return tree(ElementTree.fromstring(body)) if body else None


def tree(element: ElementTree.Element) -> Any:
    text = (element.text or "").strip()
    if element.tag.endswith("RetainUntilDate"):
        text = str(datetime.fromisoformat(text))
    return element.tag.rpartition("}")[2], text, sorted(map(tree, element))
