"""All faults, in the order of the table."""

from __future__ import annotations

from tests.faults import on_redis, on_surroundings, on_workers
from tests.faults.faults import ENTERED, Fault

ROOMS = [room.__name__ for room in (on_workers, on_redis, on_surroundings)]
FAULTS = sorted(ENTERED, key=lambda fault: ROOMS.index(fault.inject.__module__))


def kind_of(fault: Fault) -> str:
    """Faults of one kind can be injected into the same crawl."""
    return f"{fault.inject.__module__.rpartition('.')[2]}-{fault.world.__name__}"
