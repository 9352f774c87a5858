"""The operations and the columns of the tables, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiostorage.testing import Deviation


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of a provider.

    Attributes:
        label: Its name, below that of its group.
        needs: What the driver's capabilities must have for it; of ``a|b`` one is enough. Without it the tests of the
            contract show that the operation is refused.
        unless: What the server is declared to do otherwise, and then does not offer it.
        on: The only columns that must verify it, where the contract does not ask for it; all else does not offer it.
    """

    label: str
    needs: tuple[str, ...] = ()
    unless: Deviation | None = None
    on: tuple[str, ...] | None = None

    def is_offered(self, offered: set[str], deviations: set[str]) -> bool:
        """Whether a driver offers it, by what it says of itself and what its server is declared to do otherwise."""
        return self.unless not in deviations and all(not offered.isdisjoint(need.split("|")) for need in self.needs)


@dataclass(frozen=True, slots=True)
class Table:
    """Operations in groups, and the columns that say where each is verified.

    Attributes:
        name: Between the marks that say where in the README it is.
        servers: Titles of the servers' columns, by the names that tests call them.
        others: Titles of further columns: not servers, but documents, or what we have made of them.
        groups: Operations, by the name of their group.
    """

    name: str
    servers: Mapping[str, str]
    groups: Mapping[str, tuple[Operation, ...]]
    others: Mapping[str, str]

    def operations(self) -> Iterator[tuple[str, Operation]]:
        """Each operation, by its full name."""
        for group, operations in self.groups.items():
            for operation in operations:
                yield f"{group}: {operation.label}", operation

    @property
    def columns(self) -> Mapping[str, str]:
        """All columns."""
        return {**self.servers, **self.others}


def plain(*labels: str) -> tuple[Operation, ...]:
    """Operations that every driver has."""
    return tuple(Operation(label) for label in labels)


def only(on: str, *labels: str) -> tuple[Operation, ...]:
    """Operations that the contract does not ask for, and the columns in which other tests show them."""
    return tuple(Operation(label, on=tuple(on.split())) for label in labels)
