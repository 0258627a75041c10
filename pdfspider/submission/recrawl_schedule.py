"""Leave hosts that are not due again out of a job that asks for it; none of their URLs enters the frontier."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pdfspider.discovery.urls import host_of
from pdfspider.exceptions import JobNotFound
from pdfspider.formatting import counted
from pdfspider.records.visits import RevisitInterval

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pdfspider.config import Config
    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.records import Database
    from pdfspider.records.visits import HostVisits

logger = logging.getLogger(__name__)

OPEN_STATES = ("running", "paused")


async def visited(config: Config, records: Database, job: str, at: int) -> dict[str, HostVisits]:
    """Return the hosts that a job had visited by this time (in milliseconds), with their due times.

    Raises RecordsError.
    """
    return await records.visits(job, at, RevisitInterval(config.revisit_after, config.revisit_max), host_of)


async def not_due(config: Config, records: Database, job: str, at: int) -> frozenset[str]:
    """Return the hosts of a job that are not due at this time (in milliseconds).

    Raises RecordsError.
    """
    known = await visited(config, records, job, at)
    return frozenset(host for host, visits in known.items() if visits.due > at / 1000)


async def those_due(
    config: Config, frontier: Frontier, records: Database, job: str, seeds: Sequence[Entry]
) -> list[Entry]:
    """Return the seeds whose hosts are due.

    Raises RecordsError.
    """
    return without(await left_out_now(config, frontier, records, job), seeds)


async def left_out_now(config: Config, frontier: Frontier, records: Database, job: str) -> frozenset[str]:
    """Return the hosts that are left out of a submission now.

    Raises RecordsError.
    """
    return await not_due(config, records, job, await _opening(frontier, job))


def without(left_out: Collection[str], seeds: Sequence[Entry]) -> list[Entry]:
    """Return the seeds of other hosts."""
    kept = [seed for seed in seeds if seed.host not in left_out]
    if left := len(seeds) - len(kept):
        logger.info("%s left out: their hosts are not due again yet", counted(left, "URL"))
    return kept


async def _opening(frontier: Frontier, job: str) -> int:
    """Return when the run was opened that a submission would join now."""
    try:
        run = await frontier.run_of(job)
    except JobNotFound:
        return _now()
    status = await frontier.status_of_run(run)
    return run if status and status["state"] in OPEN_STATES else _now()


def _now() -> int:
    return int(time.time() * 1000)
