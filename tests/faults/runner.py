"""Runs: a crawl, faults at random moments of it, and the audit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults.audit import Row, audit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.faults import Fault
    from tests.faults.world import Scale, World

UNDER_WAY = 5
"""URLs that have ended before the first fault."""
LONGEST_PAUSE = 1.0


def run(faults: Sequence[Fault], seed: int, scale: Scale, directory: Path) -> Row:
    """One crawl in an empty directory, with faults of one kind of world, as many as it lasts. Raises Unavailable."""
    with faults[0].world(directory, seed, scale) as world:
        row = Row(", ".join(dict.fromkeys(fault.name for fault in faults)), runs=1)
        if not world.wait(lambda: world.remains().ended >= UNDER_WAY):
            row.notes.append("the crawl did not begin")
        world.begun = time.monotonic()
        _inject(faults, world, row)
        if not world.wait(world.finished):
            row.notes.append("the job did not finish")
        world.dismiss()
        audit(world, row)
        return row


def _inject(faults: Sequence[Fault], world: World, row: Row) -> None:
    for fault in faults:
        world.pause(world.random.uniform(0, LONGEST_PAUSE))
        if world.finished():
            return
        row.bound += fault.inject(world)
        row.injected += 1
