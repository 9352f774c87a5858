"""One writer at a time: in this process and, where the system has ``flock``, in others."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import threading

    _locks: dict[str, threading.Lock] = {}

    def acquire(path: str) -> threading.Lock:
        """Take the lock that a path names, among the threads of this process. Blocks."""
        lock = _locks.setdefault(path, threading.Lock())
        lock.acquire()
        return lock

    def release(lock: threading.Lock) -> None:
        """Let others have it."""
        lock.release()

else:
    import fcntl

    def acquire(path: str) -> int:
        """Take the lock of a file, which is made if it is not there. Blocks.

        A lock belongs to the opened file, not to the process: threads keep each other out too.
        Source: https://man7.org/linux/man-pages/man2/flock.2.html

        Raises:
            FileNotFoundError: The folder of the file is not there.
        """
        while True:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(lock), os.stat(path)):
                    return lock
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)  # while we waited, the container was deleted, and perhaps made again

    def release(lock: int) -> None:
        """Let others have it."""
        # A process that was forked meanwhile has the file open as well, and would go on holding the lock.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)
