"""The contract suite: one class for every driver."""

from __future__ import annotations

from aiostorage.testing._themes.administration import Administration
from aiostorage.testing._themes.browsers import Browsers
from aiostorage.testing._themes.cancelling import Cancelling
from aiostorage.testing._themes.conditions import Conditions
from aiostorage.testing._themes.containers import Containers
from aiostorage.testing._themes.copies import Copies
from aiostorage.testing._themes.downloads import Downloads
from aiostorage.testing._themes.keys import Keys
from aiostorage.testing._themes.links import Links
from aiostorage.testing._themes.listing import Listing
from aiostorage.testing._themes.objects import Objects
from aiostorage.testing._themes.reading import Reading
from aiostorage.testing._themes.resuming import Resuming
from aiostorage.testing._themes.uploads import Uploads
from aiostorage.testing._themes.versions import Versions
from aiostorage.testing._themes.writing import Writing


class DriverContract(
    Containers,
    Keys,
    Objects,
    Listing,
    Uploads,
    Resuming,
    Writing,
    Reading,
    Downloads,
    Copies,
    Conditions,
    Versions,
    Administration,
    Links,
    Browsers,
    Cancelling,
):
    """What every driver promises, as tests.

    Whoever writes a driver makes a subclass::

        class TestMyDriver(DriverContract):
            server = "mine 2.0"
            deviations = {Deviation.CREATES_AGAIN: "the service answers 200"}

            @pytest.fixture
            async def driver(self):
                async with MyDriver("http://localhost:1234") as driver:
                    yield driver

            @pytest.fixture
            def witness(self):
                return MyWitness("http://localhost:1234")

    It needs pytest and the plugin of anyio, and runs on asyncio.

    ``driver.capabilities`` decides what must work and what must be refused, before any request; nothing
    is skipped. What else the provider does otherwise is declared with a reason, and then expected.

    Attributes:
        server: What the driver talks to, for reports.
        deviations: What the provider does otherwise, and why.
        documents: A document for each name in ``capabilities.settings``, such as the provider takes; ``CONTAINER`` in
            it is replaced by the container's name. Those that every container has need not be given.
        kms_key_id: A key of the provider's key service, where there is one.
        archive_class: The storage class of what has to be restored, where there is one.
        restore_days: For how many days it is asked for; None where the provider does not count them.
        acl: A word of the provider's for who may do what with an object.
        extra: What the ``extra`` of a write may be and a read tells again, where ``capabilities.extra`` names any.
        refused_keys: Patterns (searched for, as by :func:`re.search`) of the keys that the provider
            cannot hold, and why. The driver must refuse exactly these.

    Each test has ``user_properties`` for whoever reports: ``contract-server``, ``contract-theme``,
    ``contract-deviations``, those that it has met, ``contract-capabilities``, those that it has asked
    for, ``contract-offered``, all that the driver says it has, and ``contract-operations``, what it has shown to
    work, or to be refused where the driver does not offer it.
    """
