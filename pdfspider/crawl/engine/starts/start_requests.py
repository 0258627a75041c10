"""Submit what the spider's ``start()`` yields as the seeds of a job."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import RedisError
from scrapy import Request

from pdfspider.crawl.extract import spider_requests
from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.submission.reach import reach_of_operator
from pdfspider.submission.seeds import asked_by, changes_by, options, seed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.crawler import Crawler

    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.entries import Entry
    from pdfspider.submission.params import Params

logger = logging.getLogger(__name__)

BATCH_SIZE = 1_000
WINDOW_S = 2.0
"""Seconds for which requests are collected; all of a short ``start()`` come together."""
RETRY_DELAY_S = 1.0
START_REQUEST_KEY = "is_start_request"
"""Scrapy's key of ``meta`` for a request of ``start()``."""


class StartRequests:
    """The requests of one spider's ``start()``, which are replaced where the worker is given URLs."""

    def __init__(self, crawler: Crawler, worker: Worker) -> None:
        self._worker, self._stats = worker, crawler.stats
        self._spider = cast("Any", crawler.spider)
        self._start, self._spider.start = self._spider.start, self._iterate
        self._waiting: list[Entry] = []
        self._ready, self._room = asyncio.Event(), asyncio.Event()
        self._has_ended = False
        self.is_taking = False
        """True while requests that are given to the engine are seeds."""
        self.failed = False
        """True if ``start()`` raised an error, or yielded a request that was refused."""

    @property
    def are_used(self) -> bool:
        """Return whether the spider has URLs to start with and the worker is given no others."""
        params: Params = self._spider.args
        return self._spider.has_start() and not params.names_urls

    @property
    def are_pending(self) -> bool:
        """Return whether there are more to come."""
        return self.are_used and not self._has_ended

    @property
    def job(self) -> str:
        """Return the job that they go to: the worker's, the argument ``job``, or the spider's name."""
        params: Params = self._spider.args
        return self._worker.job or params.job or re.sub(r"[^A-Za-z0-9_.-]", "-", self._spider.name)[:64]

    async def _iterate(self) -> AsyncIterator[Any]:
        """Yield what the spider's own ``start()`` does, as fast as the frontier takes it."""
        if not self.are_used:
            return
        try:
            async for each in self._start():
                if isinstance(each, Request):
                    each.meta[START_REQUEST_KEY] = True
                    await self._wait_for_room()
                yield each
        except Exception:
            self._end(failed=True)
            raise
        self._end(failed=False)

    def _end(self, *, failed: bool) -> None:
        self.failed |= failed
        self._has_ended = True
        self._ready.set()

    async def _wait_for_room(self) -> None:
        while len(self._waiting) >= BATCH_SIZE:
            self._ready.set()
            self._room.clear()
            await self._room.wait()

    def take(self, request: Request) -> bool:
        """Take a request of ``start()``, and return whether it can be crawled."""
        try:
            self._waiting.append(self._entry(request))
        except InvalidInput as error:
            logger.error("%s is not fetched: %s", request, error)
            self._stats.inc_value("pdfspider/requests/refused")
            self.failed = True
            return False
        return True

    def _entry(self, request: Request) -> Entry:
        config, params = self._worker.config, self._spider.args
        self._worker.credentials.learn([request.url])
        reach = partial(reach_of_operator, networks=config.allowed_networks)
        depth = config.depth if params.depth is None else params.depth
        return spider_requests.start(
            self._spider, seed(request.url, depth=depth, scope=params.scope, reach=reach), request
        )

    async def submit(self) -> bool:
        """Submit the requests as they come; return True in the end, False if there was none to crawl."""
        any_taken = False
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), WINDOW_S)
            self._ready.clear()
            last, batch = self._has_ended, self._waiting
            any_taken = any_taken or bool(batch)
            if batch or (last and any_taken):
                self._waiting = []
                self._room.set()
                await self._submit(batch, last=last)
            if last:
                return any_taken

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Take requests that are handed to the engine meanwhile."""
        self.is_taking = True
        try:
            yield
        finally:
            self.is_taking = False

    async def submit_taken(self) -> bool:
        """Submit what was taken meanwhile, and return whether there was something."""
        batch, self._waiting = self._waiting, []
        if batch:
            self._worker.job = self.job
            await self._submit(batch, last=True)
        return bool(batch)

    async def _submit(self, batch: list[Entry], *, last: bool) -> None:
        worker, job, params = self._worker, self.job, self._spider.args
        while True:
            try:
                submitted = await worker.frontier.submit(
                    job,
                    batch,
                    options=options(worker.config, batch, **asked_by(params)),
                    seal=last and job != DEFAULT_JOB,
                    networks=worker.config.allowed_networks,
                    changes=changes_by(params),
                )
            except RedisError as error:
                worker.note_trouble(error)
                await asyncio.sleep(RETRY_DELAY_S)
            else:
                break
        if job != DEFAULT_JOB:
            worker.watched = submitted.run
        worker.wake.set()
