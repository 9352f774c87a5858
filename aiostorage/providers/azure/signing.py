"""Shared Key, shared access signatures, and bearer tokens. Pure: no clock, no I/O.

What is signed is the path as it is sent, and the query decoded; URLs are encoded when a request is
built, and never again.

Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, assert_never
from urllib.parse import unquote, unquote_plus

from aiostorage._http.canonical import canonical_query, split_url
from aiostorage._http.messages import Wire
from aiostorage.providers.azure.credentials import BearerToken, DelegationKey, SASToken, SharedKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request
    from aiostorage.providers.azure.credentials import AzureCredential

SAS_VERSION = "2022-11-02"
"""The form of signature that is made here. It is older than the protocol that is spoken, and works with it."""

MAX_DELEGATION_S = 7 * 24 * 3600

COPY_SOURCE = "x-ms-copy-source"
"""The header of a request that has the service read from a URL. What allows that is added when it is signed."""

COPY_TAGS = "x-ms-copy-source-tag-option"
"""The header of a copy that says what becomes of the tags of its source, which are more than content to read."""

_COPY_SOURCE_LIFE = timedelta(hours=1)
_STANDARD_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def sign(
    request: Request, credential: AzureCredential | None, now: datetime, *, version: str | None, origin: str
) -> Wire:
    """The request with what proves who asks; as it is where nobody does.

    Args:
        request: What is asked.
        credential: Who asks.
        now: The time.
        version: Version of the protocol; None for a part of a batch, which has that of the batch.
        origin: URL of the account. Only blobs below it are read with the credential when they are copied,
            and only where the URL has no signature of its own.
    """
    headers = {**request.headers, "x-ms-date": http_date(now)}
    if version is not None:
        headers["x-ms-version"] = version
    source = headers.get(COPY_SOURCE, "")
    if source.startswith(f"{origin}/") and "sig=" not in source:
        _allow_copy_source(headers, credential, now, origin)
    url = request.url
    match credential:
        case None:
            pass
        case SharedKey():
            text = string_to_sign(request.method, url, headers, len(request.body), credential.account_name)
            headers["authorization"] = f"SharedKey {credential.account_name}:{_hmac(credential.account_key, text)}"
        case SASToken():
            url = with_token(url, credential.token)
        case BearerToken():
            headers["authorization"] = f"Bearer {credential.token}"
        case _:
            assert_never(credential)
    return Wire(url, headers)


def string_to_sign(method: str, url: str, headers: Mapping[str, str], length: int, account: str) -> str:
    """The text that the signature of a request covers.

    Args:
        method: HTTP method.
        url: URL, encoded as it is sent.
        headers: Lower-case names.
        length: Bytes of the body; none are signed as an empty text.
        account: Name of the account.
    """
    signed = {**headers, "content-length": str(length) if length else ""}
    lines = [method, *[signed.get(name, "") for name in _STANDARD_HEADERS]]
    # White space inside of values stays, whatever the documents say: Microsoft's clients leave it, too.
    lines += [f"{name}:{headers[name].strip()}" for name in sorted(headers, key=_rank) if name.startswith("x-ms-")]
    _, path, query = split_url(url)
    lines.append(f"/{account}{path}")
    parameters: dict[str, list[str]] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        parameters.setdefault(unquote_plus(name).lower(), []).append(unquote_plus(value))
    lines += [f"{name}:{','.join(sorted(values))}" for name, values in sorted(parameters.items())]
    return "\n".join(lines)


def _rank(name: str) -> tuple[str, str]:
    """What the name of a header is sorted by: the service has words in mind, in which hyphens do not count.

    An underscore comes before digits, and these before letters. Names that are sent have no other characters. Source:
    https://github.com/Azure/azure-sdk-for-python/pull/26991, https://github.com/Azure/azure-sdk-for-net/issues/41328
    """
    return name.replace("-", "").replace("_", " "), name


def with_token(url: str, token: str) -> str:
    """The URL with a shared access signature."""
    return f"{url}{'&' if '?' in url else '?'}{token}"


def http_date(now: datetime) -> str:
    """A moment as headers have it."""
    moment = now.astimezone(UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


def iso_date(moment: datetime) -> str:
    """A moment as signatures have it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


# Shared access signatures


def blob_sas(
    key: SharedKey | DelegationKey,
    account: str,
    container: str,
    blob: str,
    *,
    permissions: str,
    expires_at: datetime,
    snapshot: str | None = None,
    version_id: str | None = None,
    https_only: bool = False,
    response_headers: Mapping[str, str] | None = None,
) -> str:
    """What allows whoever holds it some operations on one blob, or on one snapshot or version of it.

    Args:
        key: The account's, or one of an identity.
        account: Name of the account.
        container: Name of the container.
        blob: Name of the blob.
        permissions: Letters, in the order ``racwdxytmei``.
        expires_at: When it stops to work.
        snapshot: The moment of a snapshot.
        version_id: The id of a version.
        https_only: Whether it works over TLS only.
        response_headers: Headers that the answer to a read is to have, by the names ``rscc``, ``rscd``, ``rsce``,
            ``rscl`` and ``rsct``.

    Source: https://learn.microsoft.com/rest/api/storageservices/create-service-sas,
    https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
    """
    overrides = response_headers or {}
    fields = {
        "sp": permissions,
        "se": iso_date(expires_at),
        "spr": "https" if https_only else "",
        "sv": SAS_VERSION,
        "sr": "bs" if snapshot else "bv" if version_id else "b",
        **overrides,
    }
    resource = f"/blob/{account}/{container}/{blob}"
    lines = [permissions, "", fields["se"], resource]
    if isinstance(key, SharedKey):
        lines.append("")  # no stored policy
        secret = key.account_key
    else:
        named = {
            "skoid": key.object_id,
            "sktid": key.tenant_id,
            "skt": key.start,
            "ske": key.expiry,
            "sks": key.service,
            "skv": key.version,
        }
        lines += [*named.values(), "", "", ""]  # no authorised or unauthorised user, no correlation id
        fields |= named
        secret = key.value
    lines += ["", fields["spr"], SAS_VERSION, fields["sr"], snapshot or version_id or "", ""]  # any address, no scope
    lines += [overrides.get(name, "") for name in ("rscc", "rscd", "rsce", "rscl", "rsct")]
    fields["sig"] = _hmac(secret, "\n".join(lines))
    return canonical_query([(name, value) for name, value in fields.items() if value])


def account_sas(
    key: SharedKey, *, permissions: str, resource_types: str, expires_at: datetime, https_only: bool = False
) -> str:
    """What allows whoever holds it some operations on all blobs and containers of an account.

    Args:
        key: The account's.
        permissions: Letters, in the order ``rwdxylacuptfi``.
        resource_types: ``s`` for the service, ``c`` for containers, ``o`` for objects, in this order.
        expires_at: When it stops to work.
        https_only: Whether it works over TLS only.

    Source: https://learn.microsoft.com/rest/api/storageservices/create-account-sas
    """
    fields = {
        "sp": permissions,
        "ss": "b",
        "srt": resource_types,
        "st": "",
        "se": iso_date(expires_at),
        "sip": "",
        "spr": "https" if https_only else "",
        "sv": SAS_VERSION,
        "ses": "",
    }
    fields["sig"] = _hmac(key.account_key, "\n".join([key.account_name, *fields.values(), ""]))
    return canonical_query([(name, value) for name, value in fields.items() if value])


def _allow_copy_source(headers: dict[str, str], credential: AzureCredential | None, now: datetime, origin: str) -> None:
    """Have the service read what the requester may read: it asks for more than a name, also within one account.

    Source: https://learn.microsoft.com/rest/api/storageservices/put-block-from-url
    """
    url = headers[COPY_SOURCE]
    match credential:
        case SharedKey():
            path, _, query = url.removeprefix(f"{origin}/").partition("?")
            container, _, blob = path.partition("/")
            name, _, moment = query.partition("=")
            token = blob_sas(
                credential,
                credential.account_name,
                unquote(container),
                unquote(blob),
                permissions="rt" if COPY_TAGS in headers else "r",
                expires_at=now + _COPY_SOURCE_LIFE,
                snapshot=unquote(moment) if name == "snapshot" else None,
                version_id=unquote(moment) if name == "versionid" else None,
            )
            headers[COPY_SOURCE] = with_token(url, token)
        case SASToken():
            headers[COPY_SOURCE] = with_token(url, credential.token)
        case BearerToken():
            headers["x-ms-copy-source-authorization"] = f"Bearer {credential.token}"
        case None:
            pass


def _hmac(key: bytes, text: str) -> str:
    return b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
