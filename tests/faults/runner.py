"""Runs: a crawl, faults at random moments of it, and the audit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults.audit import Row, audit
from tests.faults.limits import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.faults import Fault
    from tests.faults.world import Scale, World

UNDER_WAY = 5
"""URLs that have ended before the first fault."""
LONGEST_PAUSE = 1.0


def run(faults: Sequence[Fault], seed: int, scale: Scale, directory: Path, world: type[World] | None = None) -> Row:
    """One crawl in an empty directory, with as many of the faults as it lasts for, in ``world`` or that of the first.

    Raises Unavailable.
    """
    with (world or faults[0].world)(directory, seed, scale) as crawl:
        row = Row(", ".join(dict.fromkeys(fault.name for fault in faults)), runs=1)
        if not crawl.wait(lambda: crawl.remains().ended >= UNDER_WAY):
            row.notes.append("the crawl did not begin")
        crawl.begun = time.monotonic()
        _inject(faults, crawl, row)
        if not crawl.wait(crawl.finished):
            row.notes.append("the job did not finish")
        crawl.dismiss()
        audit(crawl, row)
        return row


def _inject(faults: Sequence[Fault], world: World, row: Row) -> None:
    for fault in faults:
        world.pause(world.random.uniform(0, LONGEST_PAUSE))
        if not world.goes_on():
            return
        try:
            row.bound += fault.inject(world)
        except Unavailable as error:
            row.skipped.append(f"{fault.name}: {error}")
        else:
            row.injected += 1
