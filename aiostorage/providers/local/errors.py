"""What the operating system says, as errors of ours."""

from __future__ import annotations

import errno

from aiostorage.errors import InvalidNameError, PermissionDeniedError, StorageError

_KINDS: dict[int | None, type[StorageError]] = {
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.ENAMETOOLONG: InvalidNameError,
    errno.EILSEQ: InvalidNameError,
}


def from_os(error: OSError) -> StorageError:
    """The same error, without the path, which the caller did not name."""
    kind = _KINDS.get(error.errno, StorageError)
    return kind(error.strerror or type(error).__name__, code=errno.errorcode.get(error.errno or 0))
