"""What an answer that is no success means, as far as all services agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from aiostorage.errors import (
    AuthenticationError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
    UnsupportedError,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Request

Meaning: TypeAlias = tuple[type[StorageError], bool]
"""The class of an error, and whether the same request may succeed later."""

BY_STATUS: Final[Mapping[int, Meaning]] = {
    304: (NotModifiedError, False),
    401: (AuthenticationError, False),
    403: (PermissionDeniedError, False),
    405: (UnsupportedError, False),
    408: (StorageTimeoutError, True),
    412: (PreconditionFailedError, False),
    416: (RangeNotSatisfiableError, False),
    429: (RateLimitedError, True),
    499: (ServiceUnavailableError, True),
    500: (ServiceUnavailableError, True),
    501: (UnsupportedError, False),
    502: (ServiceUnavailableError, True),
    503: (ServiceUnavailableError, True),
    504: (ServiceUnavailableError, True),
}

# Whatever looks like a signature, a token, a key id, or the query of a URL.
_SECRETS = re.compile(
    r"\?\S*|[A-Za-z0-9+/=_%-]{32,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|(?i:(?:signature|credential|token)=\S+)"
)


def scrub(text: str) -> str:
    """A service's message in one short line that is fit for a log, without whatever may be a secret."""
    return printable(" ".join(_SECRETS.sub("***", text[:2000]).split())[:300])


def unexpected(
    provider: str, request: Request, message: str, *, status: int, request_id: str | None
) -> UnexpectedResponseError:
    """The error that an answer is a success by its status, and nonsense by its content."""
    return UnexpectedResponseError(
        message,
        provider=provider,
        operation=request.operation,
        container=request.container,
        key=request.key,
        status=status,
        request_id=request_id,
        may_be_done=not request.is_read,
    )
