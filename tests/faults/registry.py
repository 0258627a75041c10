"""All faults, in the order of the table."""

from __future__ import annotations

from tests.faults import on_crowds, on_redis, on_surroundings, on_workers
from tests.faults.faults import ENTERED

ROOMS = [room.__name__ for room in (on_workers, on_redis, on_surroundings, on_crowds)]
FAULTS = sorted(ENTERED, key=lambda fault: ROOMS.index(fault.inject.__module__))
