"""``python -m tests.simulation --seed N`` replays one schedule; without it, many are run and summed up."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.schedule import run

if TYPE_CHECKING:
    from collections.abc import Collection


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this schedule only, and print all that happens in it")
    parser.add_argument("--schedules", type=int, default=2000, help="how many to run (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (%(default)s)")
    parser.add_argument("--only", action="append", default=[], metavar="CALL", help="make these calls only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.seed is not None:
            outcome = run(arguments.seed, Path(folder), only=arguments.only)
            print(*outcome.trace, sep="\n")
            print(f"seed {arguments.seed}: {outcome.failure or 'all rules hold'}")
            return int(outcome.failure is not None)
        return many(range(arguments.first, arguments.first + arguments.schedules), Path(folder), arguments.only)


def many(seeds: range, folder: Path, only: Collection[str]) -> int:
    """Run many schedules, and say what they were."""
    checks: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    requests, steps, virtual_s, failures = 0, 0, 0.0, 0
    began = time.process_time()
    for seed in seeds:
        outcome = run(seed, folder, only=only)
        checks += outcome.checks
        faults += outcome.faults
        outcomes += outcome.outcomes
        requests += outcome.requests
        steps += outcome.steps
        virtual_s += outcome.virtual_s
        if outcome.failure is not None:
            failures += 1
            print(f"seed {seed}: {outcome.failure}", flush=True)
    for title, counts in (("calls", outcomes), ("faults", faults), ("rules checked", checks)):
        print(f"{title}: {counts.total()}")
        for name, count in sorted(counts.items()):
            print(f"  {count:8} {name}")
    print(
        f"{len(seeds)} schedules, {steps} steps, {requests} requests, {checks.total()} checks of {len(checks)} rules, "
        f"{virtual_s / 3600:.0f} hours in "
        f"{time.process_time() - began:.1f} s of the processor; {failures} broke a rule"
    )
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
