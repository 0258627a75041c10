"""Start the runs of scheduled jobs, as the frontier's housekeeping finds that it is time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import PdfSpiderError
from pdfspider.submission.schedules import start_scheduled

if TYPE_CHECKING:
    from pdfspider.crawl.worker import Worker

logger = logging.getLogger(__name__)


class ScheduledRuns:
    """Starts what any worker may start; each run is started once."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._trouble = ConditionLogger("A scheduled run cannot be started", "Scheduled runs are started again")

    async def start(self) -> None:
        """Start the run of the job that the last sweep has found, if there is one."""
        worker, found = self._worker, self._worker.frontier.scheduled
        if found is None or worker.full.lasts:
            return
        try:
            started = await start_scheduled(worker.config, worker.frontier, worker.records, *found)
        except (PdfSpiderError, RedisError) as error:
            self._trouble.begin(error)
            return
        self._trouble.end()
        if started:
            logger.info("The schedule of job %s has started its run %d", found[0], started.run)
