"""The contract suite: one class for every driver."""

from __future__ import annotations

from aiostorage.testing._themes.cancelling import Cancelling
from aiostorage.testing._themes.conditions import Conditions
from aiostorage.testing._themes.containers import Containers
from aiostorage.testing._themes.copies import Copies
from aiostorage.testing._themes.downloads import Downloads
from aiostorage.testing._themes.keys import Keys
from aiostorage.testing._themes.listing import Listing
from aiostorage.testing._themes.objects import Objects
from aiostorage.testing._themes.reading import Reading
from aiostorage.testing._themes.uploads import Uploads
from aiostorage.testing._themes.writing import Writing


class DriverContract(
    Containers, Keys, Listing, Objects, Uploads, Writing, Reading, Downloads, Copies, Conditions, Cancelling
):
    """x."""
