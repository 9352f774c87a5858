"""Signature Version 4, as S3 wants it. Pure: no clock, no I/O.

S3 differs from the generic scheme: a path is encoded once, and ``.``, ``..`` and ``//`` in it stay.
So what is signed is, byte for byte, what is sent: URLs are encoded when a request is built, with the
functions of ``_http.canonical``, and never again.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from aiostorage._http.canonical import canonical_request, join_query, quote_text, split_url, timestamp_of
from aiostorage._http.messages import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage._http.messages import Request
    from aiostorage.providers.s3.credentials import S3Credentials

EMPTY_SHA256 = hashlib.sha256().hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
SECURITY_TOKEN = "X-Amz-Security-Token"  # noqa: S105 - the name of a header, and of a parameter
SESSION_TOKEN = "X-Amz-S3session-Token"  # noqa: S105 - the same, for sessions with directory buckets

# Proxies, and Google's front end, rewrite this one on the way.
_UNSIGNED_HEADERS = frozenset({"accept-encoding"})


class Signer:
    """Signs for one region. The key derived for a day is kept until the day, or the secret, changes."""

    def __init__(self, region: str, service: str = "s3", *, token_name: str = SECURITY_TOKEN) -> None:
        self._region = region
        self._service = service
        self._token_name = token_name
        self._token_header = token_name.lower()
        self._derived_from = ("", "")
        self._key = b""

    def sign(self, request: Request, credentials: S3Credentials | None, now: datetime) -> Wire:
        """The request with its ``Authorization`` header; as it is where there are no credentials.

        The SHA-256 of a body, or what stands in its place, is in ``x-amz-content-sha256`` already.
        """
        if credentials is None:
            return Wire(request.url, request.headers)
        timestamp = timestamp_of(now)
        host, path, query = split_url(request.url)
        headers = {**request.headers, "host": host, "x-amz-date": timestamp}
        payload = headers.setdefault("x-amz-content-sha256", UNSIGNED_PAYLOAD if request.body else EMPTY_SHA256)
        if credentials.session_token is not None:
            headers[self._token_header] = credentials.session_token
        text, signed = canonical_request(request.method, path, query, headers, payload, unsigned=_UNSIGNED_HEADERS)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{self._scope(timestamp)}, "
            f"SignedHeaders={signed}, Signature={self.signature(text, credentials.secret_access_key, timestamp)}"
        )
        return Wire(request.url, headers)

    def presign(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        credentials: S3Credentials,
        now: datetime,
        expires_in_s: int,
    ) -> str:
        """The URL with a signature in its query, for whoever sends exactly these headers with it.

        The body is not signed, unless ``x-amz-content-sha256`` is among them and tells its hash.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
        """
        timestamp = timestamp_of(now)
        host, path, query = split_url(url)
        signed = {**headers, "host": host}
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{credentials.access_key_id}/{self._scope(timestamp)}",
            "X-Amz-Date": timestamp,
            "X-Amz-Expires": str(expires_in_s),
            "X-Amz-SignedHeaders": ";".join(sorted(signed.keys() - _UNSIGNED_HEADERS)),
        }
        if credentials.session_token is not None:
            parameters[self._token_name] = credentials.session_token
        encoded = [(quote_text(name), quote_text(value)) for name, value in parameters.items()]
        for pair in query.split("&") if query else ():
            name, _, value = pair.partition("=")
            encoded.append((name, value))
        query = join_query(sorted(encoded))
        payload = signed.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
        text, _ = canonical_request(method, path, query, signed, payload, unsigned=_UNSIGNED_HEADERS)
        signature = self.signature(text, credentials.secret_access_key, timestamp)
        return f"{url.partition('?')[0]}?{query}&X-Amz-Signature={signature}"

    def form_fields(self, credentials: S3Credentials, now: datetime) -> dict[str, str]:
        """The fields of a form that say who has signed it, and when."""
        timestamp = timestamp_of(now)
        fields = {
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
            "x-amz-credential": f"{credentials.access_key_id}/{self._scope(timestamp)}",
            "x-amz-date": timestamp,
        }
        if credentials.session_token is not None:
            fields["x-amz-security-token"] = credentials.session_token
        return fields

    def form_signature(self, policy: str, credentials: S3Credentials, now: datetime) -> str:
        """The signature of a form's policy, which is in base64 already."""
        return self._mac(policy, credentials.secret_access_key, timestamp_of(now))

    def signature(self, canonical: str, secret: str, timestamp: str) -> str:
        """The signature of a canonical request."""
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return self._mac(f"AWS4-HMAC-SHA256\n{timestamp}\n{self._scope(timestamp)}\n{digest}", secret, timestamp)

    def _mac(self, text: str, secret: str, timestamp: str) -> str:
        date = timestamp[:8]
        if self._derived_from != (secret, date):
            key = f"AWS4{secret}".encode()
            for step in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            self._key = key
            self._derived_from = (secret, date)
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def _scope(self, timestamp: str) -> str:
        return f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request"
