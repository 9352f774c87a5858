"""Credentials as values, and how they are read from what a source answers. Pure: no clock, no I/O."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from aiostorage._http.headers import parse_iso_date
from aiostorage._http.shared_credentials import Source
from aiostorage.errors import AuthenticationError, UnexpectedResponseError
from aiostorage.providers.s3.keys import S3Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MAX_ANSWER_BYTES: Final = 256 * 1024
"""No credentials are nearly as long."""

_PRINTABLE = re.compile(r"[ -~]+")


Found: TypeAlias = S3Credentials | Source[S3Credentials]
"""What is configured somewhere: credentials, or a way to get some."""


def key_pair(key_id: str | None, secret: str | None, token: str | None, *, where: str) -> S3Credentials | None:
    """The credentials that somebody has written down; None where nothing is.

    Raises:
        AuthenticationError: They are incomplete, or damaged.
    """
    if not key_id and not secret:
        return None
    if not key_id or not secret:
        raise AuthenticationError(f"only half of a key pair is in {where}", provider="s3")
    if not all(_PRINTABLE.fullmatch(part) for part in (key_id, secret, token or " ")):
        raise AuthenticationError(f"a line break, or the like, is in the keys of {where}", provider="s3")
    return S3Credentials(access_key_id=key_id, secret_access_key=secret, session_token=token or None)


def temporary(fields: Mapping[str, str], *, where: str, now: datetime, may_last: bool = False) -> S3Credentials:
    """The credentials in an answer.

    Args:
        fields: What was answered.
        where: Who answered, for errors.
        now: The time.
        may_last: Whether there may be no token, and no end.

    Raises:
        UnexpectedResponseError: The answer holds no credentials.
        AuthenticationError: They have expired.
    """
    token = fields.get("SessionToken") or fields.get("Token", "")  # local services call it so
    parts = [fields.get("AccessKeyId", ""), fields.get("SecretAccessKey", ""), token]
    expires_at = parse_iso_date(fields.get("Expiration"))
    needed = parts[:2] if may_last else parts
    is_sound = all(needed) and all(_PRINTABLE.fullmatch(part) for part in parts if part)
    if not is_sound or (expires_at is None and (not may_last or "Expiration" in fields)):
        raise UnexpectedResponseError(f"what {where} answered are no credentials", provider="s3")
    if expires_at is not None and expires_at <= now:
        raise AuthenticationError(
            f"the credentials from {where} have expired already; if they have not, the clock of this machine is wrong",
            provider="s3",
        )
    return S3Credentials(
        access_key_id=parts[0], secret_access_key=parts[1], session_token=token or None, expires_at=expires_at
    )


def json_fields(document: bytes, *, where: str, inside: str | None = None) -> dict[str, str]:
    """The texts right inside a JSON object, numbers included.

    Args:
        document: The text.
        where: Who answered, for errors.
        inside: The member of the object that is meant, if it is not the object itself.

    Raises:
        UnexpectedResponseError: It is none.
    """
    value: object = None
    try:
        if len(document) <= MAX_ANSWER_BYTES:
            value = json.loads(document)
    except (ValueError, RecursionError):
        pass  # and not chained: the parser's error holds the document
    if inside is not None and isinstance(value, dict):
        value = cast("dict[str, object]", value).get(inside)
    if not isinstance(value, dict):
        raise UnexpectedResponseError(f"what {where} answered is no JSON object", provider="s3")
    items = cast("dict[str, object]", value)  # the keys of a JSON object are strings
    return {name: str(item) for name, item in items.items() if isinstance(item, str | int)}


__all__ = ["MAX_ANSWER_BYTES", "Found", "S3Credentials", "json_fields", "key_pair", "temporary"]
