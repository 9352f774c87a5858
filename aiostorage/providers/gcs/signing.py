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
from aiostorage._http.forms import form_conditions
from aiostorage._http.headers import header_text
from aiostorage._http.messages import Request, Wire
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import EMPTY
from aiostorage.providers.gcs.values import generation_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage._http.oauth import AccessToken
    from aiostorage.models import PostPolicy, PresignOptions

ALGORITHM: Final = "GOOG4-RSA-SHA256"
MAX_PRESIGN_S: Final = 7 * 24 * 3600
MAX_PARTS: Final = 10_000

# What is written into a form here, and what the form is about.
_OWN_FIELDS: Final = frozenset({
    "bucket", "file", "key", "policy", "x-goog-algorithm", "x-goog-credential", "x-goog-date", "x-goog-signature",
})  # fmt: skip


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
    fields: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)

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


def presigned_query(method: str, options: PresignOptions) -> dict[str, str]:
    """The parameters of a URL that are not about its signature.

    Raises:
        InvalidArgumentError: They do not fit the method.
    """
    query: dict[str, str] = {}
    if options.response_headers and method not in {"GET", "HEAD"}:
        raise InvalidArgumentError(f"a {method} request cannot choose headers of its answer", provider="gcs")
    if options.upload is not None or options.part_number is not None:
        if method != "PUT" or options.upload is None or options.part_number is None:
            raise InvalidArgumentError("a part is PUT, and belongs to an upload", provider="gcs")
        if not 1 <= options.part_number <= MAX_PARTS:
            raise InvalidArgumentError(f"parts have the numbers 1 to {MAX_PARTS}", provider="gcs")
        query = {"partNumber": str(options.part_number), "uploadId": options.upload.upload_id}
    if options.version_id is not None:
        if method == "PUT":
            raise InvalidArgumentError("a version cannot be written", provider="gcs")
        query["generation"] = generation_of(options.version_id, what="the version")
    for name, value in options.response_headers.items():
        if name.lower() not in {"content-type", "content-disposition"}:
            raise InvalidArgumentError("of an answer, only its type and disposition can be set", provider="gcs")
        query[f"response-{name.lower()}"] = header_text(name, value)
    return query


def post_policy(
    url: str, container: str, key: str, policy: PostPolicy, account: str, now: datetime, expires_in_s: int
) -> Unsigned:
    """A form that lets a browser upload an object.

    Args:
        url: Where the form goes.
        container: Name of the container.
        key: Name of the object.
        policy: What the form may store.
        account: E-mail address of the service account that signs.
        now: From when on it works.
        expires_in_s: How long it works.

    Source: https://cloud.google.com/storage/docs/authentication/signatures#policy-document
    """
    timestamp = timestamp_of(now)
    identity = {
        "x-goog-algorithm": ALGORITHM,
        "x-goog-credential": f"{account}/{_scope(timestamp)}",
        "x-goog-date": timestamp,
    }
    conditions: list[object] = [
        *form_conditions(container, key, policy, own=_OWN_FIELDS),
        *({name: value} for name, value in identity.items()),
    ]
    expires = (now + timedelta(seconds=expires_in_s)).astimezone(UTC)
    document = {"conditions": conditions, "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
    encoded = b64encode(dumps(document, separators=(",", ":")).encode())
    return Unsigned(
        to_sign=encoded, url=url, fields={**policy.fields, "key": key, **identity, "policy": encoded.decode()}
    )


def _scope(timestamp: str) -> str:
    return f"{timestamp[:8]}/auto/storage/goog4_request"
