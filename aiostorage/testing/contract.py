"""The contract suite: one class for every driver."""

from __future__ import annotations

from aiostorage.testing._themes.containers import Containers
from aiostorage.testing._themes.keys import Keys
from aiostorage.testing._themes.listing import Listing
from aiostorage.testing._themes.objects import Objects


class DriverContract(Containers, Keys, Listing, Objects):
    """x."""
