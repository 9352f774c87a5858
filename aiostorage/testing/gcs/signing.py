"""Signatures of version 4, in URLs and in headers, and the policies of forms.

Source: https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aiostorage.testing.gcs.errors import GCSError, forbidden, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.testing.gcs.accounts import Accounts
    from aiostorage.testing.gcs.messages import Call

RSA, HMAC = "GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256"
MAX_EXPIRES_S = 604_800
SKEW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a request says of its signature."""

    algorithm: str
    credential: str
    date: str
    value: str

    @property
    def signer(self) -> str:
        """The account, or the access id."""
        return self.credential.split("/")[0]

    @property
    def scope(self) -> tuple[str, ...]:
        """Date, location, service and type."""
        return tuple(self.credential.split("/")[1:])

    def time(self) -> datetime:
        """When it was made.

        Raises:
            GCSError: The date, or the credential's scope, is malformed.
        """
        try:
            made = datetime.strptime(self.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise _malformed(f"Invalid date: {self.date}") from None
        day = self.date[:8]
        if len(self.scope) != 4 or self.scope[0] != day or self.scope[2:] != ("storage", "goog4_request"):
            raise _malformed(f"Invalid credential scope: {'/'.join(self.scope)}")
        return made

    def check(self, accounts: Accounts, message: bytes, explanation: str) -> None:
        """Verify it.

        Raises:
            GCSError: It is somebody else's, or over something else.
        """
        try:
            raw = bytes.fromhex(self.value)
        except ValueError:
            raise _malformed("The signature is not hexadecimal.") from None
        match self.algorithm:
            case "GOOG4-RSA-SHA256":
                good = accounts.verify(self.signer, message, raw)
            case "GOOG4-HMAC-SHA256":
                good = accounts.verify_hmac(self.signer, self.scope, message, raw)
            case _:
                raise _malformed(f"Unknown algorithm: {self.algorithm}")
        if not good:
            message_ = "The request signature we calculated does not match the signature you provided."
            raise forbidden(f"{message_} {explanation}", xml_code="SignatureDoesNotMatch")


def is_signed(call: Call) -> bool:
    """Whether a request carries a signature."""
    return "X-Goog-Signature" in call.query or call.headers.get("authorization", "").startswith("GOOG4-")


def check_request(accounts: Accounts, call: Call, now: datetime) -> str:
    """Verify the signature of a request.

    Returns:
        Who signed.

    Raises:
        GCSError: It does not fit, or it is too old.
    """
    if "X-Goog-Signature" in call.query:
        return _check_url(accounts, call, now)
    return _check_header(accounts, call, now)


def _check_url(accounts: Accounts, call: Call, now: datetime) -> str:
    query = call.query
    names = ("X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires", "X-Goog-SignedHeaders")
    for name in names:
        if name not in query:
            raise _malformed(f"Missing parameter {name}")
    signature = Signature(
        algorithm=query["X-Goog-Algorithm"],
        credential=query["X-Goog-Credential"],
        date=query["X-Goog-Date"],
        value=query["X-Goog-Signature"],
    )
    made, expires = signature.time(), query["X-Goog-Expires"]
    if not expires.isdecimal() or not 0 < int(expires) <= MAX_EXPIRES_S:
        raise invalid(f"X-Goog-Expires must be a number of seconds up to {MAX_EXPIRES_S}.")
    if now < made - SKEW:
        raise forbidden("The request is from the future.", xml_code="RequestTimeTooSkewed")
    if now > made + timedelta(seconds=int(expires)):
        raise GCSError(400, "expired", "ExpiredToken", "The provided token has expired.")
    _check(accounts, call, signature, query["X-Goog-SignedHeaders"])
    return signature.signer


def _check_header(accounts: Accounts, call: Call, now: datetime) -> str:
    algorithm, _, rest = call.headers["authorization"].partition(" ")
    parts = dict(item.strip().split("=", 1) for item in rest.split(",") if "=" in item)
    signature = Signature(
        algorithm=algorithm,
        credential=parts.get("Credential", ""),
        date=call.headers.get("x-goog-date", ""),
        value=parts.get("Signature", ""),
    )
    if abs(now - signature.time()) > SKEW:
        message = "The difference between the request time and the current time is too large."
        raise forbidden(message, xml_code="RequestTimeTooSkewed")
    _check(accounts, call, signature, parts.get("SignedHeaders", ""))
    return signature.signer


def _check(accounts: Accounts, call: Call, signature: Signature, signed_headers: str) -> None:
    canonical = canonical_request(call, signed_headers)
    lines = (signature.algorithm, signature.date, "/".join(signature.scope))
    to_sign = "\n".join([*lines, hashlib.sha256(canonical.encode()).hexdigest()])
    signature.check(accounts, to_sign.encode(), f"StringToSign: {to_sign!r} CanonicalRequest: {canonical!r}")


def canonical_request(call: Call, signed_headers: str) -> str:
    """What is hashed, and signed.

    Raises:
        GCSError: A header that must be signed is not, or one that was signed is not there.
    """
    names = signed_headers.split(";")
    if names != sorted(name.lower() for name in names) or "host" not in names:
        raise _malformed("Signed headers must be in lower case, ordered, and with the host.")
    for name in names:
        if name not in call.headers:
            raise _malformed(f"Header was included in signedheaders, but not in the request: {name}")
    for name in call.headers:
        if name.startswith("x-goog-") and name not in names:
            raise _malformed(f"Header was included in the request, but not in signedheaders: {name}")
    query = sorted((_encoded(key), _encoded(value)) for key, value in call.parameters if key != "X-Goog-Signature")
    headers = [f"{name}:{re.sub(' +', ' ', call.headers[name].strip())}\n" for name in names]
    return "\n".join([
        call.method,
        quote(unquote(call.path, errors="surrogateescape"), safe="/~", errors="surrogateescape"),
        "&".join(f"{key}={value}" for key, value in query),
        "".join(headers),
        signed_headers,
        call.headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
    ])


def of_form(fields: Mapping[str, str]) -> Signature:
    """The signature of a form.

    Raises:
        GCSError: A field of it is missing.
    """
    names = ("x-goog-algorithm", "x-goog-credential", "x-goog-date", "x-goog-signature")
    for name in names:
        if name not in fields:
            raise invalid(f"Bucket POST must contain a field named '{name}'.")
    algorithm, credential, date, value = (fields[name] for name in names)
    return Signature(algorithm=algorithm, credential=credential, date=date, value=value)


def _encoded(text: str) -> str:
    return quote(text, safe="~", errors="surrogateescape")


def _malformed(message: str) -> GCSError:
    return invalid(f"Your request has a malformed header. {message}", xml_code="MalformedSecurityHeader")
