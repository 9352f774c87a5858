"""Where a listing goes on.

Most services have several ways to say so. A token of ours tells which one it is, and is otherwise opaque.
"""

from __future__ import annotations

import json

from aiostorage.errors import InvalidArgumentError


def make_token(kind: str, first: str, second: str | None = None) -> str:
    """A token. ``kind`` says what the others are: the service's own token, the last key, a key and an id."""
    return json.dumps([kind, first, second])


def read_token(token: str, kind: str) -> tuple[str, str | None]:
    """What :func:`make_token` was given.

    Raises:
        InvalidArgumentError: The token is of another listing.
    """
    found = try_token(token, kind)
    if found is None:
        raise InvalidArgumentError("the token does not belong to such a listing")
    return found


def try_token(token: str, kind: str) -> tuple[str, str | None] | None:
    """The same; None where the token is of another kind."""
    try:
        match json.loads(token):
            case [found, str(first), (str() | None) as second] if found == kind:
                return first, second
            case _:
                pass
    except (ValueError, RecursionError):
        pass
    return None
