"""What the operating system says, as errors of ours."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiostorage.errors import InvalidNameError, NotFoundError, PermissionDeniedError, StorageError
from aiostorage.providers import _semantics as rules

if TYPE_CHECKING:
    from collections.abc import Generator

PROVIDER = "local"

_KINDS: dict[int | None, type[StorageError]] = {
    errno.ENOENT: NotFoundError,  # the container was deleted meanwhile
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.ENAMETOOLONG: InvalidNameError,
    errno.EILSEQ: InvalidNameError,
}


@contextmanager
def operation(name: str, container: str | None = None, key: str | None = None) -> Generator[None, None, None]:
    """Check the names, and have every error that is raised within be ours and say what was being done."""
    with rules.operation(PROVIDER, name, container, key):
        try:
            yield
        except StorageError:  # some are OSErrors, too
            raise
        except OSError as error:
            kind = _KINDS.get(error.errno, StorageError)
            # Without the path, which the caller did not name.
            raise kind(error.strerror or str(error), code=errno.errorcode.get(error.errno or 0)) from error
