"""The suite itself: that it says all it has to say."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from aiostorage.testing import DriverContract


def test_no_theme_hides_a_test_of_another() -> None:
    names = Counter(name for theme in DriverContract.__mro__ for name in vars(theme) if name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []


def test_nothing_but_the_suite_needs_pytest() -> None:
    code = "import sys, aiostorage, aiostorage.drivers, aiostorage.connect; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
