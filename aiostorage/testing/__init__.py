"""The contract that every driver keeps, as tests for whoever writes one.

``pytest`` is needed to import this, and by nothing else in the package.
"""

import pytest

pytest.register_assert_rewrite("aiostorage.testing._themes")

from aiostorage.testing._themes.base import Deviation  # noqa: E402 - asserts are rewritten when a module is imported
from aiostorage.testing.contract import DriverContract  # noqa: E402 - the same
from aiostorage.testing.witness import Seen, Witness  # noqa: E402 - the same

__all__ = ["Deviation", "DriverContract", "Seen", "Witness"]
