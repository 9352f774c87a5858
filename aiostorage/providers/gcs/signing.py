"""V4 signatures of Google Cloud Storage: what is signed, and where the signature goes. Pure: no key, clock or I/O.

Requests of our own carry an access token. Requests for others to send carry a signature by the key
of a service account, which this module never sees: it may be held by IAM.

Source: https://cloud.google.com/storage/docs/authentication/signatures,
https://cloud.google.com/storage/docs/xml-api/post-object-forms
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from json import dumps
from typing import TYPE_CHECKING, Final

from aiostorage._http.canonical import canonical_query, canonical_request, split_url, timestamp_of
from aiostorage._http.messages import Request, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aiostorage._http.oauth import AccessToken

ALGORITHM: Final = "GOOG4-RSA-SHA256"
MAX_PRESIGN_S: Final = 7 * 24 * 3600


def sign(request: Request, token: AccessToken | None, _now: datetime) -> Wire:
    """The request with an access token; as it is where there is none."""
    if token is None:
        return Wire(request.url, request.headers)
    return Wire(request.url, {**request.headers, "authorization": f"Bearer {token.token}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A request, or a form, that lacks its signature.

    Attributes:
        to_sign: What the signature is of.
        url: The URL, but for the signature.
        fields: The fields of a form, but for the signature.
    """

    to_sign: bytes
    url: str = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    def signed_url(self, signature: bytes) -> str:
        """The URL with its signature."""
        return f"{self.url}&X-Goog-Signature={signature.hex()}"

    def signed_fields(self, signature: bytes) -> dict[str, str]:
        """The fields with their signature."""
        return {**self.fields, "x-goog-signature": signature.hex()}


def presigned(
    method: str,
    url: str,
    headers: Mapping[str, str],
    account: str,
    now: datetime,
    expires_in_s: int,
    query: Mapping[str, str],
) -> Unsigned:
    """A URL for whoever sends exactly these headers with it.

    Args:
        method: HTTP method.
        url: Encoded, without a query.
        headers: Lower-case names.
        account: E-mail address of the service account that signs.
        now: From when on it works.
        expires_in_s: How long it works.
        query: Parameters to be signed with it.
    """
    timestamp = timestamp_of(now)
    host, path, _ = split_url(url)
    signed = {**headers, "host": host}
    parameters = {
        **query,
        "X-Goog-Algorithm": ALGORITHM,
        "X-Goog-Credential": f"{account}/{_scope(timestamp)}",
        "X-Goog-Date": timestamp,
        "X-Goog-Expires": str(expires_in_s),
        "X-Goog-SignedHeaders": ";".join(sorted(signed)),
    }
    encoded = canonical_query(parameters.items())
    payload = headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
    text, _ = canonical_request(method, path, encoded, signed, payload)
    digest = hashlib.sha256(text.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{timestamp}\n{_scope(timestamp)}\n{digest}"
    return Unsigned(to_sign=to_sign.encode(), url=f"{url}?{encoded}")


def post_policy(
    url: str,
    container: str,
    key: str,
    fields: Mapping[str, str],
    conditions: Sequence[object],
    account: str,
    now: datetime,
    expires_in_s: int,
) -> Unsigned:
    """A form that lets a browser upload an object.

    Args:
        url: Where the form goes.
        container: Name of the container.
        key: Name of the object; one that ends in ``${filename}`` takes the name of the file that is sent.
        fields: Further fields, such as ``content-type``, which must be sent so.
        conditions: Further conditions, such as ``["content-length-range", 0, 1000]``.
        account: E-mail address of the service account that signs.
        now: From when on it works.
        expires_in_s: How long it works.

    Source: https://cloud.google.com/storage/docs/authentication/signatures#policy-document
    """
    timestamp = timestamp_of(now)
    signed = {
        **fields,
        "key": key,
        "x-goog-algorithm": ALGORITHM,
        "x-goog-credential": f"{account}/{_scope(timestamp)}",
        "x-goog-date": timestamp,
    }
    is_open = key.endswith("${filename}")
    rules: list[object] = [*conditions, {"bucket": container}]
    rules += [{name: value} for name, value in signed.items() if not (is_open and name == "key")]
    if is_open:
        rules.append(["starts-with", "$key", key.removesuffix("${filename}")])
    expires = (now + timedelta(seconds=expires_in_s)).astimezone(UTC)
    document = {"conditions": rules, "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
    policy = b64encode(dumps(document, separators=(",", ":")).encode())
    return Unsigned(to_sign=policy, url=url, fields={**signed, "policy": policy.decode()})


def _scope(timestamp: str) -> str:
    return f"{timestamp[:8]}/auto/storage/goog4_request"
