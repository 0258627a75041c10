"""The hosts that a worker's runs leave out, for they are not due again yet."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cachetools import LRUCache
from redis.exceptions import RedisError

from pdfspider.exceptions import JobNotFound, RecordsError
from pdfspider.submission.recrawl_schedule import not_due

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.leases import Lease
    from pdfspider.records import Database

logger = logging.getLogger(__name__)

MAX_RUNS = 4096
NO_HOSTS: frozenset[str] = frozenset()


class NotDueHosts:
    """The hosts that each run leaves out, the same for every worker: the time of the run decides."""

    def __init__(self, config: Config, frontier: Frontier, records: Database) -> None:
        self._config, self._frontier, self._records = config, frontier, records
        self._by_run: LRUCache[int, frozenset[str]] = LRUCache(MAX_RUNS)

    def hosts(self, run: int) -> frozenset[str]:
        """Return the hosts that a run leaves out."""
        return self._by_run.get(run, NO_HOSTS)

    async def look_up(self, leases: Iterable[Lease]) -> None:
        """Look up the hosts of each new run; if the database cannot be read, none is left out."""
        for run in {lease.run for lease in leases}.difference(self._by_run):
            try:
                job = await self._frontier.job(run)
                found = await not_due(self._config, self._records, job.name, run) if job.due else NO_HOSTS
            except RecordsError as error:
                logger.warning("The hosts that are due cannot be looked up, so all hosts are visited: %s", error)
                found = NO_HOSTS
            except (JobNotFound, RedisError):
                continue
            self._by_run[run] = found
