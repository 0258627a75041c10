"""Messages that ask only for hosts that are due."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pdfspider.batching import Batcher
from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import RecordsError
from pdfspider.submission.recrawl_schedule import left_out_now, without

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.jobs import Submission
    from pdfspider.records import Database

RETRY_DELAY_S = 1.0


class DueOnly:
    """Removes hosts that are not due from messages.

    The database is read once for all messages of a job that came meanwhile.
    """

    def __init__(self, config: Config, frontier: Frontier, records: Database) -> None:
        self._config, self._frontier, self._records = config, frontier, records
        self._left_out: Batcher[str, frozenset[str]] = Batcher(self._look_up)
        self._away = ConditionLogger("Messages that ask for due hosts wait", "The due hosts are known again")

    async def __call__(self, submission: Submission) -> Submission:
        """Return the submission without the hosts that are not due.

        Waits for the database. Raises RedisError.
        """
        while True:
            try:
                left_out = await self._left_out(submission.job)
            except RecordsError as error:
                self._away.begin(error)
                await asyncio.sleep(RETRY_DELAY_S)
            else:
                self._away.end()
                return replace(submission, entries=without(left_out, submission.entries))

    async def _look_up(self, jobs: list[str]) -> list[frozenset[str]]:
        found = {job: await left_out_now(self._config, self._frontier, self._records, job) for job in set(jobs)}
        return [found[job] for job in jobs]
