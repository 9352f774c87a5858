"""Where a listing goes on.

S3 has three ways to say so. A token of ours tells which one it is, and is otherwise opaque.
"""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from aiostorage.errors import InvalidArgumentError

TokenKind: TypeAlias = Literal["pages", "keys", "versions", "uploads"]
"""``pages``: the service's own continuation token. ``keys``: after a key. The others: after a key and an id."""


def make_token(kind: TokenKind, first: str, second: str | None = None) -> str:
    """A token."""
    return json.dumps([kind, first, second])


def read_token(token: str, kind: TokenKind) -> tuple[str, str | None]:
    """What :func:`make_token` was given.

    Raises:
        InvalidArgumentError: The token is of another listing.
    """
    try:
        match json.loads(token):
            case [found, str(first), (str() | None) as second] if found == kind:
                return first, second
            case _:
                pass
    except ValueError:
        pass
    raise InvalidArgumentError("the token does not belong to such a listing", provider="s3")
