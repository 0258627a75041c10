"""Hosts that are not due again yet: a job that is asked to leaves them out. Nothing of theirs enters the frontier."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pdfspider.discovery.urls import host_of
from pdfspider.exceptions import JobNotFound, RecordsError
from pdfspider.formatting import counted
from pdfspider.records.visits import Pace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pdfspider.config import Config
    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.leases import Lease
    from pdfspider.records import Database
    from pdfspider.records.visits import Visits

logger = logging.getLogger(__name__)

REMEMBERED_RUNS = 4096
OPEN = ("running", "paused")
NOTHING: frozenset[str] = frozenset()


async def visited(config: Config, records: Database, job: str, at: int) -> dict[str, Visits]:
    """The hosts that a job had visited by this time (in milliseconds), and when they are due. Raises RecordsError."""
    return await records.visits(job, at, Pace(config.revisit_after, config.revisit_max), host_of)


async def not_due(config: Config, records: Database, job: str, at: int) -> frozenset[str]:
    """The hosts of a job that are not due at this time (in milliseconds). Raises RecordsError."""
    known = await visited(config, records, job, at)
    return frozenset(host for host, visits in known.items() if visits.due > at / 1000)


async def those_due(
    config: Config, frontier: Frontier, records: Database, job: str, seeds: Sequence[Entry]
) -> list[Entry]:
    """The seeds whose hosts are due. Raises RecordsError."""
    return without(await left_out_now(config, frontier, records, job), seeds)


async def left_out_now(config: Config, frontier: Frontier, records: Database, job: str) -> frozenset[str]:
    """The hosts that URLs handed in now are not to be at. Raises RecordsError."""
    return await not_due(config, records, job, await _opening(frontier, job))


def without(left_out: Collection[str], seeds: Sequence[Entry]) -> list[Entry]:
    """The seeds of other hosts."""
    kept = [seed for seed in seeds if seed.host not in left_out]
    if left := len(seeds) - len(kept):
        logger.info("%s left out: their hosts are not due again yet", counted(left, "URL"))
    return kept


class NotDueHosts:
    """The hosts that a worker's runs leave out: the same for every worker, since it is their run's time that counts."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._by_run: OrderedDict[int, frozenset[str]] = OrderedDict()

    def hosts(self, run: int) -> frozenset[str]:
        return self._by_run.get(run, NOTHING)

    async def look_up(self, leases: Iterable[Lease]) -> None:
        """Once for each run; where the database does not tell, nothing is left out."""
        for run in {lease.run for lease in leases}.difference(self._by_run):
            try:
                job = await self._worker.frontier.job(run)
                found = await not_due(self._worker.config, self._worker.records, job.name, run) if job.due else NOTHING
            except RecordsError as error:
                logger.warning("Hosts that are not due yet are visited too: %s", error)
                found = NOTHING
            except (JobNotFound, RedisError):
                continue
            self._by_run[run] = found
            if len(self._by_run) > REMEMBERED_RUNS:
                self._by_run.popitem(last=False)


async def _opening(frontier: Frontier, job: str) -> int:
    """When the job's run was opened to which URLs are handed in now: it may have begun already."""
    try:
        run = await frontier.run_of(job)
    except JobNotFound:
        return _now()
    status = await frontier.status_of_run(run)
    return run if status and status["state"] in OPEN else _now()


def _now() -> int:
    return int(time.time() * 1000)
