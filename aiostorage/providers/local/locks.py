"""One writer at a time: in this process and, where the system has ``flock``, in others."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

if sys.platform == "win32":
    import threading

    _locks: dict[str, threading.Lock] = {}

    @contextmanager
    def exclusive(path: str) -> Generator[None, None, None]:
        """Hold the lock that a path names, among the threads of this process. Blocks."""
        with _locks.setdefault(path, threading.Lock()):
            yield

else:
    import fcntl

    @contextmanager
    def exclusive(path: str) -> Generator[None, None, None]:
        """Hold the lock of a file, which is made if it is not there. Blocks.

        A lock belongs to the opened file, not to the process: threads keep each other out too.
        Source: https://man7.org/linux/man-pages/man2/flock.2.html

        Raises:
            FileNotFoundError: The folder of the file is not there.
        """
        descriptor = _lock(path)
        try:
            yield
        finally:
            # A process that was forked meanwhile has the file open as well, and would go on holding the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _lock(path: str) -> int:
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # while we waited, the container was deleted, and perhaps made again
