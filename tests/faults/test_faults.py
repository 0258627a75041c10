"""Every fault once, many of them in one crawl; ``make faults`` injects each of them many times."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import pytest

from tests.faults import on_redis, on_surroundings, on_workers
from tests.faults.limits import Unavailable
from tests.faults.on_crowds import Crowded, SmallJobs
from tests.faults.on_redis import MovableClock, Replicated
from tests.faults.on_surroundings import Distant, ObjectStore, OnPostgres, SmallDisk
from tests.faults.on_workers import Poisoned, Trapped, Unchanged, WrongClocks
from tests.faults.registry import FAULTS
from tests.faults.runner import run
from tests.faults.world import Scale, World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.faults import Fault


class Workshop(WrongClocks):
    """Workers, with clocks that are wrong."""


class Rack(Replicated, MovableClock):
    """Redis, with everything that can be done to it."""


class Street(SmallDisk, Distant):
    """All of a worker's surroundings on one machine."""


class Town(ObjectStore, OnPostgres):
    """All of a worker's surroundings elsewhere."""


WORLDS: tuple[tuple[type[World], int], ...] = (
    (Workshop, 90),
    (Trapped, 60),
    (Rack, 120),
    (Street, 100),
    (Town, 100),
    (Poisoned, 20),
    (Crowded, 20),
    (SmallJobs, 1),
    (Unchanged, 60),
)
"""And the pages of their sites."""
SCALE = Scale(workers=2, tolerance=0.1, recovery=inf)
"""Other tests run beside this one, on a machine that may be busy."""
ROOMS = {on_workers: Workshop, on_redis: Rack, on_surroundings: Street}
MARKED = [
    pytest.param(world, pages, id=world.__name__, marks=pytest.mark.slow if world is Unchanged else ())
    for world, pages in WORLDS
]


def home_of(fault: Fault) -> type[World]:
    """The world in which the fault is injected."""
    if fault.world is World:
        return next(world for room, world in ROOMS.items() if room.__name__ == fault.inject.__module__)
    return next(world for world, _ in WORLDS if issubclass(world, fault.world))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("world", "pages"), MARKED)
def test_faults(world: type[World], pages: int, tmp_path: Path) -> None:
    faults = [fault for fault in FAULTS if home_of(fault) is world]
    for kind in world.__mro__:  # where this machine cannot hold all of it, what it can
        possible = [fault for fault in faults if issubclass(kind, fault.world)]
        with suppress(Unavailable):
            if possible:
                return check(possible, kind, pages, tmp_path / kind.__name__)
    pytest.skip("this machine cannot hold that")


def check(faults: list[Fault], world: type[World], pages: int, directory: Path) -> None:
    faults = faults * faults[0].injections if world is SmallJobs else faults
    for seed in range(1, len(faults) + 1):
        place = directory / str(seed)
        place.mkdir(parents=True)
        row = run(faults, seed=seed, scale=replace(SCALE, pages=pages), directory=place, world=world)
        print(row)
        assert row.good, row
        faults = faults[row.injected + len(row.skipped) :]  # those that a crawl was too short for hit the next one
        if not faults:
            return
    pytest.fail(f"no crawl lasted for {faults}")
