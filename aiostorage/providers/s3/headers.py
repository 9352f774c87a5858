"""What goes with a request beside its body: the headers of S3, from the options of the calls. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from datetime import UTC
from typing import TYPE_CHECKING, Final, assert_never

from aiostorage._http.canonical import canonical_query
from aiostorage._http.headers import header_text
from aiostorage._http.metadata import to_headers
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import CustomerKey, KMSKey, ManagedKey
from aiostorage.providers.s3.values import METADATA_PREFIX, WRITE_EXTRA, WRITE_ID_NAME, iso_moment

if TYPE_CHECKING:
    from aiostorage.models import Encryption, HashAlgorithm, ObjectHash, Retention, WriteOptions
    from aiostorage.providers.s3.values import ChecksumType

BYPASS: Final = {"x-amz-bypass-governance-retention": "true"}


def write_headers(options: WriteOptions) -> dict[str, str]:
    """All that an object is stored with, but for conditions and checksums.

    Raises:
        InvalidArgumentError: A value cannot be a header's, or an ``extra`` name is not one of S3.
    """
    headers = content_headers(options)
    if options.acl is not None:
        headers["x-amz-acl"] = header_text("acl", options.acl)
    if options.tags:
        headers["x-amz-tagging"] = canonical_query(list(options.tags.items()))
    if options.encryption is not None:
        headers |= encryption_headers(options.encryption)
    if options.retention is not None:
        headers |= {
            "x-amz-object-lock-mode": options.retention.mode.upper(),
            "x-amz-object-lock-retain-until-date": retain_until(options.retention),
        }
    if options.legal_hold is not None:
        headers["x-amz-object-lock-legal-hold"] = hold_status(is_held=options.legal_hold)
    for name, value in options.extra.items():
        if name.lower() not in WRITE_EXTRA:
            message = f"an object is not stored with {name!r}; extra may be {', '.join(sorted(WRITE_EXTRA))}"
            raise InvalidArgumentError(message, provider="s3")
        headers[name.lower()] = header_text(name, value)
    return headers


def content_headers(options: WriteOptions) -> dict[str, str]:
    """The headers that come back with the content, the metadata, and the storage class."""
    named = {
        "content-type": options.content_type,
        "cache-control": options.cache_control,
        "content-disposition": options.content_disposition,
        "content-encoding": options.content_encoding,
        "content-language": options.content_language,
        "x-amz-storage-class": options.storage_class,
    }
    headers = {name: header_text(name, value) for name, value in named.items() if value is not None}
    return {**headers, **to_headers(METADATA_PREFIX, options.metadata)} if options.metadata else headers


def encryption_headers(encryption: Encryption) -> dict[str, str]:
    """With whose key a new object is encrypted.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
    """
    match encryption:
        case ManagedKey():
            return {"x-amz-server-side-encryption": "AES256"}
        case CustomerKey():
            return customer_key_headers(encryption)
        case KMSKey():
            headers = {"x-amz-server-side-encryption": "aws:kms"}
            if encryption.key_id is not None:
                headers["x-amz-server-side-encryption-aws-kms-key-id"] = header_text("key_id", encryption.key_id)
            if encryption.context:
                context = json.dumps(dict(encryption.context), separators=(",", ":")).encode()
                headers["x-amz-server-side-encryption-context"] = b64encode(context).decode()
            if encryption.bucket_key is not None:
                headers["x-amz-server-side-encryption-bucket-key-enabled"] = str(encryption.bucket_key).lower()
            return headers
        case _:
            assert_never(encryption)


def customer_key_headers(key: CustomerKey | None, *, of_source: bool = False) -> dict[str, str]:
    """The key that an object is encrypted with, or the source of a copy; none without a key.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
    """
    if key is None:
        return {}
    prefix = f"x-amz-{'copy-source-' if of_source else ''}server-side-encryption-customer-"
    return {
        f"{prefix}algorithm": "AES256",
        f"{prefix}key": b64encode(key.key).decode(),
        f"{prefix}key-md5": content_md5(key.key),
    }


def retain_until(retention: Retention) -> str:
    """Until when an object is retained, in UTC.

    Raises:
        InvalidArgumentError: The moment has no time zone.
    """
    if retention.until.tzinfo is None:
        raise InvalidArgumentError("the end of a retention has a time zone", provider="s3")
    return iso_moment(retention.until.astimezone(UTC))


def hold_status(*, is_held: bool) -> str:
    """A legal hold, as S3 says it."""
    return "ON" if is_held else "OFF"


def write_id_headers(write_id: str | None) -> dict[str, str]:
    """Metadata by which one write is told from another of the same content; see ``lost_replies``."""
    return {} if write_id is None else {f"{METADATA_PREFIX}{WRITE_ID_NAME}": write_id}


def condition_headers(if_match: str | None, if_none_match: str | None, *, prefix: str = "") -> dict[str, str]:
    """The two conditions that compare etags."""
    headers: dict[str, str] = {}
    if if_match is not None:
        headers[f"{prefix}if-match"] = _quoted_etag(if_match)
    if if_none_match is not None:
        headers[f"{prefix}if-none-match"] = _quoted_etag(if_none_match)
    return headers


def _quoted_etag(etag: str) -> str:
    return "*" if etag == "*" else f'"{header_text("an etag", etag)}"'


def digest_headers(sha256: bytes | None, *computed: ObjectHash) -> dict[str, str]:
    """Headers that tell the service what the body ought to be; without ``sha256`` it stays unsigned.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    headers = {} if sha256 is None else {"x-amz-content-sha256": sha256.hex()}
    for found in computed:
        name = "content-md5" if found.algorithm == "md5" else f"x-amz-checksum-{found.algorithm}"
        headers[name] = to_base64(found)
    return headers


def to_base64(found: ObjectHash) -> str:
    """A hash as S3 writes it."""
    return b64encode(bytes.fromhex(found.value)).decode()


def content_md5(body: bytes) -> str:
    """The MD5 of a short body, as S3 writes it."""
    return b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def upload_checksum_headers(algorithm: HashAlgorithm | None, kind: ChecksumType) -> dict[str, str]:
    """What an upload by parts is begun with, so that its parts may come with checksums."""
    if algorithm is None or algorithm == "md5":
        return {}
    headers = {"x-amz-checksum-algorithm": algorithm.upper()}
    return headers | ({"x-amz-checksum-type": kind} if kind == "FULL_OBJECT" else {})
