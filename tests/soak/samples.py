"""How much the process holds, and whether that is flat."""

from __future__ import annotations

import ctypes
import gc
import os
from dataclasses import dataclass, fields
from statistics import median

from aiostorage._tasks import all_tasks

_trim = getattr(ctypes.CDLL(None), "malloc_trim", int)  # of glibc; elsewhere the numbers are only larger
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """At one moment: memory that is resident, handles, those of them that are sockets, tasks."""

    rss_mib: float
    handles: int
    connections: int
    tasks: int


def sample() -> Sample:
    """Reads what Linux tells in ``/proc``. Memory that is free, and only kept for later, is given back first."""
    gc.collect()
    _trim(0)
    with open("/proc/self/statm", encoding="ascii") as statm:
        resident = int(statm.read().split()[1])
    sockets = handles = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:  # that of the listing itself
            continue
        handles += 1
        sockets += target.startswith("socket:")
    return Sample(rss_mib=resident * _PAGE_BYTES / 2**20, handles=handles, connections=sockets, tasks=len(all_tasks()))


SHARE = 1.10
SLACK = {"rss_mib": 16.0, "handles": 16.0, "connections": 16.0, "tasks": 16.0}
"""The rule: the median of the last third is at most 1.10 times that of the middle third, and this."""


def growth(samples: list[Sample]) -> list[tuple[str, float, float, bool]]:
    """Of each quantity its name, its medians in the middle and in the last third, and whether that is flat."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    rows: list[tuple[str, float, float, bool]] = []
    for field in fields(Sample):
        before, after = (median(float(getattr(each, field.name)) for each in part) for part in (middle, last))
        rows.append((field.name, before, after, after <= before * SHARE + SLACK[field.name]))
    return rows
