"""The errors of aiostorage: one tree, sorted by what a caller can do about them.

::

    StorageError
    ├── NotFoundError (FileNotFoundError)          look elsewhere, or create it
    │   ├── ContainerNotFoundError
    │   ├── ObjectNotFoundError
    │   └── UploadNotFoundError
    ├── AlreadyExistsError (FileExistsError)       choose another name
    ├── ContainerNotEmptyError
    ├── PreconditionFailedError                    read again, decide again
    │   └── NotModifiedError                       use the copy you have
    ├── ObjectChangedError                         start the read again
    ├── AuthenticationError (PermissionError)      fix the credentials
    │   └── ClockSkewError                         fix the clock
    ├── PermissionDeniedError (PermissionError)    ask for the right
    ├── UnsupportedError                           see ``driver.capabilities``
    ├── ChecksumMismatchError                      do not trust the bytes; try again
    ├── RangeNotSatisfiableError                   ask for bytes that exist
    ├── RateLimitedError                           slow down
    ├── ServiceUnavailableError                    try later
    ├── StorageTimeoutError (TimeoutError)
    ├── StorageConnectionError (ConnectionError)
    ├── UnexpectedResponseError                    report it: the service broke its protocol
    ├── ClosedError                                the driver, reader or writer was closed
    ├── WrongLoopError                             one driver, one event loop
    ├── InvalidNameError (ValueError)              raised before any request
    └── InvalidArgumentError (ValueError)          raised before any request

Messages never hold a credential, a signature or a query string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Rebuild: TypeAlias = "Callable[[type[StorageError], str, ErrorDetails], StorageError]"


_MAX_NAME_CHARS = 200


class ErrorDetails(TypedDict, total=False):
    """What an error may carry beside its message; see :class:`StorageError`."""

    provider: str | None
    operation: str | None
    container: str | None
    key: str | None
    status: int | None
    code: str | None
    request_id: str | None
    attempts: int
    retryable: bool
    retry_after_s: float | None
    may_be_done: bool


class StorageError(Exception):
    """Something went wrong with a storage call.

    Attributes:
        message: What happened, in one sentence.
        provider: Name of the provider, such as ``"s3"``.
        operation: The operation that failed, such as ``"get_object"``.
        container: Container that was addressed, if any.
        key: Object name that was addressed, if any.
        status: HTTP status of the answer, if there was one.
        code: The provider's own error code, such as ``"NoSuchKey"``.
        request_id: The provider's id of the request; quote it in support cases.
        attempts: How often the request was sent.
        retryable: Whether the same call may succeed later.
        retry_after_s: Seconds that the service asked to wait, if it did.
        may_be_done: Whether a change that was asked for may have been made all the same, or be made yet: the answer to
            one of the attempts was lost, or the service failed while it was at it.
    """

    def __init__(self, message: str, **details: Unpack[ErrorDetails]) -> None:
        super().__init__(message)
        self.message: str = message
        self.provider: str | None = details.get("provider")
        self.operation: str | None = details.get("operation")
        self.container: str | None = details.get("container")
        self.key: str | None = details.get("key")
        self.status: int | None = details.get("status")
        self.code: str | None = _short(details.get("code"))
        self.request_id: str | None = _short(details.get("request_id"))
        self.attempts: int = details.get("attempts", 1)
        self.retryable: bool = details.get("retryable", False)
        self.retry_after_s: float | None = details.get("retry_after_s")
        self.may_be_done: bool = details.get("may_be_done", False)

    def details(self) -> ErrorDetails:
        """Everything but the message, ready to build another error from."""
        return ErrorDetails(
            provider=self.provider,
            operation=self.operation,
            container=self.container,
            key=self.key,
            status=self.status,
            code=self.code,
            request_id=self.request_id,
            attempts=self.attempts,
            retryable=self.retryable,
            retry_after_s=self.retry_after_s,
            may_be_done=self.may_be_done,
        )

    def __str__(self) -> str:
        where = "/".join(printable(part) for part in (self.container, self.key) if part is not None)
        subject = " ".join(part for part in (self.provider, self.operation, where) if part)
        facts = [
            f"HTTP {self.status}" if self.status is not None else "",
            self.code or "",
            f"request id {self.request_id}" if self.request_id else "",
            f"{self.attempts} attempts" if self.attempts > 1 else "",
        ]
        shown = ", ".join(fact for fact in facts if fact)
        return f"{f'{subject}: ' if subject else ''}{self.message}{f' ({shown})' if shown else ''}"

    def __reduce__(self) -> tuple[_Rebuild, tuple[type[StorageError], str, ErrorDetails]]:
        return _rebuild, (type(self), self.message, self.details())


def _short(name: str | None) -> str | None:
    """What the service calls something, fit for a log, whatever the service is."""
    return None if name is None else printable(name[:_MAX_NAME_CHARS])


def printable(name: str) -> str:
    """A name that may be anything, fit for one line of a log."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in name
    )


def _rebuild(kind: type[StorageError], message: str, details: ErrorDetails) -> StorageError:
    return kind(message, **details)


class NotFoundError(StorageError, FileNotFoundError):
    """The thing that was named does not exist."""


class ContainerNotFoundError(NotFoundError):
    """There is no such container."""


class ObjectNotFoundError(NotFoundError):
    """There is no such object, or no such version of it."""


class UploadNotFoundError(NotFoundError):
    """There is no such unfinished upload: it was completed, aborted, or never begun."""


class AlreadyExistsError(StorageError, FileExistsError):
    """The name is taken."""


class ContainerNotEmptyError(StorageError):
    """The container holds objects and was to be deleted only if empty."""


class PreconditionFailedError(StorageError):
    """A condition of the call (``if_match``, ``if_none_match``) does not hold."""


class NotModifiedError(PreconditionFailedError):
    """A conditional read found the version that the caller has already."""


class ObjectChangedError(StorageError):
    """The object was replaced while it was read; the bytes so far are of an older version."""


class AuthenticationError(StorageError, PermissionError):
    """The credentials are missing, wrong or expired."""


class ClockSkewError(AuthenticationError):
    """The service refused the request because the clocks are too far apart."""


class PermissionDeniedError(StorageError, PermissionError):
    """The credentials are valid but do not allow this."""


class UnsupportedError(StorageError):
    """The provider cannot do this; see ``driver.capabilities``."""


class ChecksumMismatchError(StorageError):
    """Bytes that arrived are not the bytes that were sent."""


class RangeNotSatisfiableError(StorageError):
    """The byte range lies outside the object."""


class RateLimitedError(StorageError):
    """The service asked to slow down, and kept asking."""


class ServiceUnavailableError(StorageError):
    """The service failed on its side, and kept failing."""


class StorageTimeoutError(StorageError, TimeoutError):
    """No connection, no byte or no answer within the time that was allowed."""


class StorageConnectionError(StorageError, ConnectionError):
    """The connection could not be made, or broke."""


class UnexpectedResponseError(StorageError):
    """The service answered with something its protocol does not allow."""


class ClosedError(StorageError):
    """The driver, reader or writer was used after it was closed."""


class WrongLoopError(StorageError):
    """A driver was used from another event loop than the one that it belongs to."""


class InvalidNameError(StorageError, ValueError):
    """The provider cannot hold a container or object of this name."""


class InvalidArgumentError(StorageError, ValueError):
    """An argument makes no sense, or exceeds a limit of the provider."""
