"""Requests and forms that are signed now for somebody else to send later. Pure: no clock, no I/O.

Whatever is signed here stops to work after seven days, and earlier where the credential does.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from aiostorage._http import forms
from aiostorage._http.canonical import with_query
from aiostorage._http.headers import header_text, signed_headers
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import PresignedPost, PresignedRequest
from aiostorage.providers.s3 import requests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aiostorage._http.forms import Condition
    from aiostorage.models import PostPolicy, PresignOptions
    from aiostorage.providers.s3.config import Site
    from aiostorage.providers.s3.credentials import S3Credentials
    from aiostorage.providers.s3.signing import Signer

MAX_PRESIGN_S = 7 * 24 * 3600
# Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (query parameters)
_RESPONSE_HEADERS: Final = frozenset({
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
})
_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
# What is written into a form here, and what the form is about.
_OWN_FIELDS: Final = frozenset({
    "awsaccesskeyid",
    "bucket",
    "file",
    "key",
    "policy",
    "signature",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
})


def request_url(site: Site, method: str, container: str, key: str, options: PresignOptions) -> str:
    """The URL of a request that is to be signed, once it is known to make sense.

    Raises:
        InvalidArgumentError: It makes none.
    """
    _check_lifetime(options.expires_in_s)
    if method not in _METHODS:
        raise InvalidArgumentError(f"{method} requests cannot be presigned", provider="s3")
    if options.version_id is not None and method == "PUT":
        raise InvalidArgumentError("a version is never written", provider="s3")
    if options.response_headers and method not in {"GET", "HEAD"}:
        raise InvalidArgumentError(f"a {method} request cannot choose headers of its answer", provider="s3")
    parameters: list[tuple[str, str | None]] = [("versionId", options.version_id)]
    for name, value in options.response_headers.items():
        if name.lower() not in _RESPONSE_HEADERS:
            message = f"{name!r} is none of {', '.join(sorted(_RESPONSE_HEADERS))}: no request can choose it"
            raise InvalidArgumentError(message, provider="s3")
        parameters.append((f"response-{name.lower()}", header_text(name, value)))
    if options.upload is not None or options.part_number is not None:
        parameters += _part(site, method, options)
    return with_query(requests.object_url(site, container, key), *parameters)


def signed_request(
    signer: Signer, method: str, url: str, options: PresignOptions, credentials: S3Credentials, now: datetime
) -> PresignedRequest:
    """A request with its signature in the URL, for whoever sends exactly these headers with it."""
    headers = signed_headers(options.headers)
    lifetime_s = int(options.expires_in_s)
    return PresignedRequest(
        method=method,
        url=signer.presign(method, url, headers, credentials, now, lifetime_s),
        headers=headers,
        expires_at=_expires_at(now, lifetime_s, credentials),
    )


def form_conditions(container: str, key: str, policy: PostPolicy) -> Sequence[Condition]:
    """What a form must keep to.

    Raises:
        InvalidArgumentError: That makes no sense.
    """
    _check_lifetime(policy.expires_in_s)
    return forms.form_conditions(container, key, policy, own=_OWN_FIELDS)


def signed_form(
    signer: Signer,
    url: str,
    key: str,
    policy: PostPolicy,
    conditions: Sequence[Condition],
    credentials: S3Credentials,
    now: datetime,
) -> PresignedPost:
    """A form whose fields the service accepts as long as they keep to the conditions.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
    """
    lifetime_s = int(policy.expires_in_s)
    until = now.astimezone(UTC) + timedelta(seconds=lifetime_s)
    identity = signer.form_fields(credentials, now)
    document = {
        "expiration": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "conditions": [*conditions, *({name: value} for name, value in identity.items())],
    }
    # UTF-8 as it is: Ceph cannot read an escaped character beyond the first 65,536 (seen on 16.2).
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    try:
        encoded = b64encode(text.encode()).decode()
    except UnicodeEncodeError:
        raise InvalidArgumentError("text with lone surrogates cannot be sent", provider="s3") from None
    signature = signer.form_signature(encoded, credentials, now)
    return PresignedPost(
        url=url,
        fields={"key": key, **policy.fields, **identity, "policy": encoded, "x-amz-signature": signature},
        expires_at=_expires_at(now, lifetime_s, credentials),
    )


def _part(site: Site, method: str, options: PresignOptions) -> list[tuple[str, str | None]]:
    """The parameters of UploadPart. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html."""
    upload, number = options.upload, options.part_number
    if upload is None or number is None or method != "PUT":
        raise InvalidArgumentError("a part is PUT, and belongs to an upload", provider="s3")
    if not 1 <= number <= site.vendor.limits.max_parts:
        raise InvalidArgumentError(f"parts have the numbers 1 to {site.vendor.limits.max_parts}", provider="s3")
    return [("partNumber", str(number)), ("uploadId", upload.upload_id)]


def _check_lifetime(expires_in_s: float) -> None:
    if not 1 <= expires_in_s <= MAX_PRESIGN_S:
        raise InvalidArgumentError(f"what is presigned works for 1 to {MAX_PRESIGN_S} seconds", provider="s3")


def _expires_at(now: datetime, lifetime_s: int, credentials: S3Credentials) -> datetime:
    """When it stops to work. The service counts from the whole second that is in the signature."""
    expires_at = now.replace(microsecond=0) + timedelta(seconds=lifetime_s)
    return expires_at if credentials.expires_at is None else min(expires_at, credentials.expires_at)
