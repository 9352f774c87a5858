"""Keys that the caller brings along, and keys of the key service."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.testing.gcs.objects import StoredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """How an object is encrypted, or was: the hash of the caller's key in base64, or the name of a key."""

    key_sha256: str | None = None
    kms_key: str | None = None

    def check(self, obj: StoredObject) -> None:
        """Refuse to decrypt with any other key than the right one.

        Raises:
            GCSError: It is the wrong key, or none where one is needed, or one where none is.
        """
        if obj.key_sha256 == self.key_sha256:
            return
        if self.key_sha256 is None:
            message = "The target object is encrypted by a customer-supplied encryption key."
            raise invalid(message, reason="resourceIsEncryptedWithCustomerEncryptionKey", xml_code=_ENCRYPTED)
        if obj.key_sha256 is None:
            message = "The target object is not encrypted by a customer-supplied encryption key."
            raise invalid(message, reason="resourceNotEncryptedWithCustomerEncryptionKey", xml_code=_NOT_ENCRYPTED)
        message = "The provided encryption key is incorrect."
        raise invalid(message, reason="customerEncryptionKeyIsIncorrect", xml_code="CustomerEncryptionKeyIsIncorrect")

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the answer says of the key."""
        if self.key_sha256 is None:
            return ()
        return (("x-goog-encryption-algorithm", "AES256"), ("x-goog-encryption-key-sha256", self.key_sha256))


NO_KEY = Encryption()
_ENCRYPTED = "ResourceIsEncryptedWithCustomerEncryptionKey"
_NOT_ENCRYPTED = "ResourceNotEncryptedWithCustomerEncryptionKey"


def by_headers(headers: Mapping[str, str], *, prefix: str = "x-goog-", kms_key: str | None = None) -> Encryption:
    """The key of a request; ``prefix`` is ``x-goog-copy-source-`` for that of the source of a copy.

    Source: https://cloud.google.com/storage/docs/encryption/customer-supplied-keys

    Raises:
        GCSError: What it says makes no key.
    """
    names = ("encryption-algorithm", "encryption-key", "encryption-key-sha256")
    algorithm, key, sha256 = (headers.get(prefix + name) for name in names)
    if algorithm is None and key is None and sha256 is None:
        return Encryption(kms_key=kms_key)
    if algorithm != "AES256":
        message = "The encryption algorithm is not supported: AES256 is."
        raise invalid(message, reason="customerEncryptionAlgorithmIsInvalid")
    try:
        raw = base64.b64decode(key or "", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        message = "The encryption key must be 256 bits in base64."
        raise invalid(message, reason="customerEncryptionKeyFormatIsInvalid")
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    if sha256 != digest:
        message = "The SHA-256 hash of the encryption key is missing or wrong."
        raise invalid(message, reason="customerEncryptionKeySha256IsInvalid")
    if kms_key is not None:
        raise invalid("An object has one encryption key: a customer-supplied one or one of Cloud KMS.")
    return Encryption(key_sha256=digest)
