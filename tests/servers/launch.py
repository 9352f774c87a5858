"""Become another program that gets SIGTERM when the process that started it dies, however that dies.

``launch.py PARENT COMMAND...``; the program keeps the process id. Only Linux can do this; elsewhere
a killed test run may leave servers behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we asked to be told
        sys.exit(1)
    os.execvp(command[0], command)
