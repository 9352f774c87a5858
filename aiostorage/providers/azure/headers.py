"""What goes into the headers of requests: what is stored with content, and under which conditions. Pure."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from aiostorage._http.canonical import canonical_query
from aiostorage._http.headers import header_text
from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.azure.metadata import to_headers
from aiostorage.providers.azure.signing import http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.models import CustomerKey, ObjectHash, Retention, WriteOptions

EXTRA: Final = {
    "encryption_scope": "x-ms-encryption-scope",
    "if_tags": "x-ms-if-tags",
    "lease_id": "x-ms-lease-id",
    "rehydrate_priority": "x-ms-rehydrate-priority",
}
"""What a write may have in ``extra``, and the headers that say it."""


def content_headers(options: WriteOptions) -> dict[str, str]:
    """What is stored with the content, as the headers of a write.

    Raises:
        InvalidArgumentError: A value cannot be sent, or ``extra`` has a name that is not known.
    """
    named = {
        **_properties(options),
        "x-ms-access-tier": options.storage_class,
        "x-ms-tags": canonical_query(options.tags.items()) if options.tags else None,
        "x-ms-legal-hold": None if options.legal_hold is None else str(options.legal_hold).lower(),
    }
    headers = {name: header_text(name, value) for name, value in named.items() if value is not None}
    headers |= retention_headers(options.retention) | extra_headers(options.extra) | key_headers(options.customer_key)
    return {**headers, **to_headers(options.metadata)} if options.metadata else headers


def property_headers(options: WriteOptions) -> dict[str, str]:
    """The headers that are kept with the content, for Set Blob Properties: what is not among them is removed."""
    return {name: header_text(name, value) for name, value in _properties(options).items() if value is not None}


def _properties(options: WriteOptions) -> dict[str, str | None]:
    return {
        "x-ms-blob-content-type": options.content_type,
        "x-ms-blob-cache-control": options.cache_control,
        "x-ms-blob-content-disposition": options.content_disposition,
        "x-ms-blob-content-encoding": options.content_encoding,
        "x-ms-blob-content-language": options.content_language,
    }


def retention_headers(retention: Retention | None) -> dict[str, str]:
    """Until when a blob is kept. What Azure calls unlocked can be lifted, what it calls locked cannot."""
    if retention is None:
        return {}
    return {
        "x-ms-immutability-policy-until-date": http_date(retention.until),
        "x-ms-immutability-policy-mode": "Locked" if retention.mode == "compliance" else "Unlocked",
    }


def extra_headers(extra: Mapping[str, str]) -> dict[str, str]:
    """What only Azure knows."""
    if unknown := sorted(extra.keys() - EXTRA):
        raise InvalidArgumentError(f"nothing is known of {', '.join(unknown)}", provider="azure")
    return {EXTRA[name]: header_text(name, value) for name, value in extra.items()}


def key_headers(customer_key: CustomerKey | None) -> dict[str, str]:
    """The key that a blob is encrypted with, if it is one of ours.

    Source: https://learn.microsoft.com/azure/storage/blobs/encryption-customer-provided-keys
    """
    if customer_key is None:
        return {}
    return {
        "x-ms-encryption-key": b64encode(customer_key.key).decode(),
        "x-ms-encryption-key-sha256": b64encode(hashlib.sha256(customer_key.key).digest()).decode(),
        "x-ms-encryption-algorithm": "AES256",
    }


def digest_header(digest: ObjectHash) -> dict[str, str]:
    """The header by which the service checks a body: its MD5, or its CRC-64, whose bytes come in the other order.

    Source: https://learn.microsoft.com/rest/api/storageservices/put-block#request-headers
    """
    value = bytes.fromhex(digest.value)
    if digest.algorithm == "crc64nvme":
        return {"x-ms-content-crc64": b64encode(value[::-1]).decode()}
    return {"content-md5": b64encode(value).decode()}


def conditions_of(if_match: str | None, if_none_match: str | None) -> dict[str, str]:
    """Conditions as headers."""
    headers: dict[str, str] = {}
    if if_match is not None:
        headers["if-match"] = quoted_etag(if_match)
    if if_none_match is not None:
        headers["if-none-match"] = quoted_etag(if_none_match)
    return headers


def quoted_etag(etag: str) -> str:
    """An etag as conditions have it."""
    return "*" if etag == "*" else f'"{header_text("an etag", etag)}"'


def range_header(start: int, stop: int | None) -> str:
    """A range as a header; both of its ends are in it."""
    if start < 0 or (stop is not None and stop <= start):
        raise InvalidArgumentError(f"bytes {start} to {stop} are no range", provider="azure")
    return f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"


def public_access(level: str) -> dict[str, str]:
    """The header that lets everybody read: ``blob``, or ``container``, which can then be listed, too.

    Raises:
        InvalidArgumentError: It is neither of the two, nor ``private``.
    """
    if level not in {"private", "blob", "container"}:
        raise InvalidArgumentError("public access is private, blob or container", provider="azure")
    return {} if level == "private" else {"x-ms-blob-public-access": level}
