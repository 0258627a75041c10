"""Injure crawls and audit what becomes of them: ``python -m tests.faults [--seed N] [--minutes 60] [--only NAME]``.

Every fault in turn, until the time is over; then one table. The exit code is 1 where a promise was broken. What a bad
run leaves is kept, and said.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.audit import Row
from tests.faults.limits import Unavailable
from tests.faults.registry import FAULTS
from tests.faults.runner import run
from tests.faults.table import SHOWN, show
from tests.faults.world import Scale
from tests.support import ROOT

if TYPE_CHECKING:
    from tests.faults.faults import Fault

LONGEST_RUN = 120
"""Seconds before the end at which no further run begins."""
SCALE = Scale(crowd=1_000_000)
FIGURES = ("tests/crawl/test_fleet_politeness.py", "tests/crawl/test_takeover.py")
"""Tests that measure; they are run at the end."""


class Suite:
    """The rows as they grow, run by run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.rows: dict[str, Row] = {}
        self.skipped: dict[str, str] = {}

    def run(self, fault: Fault) -> None:
        seed = self._seed
        self._seed += 1
        directory = Path(tempfile.mkdtemp(prefix="faults-"))
        try:
            row = run([fault] * fault.injections, seed, SCALE, directory)
        except Unavailable as error:
            self.skipped[fault.name] = str(error)
            return
        except AssertionError as error:
            row = Row(fault.name, runs=1, notes=[str(error)])
        if row.skipped:
            self.skipped[fault.name] = row.skipped.pop()
        if row.good:
            shutil.rmtree(directory)
        else:
            row.notes.append(f"seed {seed}, what it left is in {directory}")
        self._say(row, seed)
        self.rows.setdefault(fault.name, Row(fault.name)).add(row)

    @staticmethod
    def _say(row: Row, seed: int) -> None:
        state = "ok" if row.good else f"BAD {replace(row, notes=row.notes[-SHOWN:])}"
        print(
            f"{row.fault} (seed {seed}): {row.injected} times, fetched again {row.again}/{row.bound}: {state}",
            flush=True,
        )


def main() -> int:
    options = _arguments()
    print(f"seed {options.seed}")
    chosen = [fault for fault in FAULTS if options.only.lower() in fault.name.lower()]
    suite, end = Suite(options.seed), time.monotonic() + 60 * options.minutes - LONGEST_RUN
    while chosen:
        for fault in chosen:
            if fault.name not in suite.rows or time.monotonic() < end:
                suite.run(fault)
        chosen = [fault for fault in chosen if not fault.once and fault.name not in suite.skipped]
        if time.monotonic() > end:
            break
    show(suite.rows.values(), suite.skipped)
    good = all(row.good for row in suite.rows.values())
    return 0 if good and (options.only or _measure()) else 1


def _measure() -> bool:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "-m", "slow or not slow", *FIGURES]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Injure crawls and audit the result.")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="default: a random one")
    parser.add_argument("--minutes", type=float, default=60, help="every fault runs at least once; default 60")
    parser.add_argument("--only", default="", help="faults with this in their name")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
