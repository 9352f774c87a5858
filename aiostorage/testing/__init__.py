"""What whoever writes a driver, or tests a program that stores something, needs.

The contract that every driver keeps, as tests, needs ``pytest``; :mod:`aiostorage.testing.gcs`, a server that speaks
Google Cloud Storage, and :mod:`aiostorage.testing.faults`, a proxy before any server that does what may go wrong, do
not. Each is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiostorage.testing._themes.base import Deviation
    from aiostorage.testing.contract import DriverContract
    from aiostorage.testing.gcs.server import GCSServer
    from aiostorage.testing.witness import Seen, Witness

__all__ = ["Deviation", "DriverContract", "GCSServer", "Seen", "Witness"]

_MODULES = {
    "Deviation": "aiostorage.testing._themes.base",
    "DriverContract": "aiostorage.testing.contract",
    "GCSServer": "aiostorage.testing.gcs.server",
    "Seen": "aiostorage.testing.witness",
    "Witness": "aiostorage.testing.witness",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in {"Deviation", "DriverContract"}:
        import pytest  # noqa: PLC0415 - only these need it

        # Asserts are rewritten when a module is imported.
        pytest.register_assert_rewrite("aiostorage.testing._themes")
    found: object = getattr(import_module(_MODULES[name]), name)
    return found
