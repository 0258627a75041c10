"""Keep the scheduler's buffer full of leased URLs, renew the leases, and do the frontier's housekeeping."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from redis.exceptions import RedisError, ResponseError

from pdfspider.crawl.engine.lost_requests import LostRequests
from pdfspider.crawl.engine.requests import ReadyRequests, RequestMaker
from pdfspider.crawl.engine.spider_signals import SpiderSignals
from pdfspider.crawl.engine.starts.scheduled_runs import ScheduledRuns
from pdfspider.crawl.engine.starts.start_urls import StartUrls
from pdfspider.crawl.scrapy_internals import slot_of
from pdfspider.crawl.visit import visit_of
from pdfspider.frontier.leases import LeaseKind
from pdfspider.tasks import end

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.crawl.engine.starts.start_requests import StartRequests
    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.leases import Lease, LeaseGrant

logger = logging.getLogger(__name__)

MAX_WAIT_S = 0.15
MIN_WAIT_S = 0.004
LOST_AFTER_S = 2.0
STAGING_CHECK_INTERVAL_S = 5.0
"""Seconds; far less than those after which an untouched staging directory may be a dead worker's."""


class LeaseLoop:
    """The worker's background tasks; the spider closes if one of them ends by itself."""

    def __init__(self, crawler: Crawler, worker: Worker, ready: ReadyRequests, start: StartRequests) -> None:
        self._crawler, self._worker, self._ready, self._start_requests = crawler, worker, ready, start
        self._requests = RequestMaker(crawler, worker)
        self._lost = LostRequests(crawler, worker, ready)
        self._signals = SpiderSignals(crawler, start)
        self._accepting: set[Lease] = set()  # leases that have no request yet
        self._start_urls = StartUrls(worker)
        self._tasks: list[asyncio.Task[None]] = []
        self._given_up = -1.0  # what valid_until was when the leases were last given up
        self._serving: set[asyncio.Task[None]] = set()
        self._on_trial = False  # whether a URL was asked for that shows if the store is back
        self._reconcile_at = 0.0
        self._scheduled_runs = ScheduledRuns(worker)

    async def start(self) -> None:
        """Start the tasks."""
        for job in (
            self._feed(),
            self._renew(),
            self._guard(),
            self._sweep(),
            self._watch(),
            self._tidy(),
            self._look_for_lost_requests(),
            self._take_in(),
            self._listen(),
            self._submit_start_requests(),
        ):
            task = asyncio.create_task(job)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def stop(self) -> None:
        """End the tasks, and release the leases that were not begun."""
        await end(self._tasks)
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._release_buffer()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            logger.critical("This worker cannot go on", exc_info=error)
            self._close("failed")

    def _close(self, reason: str) -> None:
        assert self._crawler.engine is not None
        # In a task of its own: the close ends in stop(), which waits for the lease loop's tasks.
        self._worker.run(self._crawler.engine.close_spider_async(reason=reason))

    async def _submit_start_requests(self) -> None:
        start = self._start_requests
        if start.are_used and not await start.submit() and start.failed:
            self._close("start_error")

    # Leasing

    async def _feed(self) -> None:
        while self._crawler.crawling:
            self._worker.wake.clear()
            try:
                grant = await self._lease()
            except RedisError as error:
                self._worker.note_trouble(error)
                await asyncio.sleep(1)
                continue
            self._worker.refused.end()
            if reason := await self._signals.reason_to_close(grant, idle=not self._worker.held):
                await self._worker.wind_up()
                self._close(reason)
                break
            await self._pause(grant)
        await self._shut_down()

    async def _lease(self) -> LeaseGrant:
        if self._has_lost_leases():
            await self._give_up_leases()
        await self._reconcile()
        held = len(self._worker.held)
        if self._worker.storage.is_closed:
            await self._release_buffer()
        slots, unreached = self._worker.config.concurrency, self._worker.unreached
        wanted, watched = self._wanted(held), self._worker.watched
        grant = await self._worker.frontier.lease(wanted, held, watched, slots, unreached.room)
        unreached.granted(grant.leases)
        self._worker.draining = grant.drain
        self._worker.held.update(grant.leases)
        self._accepting.update(grant.leases)
        try:
            await self._requests.look_back(grant.leases)
            self._hand_over([request for lease in grant.leases if (request := await self._accept(lease))])
        finally:
            self._accepting.clear()
        return grant

    def _wanted(self, held: int) -> int:
        """Return how many URLs to lease beside those that are held."""
        worker, storage = self._worker, self._worker.storage
        if storage.is_away and storage.on_trial and self._on_trial and not held:
            storage.note_success()
        if worker.full.lasts or worker.unrecorded.lasts or storage.is_closed:
            return 0
        self._on_trial = storage.is_away
        alone = worker.draining or storage.is_away
        return int(not held) if alone else 2 * worker.config.concurrency - held

    async def _reconcile(self) -> None:
        """Compare the leases with the frontier's, once in a lease period."""
        if time.monotonic() < self._reconcile_at:
            return
        if unknown := await self._worker.frontier.reconcile(self._worker.held):
            logger.warning("The frontier counted %d leases that this worker does not hold", unknown)
        self._reconcile_at = time.monotonic() + self._worker.config.lease_seconds

    async def _accept(self, lease: Lease) -> Request | None:
        """Return the request of a lease, None if it is not fetched now."""
        if lease.kind is LeaseKind.ROBOTS:
            lease.begun = True
            task = asyncio.create_task(self._serve_robots(lease))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
            return None
        returned = True
        try:
            request = await self._requests.make(lease)
        except RedisError:
            request, returned = None, False
        if request is None:
            await self._worker.release(lease, returned=returned)
        elif (early := lease.starts_at - time.monotonic()) > 0:
            asyncio.get_running_loop().call_later(early, self._hand_over, [request])
        else:
            return request
        return None

    def _hand_over(self, requests: list[Request]) -> None:
        requests = [request for request in requests if visit_of(request).lease in self._worker.held]
        if requests and self._crawler.crawling and self._crawler.engine:
            self._signals.announce(requests)
            self._ready.extend(requests)
            slot_of(self._crawler.engine).nextcall.schedule()

    async def _serve_robots(self, lease: Lease) -> None:
        try:
            await self._worker.robots.serve(self._crawler, lease)
        except Exception:
            logger.exception("Cannot settle the robots.txt of %s", lease.origin)
            await self._worker.release(lease, delay=self._worker.config.retry_delay, returned=True)
        finally:
            self._worker.settled(lease)

    async def _pause(self, grant: LeaseGrant) -> None:
        """Wait until there may be something to lease: a lease ended, a host may be asked, or time passed."""
        timeout = MAX_WAIT_S
        if grant.wait is not None:
            timeout = min(max(grant.wait, MIN_WAIT_S), MAX_WAIT_S)
        await self._woken(timeout)
        while len(self._worker.held) > 1.5 * self._worker.config.concurrency and self._crawler.crawling:
            self._worker.wake.clear()
            await self._woken(MAX_WAIT_S)

    async def _woken(self, timeout: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._worker.wake.wait(), timeout)

    async def _listen(self) -> None:
        """Wake an idle worker when URLs are submitted; without permission to listen, it polls."""
        while True:
            try:
                await self._worker.frontier.listen(self._worker.wake.set)
            except ResponseError:
                return
            except RedisError:
                await asyncio.sleep(1)

    # Staying alive

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._worker.config.lease_seconds / 3)
            try:
                if not await self._worker.frontier.renew():
                    await self._give_up_leases()
            except RedisError as error:
                logger.warning("The frontier does not answer: %s", error)

    async def _guard(self) -> None:
        """Abort all fetches once the leases may belong to others."""
        while True:
            await asyncio.sleep(MAX_WAIT_S)
            if self._has_lost_leases():
                await self._give_up_leases()

    def _has_lost_leases(self) -> bool:
        """Return whether the leases may belong to others; ask before a call that renews the worker."""
        valid_until = self._worker.frontier.valid_until
        return bool(self._worker.held) and time.monotonic() > valid_until != self._given_up

    async def _give_up_leases(self) -> None:
        self._given_up = self._worker.frontier.valid_until
        logger.warning("The leases of this worker have expired: %d URLs are given up", len(self._worker.held))
        self._worker.in_flight.abort_all()
        await self._release_buffer()

    async def _sweep(self) -> None:
        while True:
            try:
                more = await self._worker.frontier.sweep()
                await self._scheduled_runs.start()
            except RedisError:
                more = False
            await asyncio.sleep(0 if more else min(1.0, self._worker.config.lease_seconds / 3))

    async def _watch(self) -> None:
        while True:
            try:
                await self._worker.watch_redis()
                if await self._worker.blocks.refresh():
                    await self._release_buffer()  # what has not begun is judged again
            except RedisError as error:
                self._worker.note_trouble(error)
            await asyncio.sleep(1)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(STAGING_CHECK_INTERVAL_S)
            with suppress(RedisError, OSError):
                await self._worker.tidy_staging()

    async def _look_for_lost_requests(self) -> None:
        while True:
            await asyncio.sleep(LOST_AFTER_S)
            await self._lost.end(self._accepting)

    async def _take_in(self) -> None:
        while self._crawler.crawling:
            try:
                if not self._worker.full.lasts:
                    await self._start_urls.take_in()
                    continue
            except RedisError as error:
                self._worker.note_trouble(error)
            await asyncio.sleep(1)

    # Ending

    async def _shut_down(self) -> None:
        """On SIGTERM, release leases that were not begun at once, and the others after the grace period."""
        self._worker.frontier.give_up_at = time.monotonic() + self._worker.config.grace
        await self._release_buffer()
        await asyncio.sleep(self._worker.config.grace)
        self._worker.in_flight.abort_all()

    async def _release_buffer(self) -> None:
        """Release every lease whose fetch has not begun."""
        self._ready.clear()
        idle = [lease for lease in self._worker.held if not lease.begun]
        await asyncio.gather(*(self._worker.release(lease) for lease in idle))
