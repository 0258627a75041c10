"""Take start URLs from ``pdfs:start_urls`` into the frontier, without losing one."""

from __future__ import annotations

import asyncio
import logging
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from redis.exceptions import RedisError, ResponseError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import InvalidInput, RecordsError
from pdfspider.formatting import refusal
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.masking import masked
from pdfspider.submission.messages import ParsedMessage, parse
from pdfspider.submission.recrawl_schedule import those_due
from pdfspider.submission.rejected import REASON_LENGTH, Rejected
from pdfspider.submission.seeds import options

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pdfspider.crawl.worker import Worker

logger = logging.getLogger(__name__)

POLL_TIMEOUT_S = 5.0
RETRY_DELAY_S = 1.0
BATCH_SIZE, MAX_STUCK = 128, 1024

T = TypeVar("T")


class StartUrls:
    """Claims start URLs, submits them, and sets invalid ones aside."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._refused = ConditionLogger("Redis refuses start URLs: they wait", "Start URLs are taken in again")
        self._undecided = ConditionLogger(
            "Start URLs that ask for what is due have to wait", "The due hosts are known again"
        )
        self._refusal: RedisError | None = None
        self._stuck = 0

    async def take_in(self) -> None:
        """Wait briefly for start URLs, and submit those that came.

        Start URLs that Redis refuses wait, and delay nothing else. Raises a RedisError that may pass.
        """
        self._refusal = None
        claimed = await self._claim()
        self._stuck = 0
        good = [parsed for raw in claimed if (parsed := await self._parse(raw))]
        for target, group in groupby(good, ParsedMessage.target):
            await self._take(target, list(group))
        if good:
            self._worker.wake.set()
        if self._refusal is None:
            self._refused.end()
        else:
            self._refused.begin(refusal(self._refusal))
            await asyncio.sleep(RETRY_DELAY_S)

    async def _attempt(self, call: Awaitable[T], otherwise: T) -> T:
        try:
            return await call
        except ResponseError as error:
            if may_pass(error):
                raise
            self._refusal = error
            return otherwise

    async def _claim(self) -> list[bytes]:
        """Return claimed start URLs, including ones behind those that could not be submitted."""
        most = BATCH_SIZE + min(self._stuck, MAX_STUCK)
        return await self._attempt(self._worker.frontier.claim_start_urls(POLL_TIMEOUT_S, most), otherwise=[])

    async def _parse(self, raw: bytes) -> ParsedMessage | None:
        try:
            return parse(raw, self._worker.config.depth, self._worker.config.allowed_networks)
        except InvalidInput as error:
            logger.warning("A start URL was rejected: %s: %.200r", error, masked(raw.decode("utf-8", "replace")))
            rejected = Rejected(message=raw, reason=str(error)[:REASON_LENGTH])
            await self._attempt(self._worker.frontier.reject(raw, rejected.dump()), otherwise=None)
            return None

    async def _take(self, target: tuple[str, bytes, bool, bool], group: list[ParsedMessage]) -> None:
        job, meta, seal, due = target
        try:
            taken = await self._attempt(self._submit(job, meta, group, seal=seal, due=due), otherwise=False)
        except RecordsError as error:
            self._undecided.begin(error)
            await asyncio.sleep(RETRY_DELAY_S)
        else:
            if due:
                self._undecided.end()
            self._stuck += 0 if taken else len(group)

    async def _submit(self, job: str, meta: bytes, group: list[ParsedMessage], *, seal: bool, due: bool) -> bool:
        """Submit a group.

        Raises RecordsError if the due hosts cannot be read; the start URLs then stay claimed.
        """
        config, frontier = self._worker.config, self._worker.frontier
        entries = [entry for parsed in group for entry in parsed.entries]
        asked = options(config, () if job == DEFAULT_JOB else entries, meta=meta, due=int(due))
        if due:
            entries = await those_due(config, frontier, self._worker.records, job, entries)
        await frontier.submit(
            job,
            entries,
            options=asked,
            seal=seal and job != DEFAULT_JOB,
            claimed=[parsed.raw for parsed in group],
            networks=config.allowed_networks,
        )
        return True
