"""The shared parts of one worker: its frontier, its store, its database.

Longer than 300 lines: what is opened together is closed together, in the opposite order.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from redis.exceptions import RedisError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.config import Config
from pdfspider.crawl.extract.captures import CaptureMaker
from pdfspider.crawl.extract.large_pages import LargePages
from pdfspider.crawl.extract.link_extraction import LinkExtractor
from pdfspider.crawl.fetch.bodies.body_stream import ByteCount
from pdfspider.crawl.fetch.client import open_files
from pdfspider.crawl.fetch.credentials import Credentials
from pdfspider.crawl.fetch.in_flight import InFlight
from pdfspider.crawl.fetch.start_permits import StartPermits
from pdfspider.crawl.policy.budgets import Budgets
from pdfspider.crawl.policy.conditional_requests import ConditionalRequests
from pdfspider.crawl.policy.not_due_hosts import NotDueHosts
from pdfspider.crawl.policy.robots import Robots
from pdfspider.crawl.policy.storage import Storage
from pdfspider.crawl.policy.unreached_hosts import UnreachedHosts
from pdfspider.documents.disk import capacity
from pdfspider.documents.inspection.opener import OpenTester
from pdfspider.documents.staging import Staging
from pdfspider.documents.store import store_id
from pdfspider.embedded import EmbeddedRedis
from pdfspider.exceptions import RecordsUnavailable
from pdfspider.formatting import refusal
from pdfspider.frontier.block_rules import BlockRules
from pdfspider.frontier.connection import check, connect, is_away, is_out_of_memory
from pdfspider.frontier.migration import check_format
from pdfspider.frontier_setup import frontier_for
from pdfspider.records import Database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from redis.asyncio import Redis
    from scrapy.crawler import Crawler

    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.leases import Lease
    from pdfspider.items import Capture

logger = logging.getLogger(__name__)

RECORDS_RETRY_DELAY_S = 1.0
"""Seconds between two tries of a row that the database does not take."""
FULL_SHARE = 0.9
"""The part of Redis's memory at which leasing stops, so that there is room for what is out to end."""


class Worker:
    """One worker process, as its components use it; ``Worker.of(crawler)`` returns the crawler's."""

    _workers: ClassVar[WeakKeyDictionary[Crawler, Worker]] = WeakKeyDictionary()

    redis: Redis
    frontier: Frontier
    records: Database
    staging: Staging
    robots: Robots
    budgets: Budgets
    not_due_hosts: NotDueHosts
    conditional_requests: ConditionalRequests
    blocks: BlockRules
    storage: Storage
    starts: StartPermits
    links: LinkExtractor
    captures: CaptureMaker

    def __init__(self, config: Config) -> None:
        self.config = config
        self.name = unique_name()
        self.watched: int | None = None
        """The run after whose end this worker closes."""
        self.job: str | None = None
        """The name of that run's job."""
        self.received = ByteCount()
        self.before_end: list[Callable[[], Awaitable[None]]] = []
        """Called when the worker's job has ended, for background work that is finished in a bounded time."""
        self.before_close: list[Callable[[], Awaitable[None]]] = []
        """Called after the last lease has ended, while the frontier can still be read."""
        self.when_stored: list[Callable[[str], None]] = []
        """Called with the hash of each document that was stored, recorded and committed."""
        self.in_flight = InFlight()
        self.pages = LargePages()
        self.opener = OpenTester(config.inspect_limits)
        self.credentials = Credentials()
        self.held: set[Lease] = set()
        """The leases that this worker has, from the grant to the end."""
        self.unreached = UnreachedHosts(config.concurrency)
        self.releasing: set[Lease] = set()
        """Leases that are being given back to the frontier."""
        self.wake = asyncio.Event()
        """Set when there may be something to lease."""
        self.draining = False
        """True if the frontier asked this worker to finish its leases before it gets new ones."""
        self._make_conditions()
        self._background: set[asyncio.Task[None]] = set()
        directory, maxmemory = config.data_dir / "redis", config.embedded_maxmemory
        self._embedded = None if config.redis_url else EmbeddedRedis(directory, maxmemory)
        self._opened: list[str] = []

    def _make_conditions(self) -> None:
        self.lost = ConditionLogger("Redis cannot be used: waiting for it", "Redis can be used again")
        self.full = ConditionLogger(
            "Redis is out of memory: no URL is leased until there is room", "There is room in Redis again"
        )
        self.unrecorded = ConditionLogger(
            "The database cannot be used: no URL is leased until it can", "The database can be used again"
        )
        self.refused = ConditionLogger("Redis refuses to lease URLs: waiting until it does", "URLs are leased again")

    @classmethod
    def of(cls, crawler: Crawler) -> Worker:
        """Return the worker of a crawler, made at the first call.

        Raises ConfigurationError.
        """
        worker = cls._workers.get(crawler)
        if worker is None:
            worker = cls._workers[crawler] = cls(Config.from_settings(crawler.settings))
        return worker

    async def open(self) -> None:
        """Connect to everything.

        Raises ConfigurationError at once for anything that cannot be used.
        """
        open_files.reserve(self.config.concurrency)
        await self._open_redis()
        await self._open_records()
        await self._open_store()
        self._make_parts()
        await self.tidy_staging()

    def open_alone(self) -> None:
        """Make the parts that judge responses, without Redis, a database and a store, where nothing is open yet."""
        if hasattr(self, "frontier"):
            return
        self.frontier = frontier_for(self.config, connect("redis://127.0.0.1"), worker=self.name)
        self.staging = Staging(None, self.name)
        self.records = Database.__new__(Database)
        self._make_parts()

    def _make_parts(self) -> None:
        """Make what uses the frontier, the records and staging."""
        config, frontier = self.config, self.frontier
        self.robots = Robots(config, frontier, self.staging)
        self.budgets = Budgets(config, frontier)
        self.blocks = BlockRules(frontier.redis)
        self.not_due_hosts = NotDueHosts(config, frontier, self.records)
        self.conditional_requests = ConditionalRequests(config, frontier)
        self.starts = StartPermits(frontier, self.in_flight, self.robots.verdict, self.run)
        self.links = LinkExtractor(
            config,
            known=frontier.seen_cache.urls,
            left_out=self.not_due_hosts.hosts,
            sitemaps=self.robots.sitemaps,
            admits_redirect=self.budgets.admits_redirect,
        )
        self.captures = CaptureMaker(
            config,
            self.name,
            staging=self.staging,
            budgets=self.budgets,
            links=self.links,
            reservations=self.robots.reservations,
        )
        self._opened.append("parts")

    async def _close_parts(self) -> None:
        self.robots.close()
        await self.conditional_requests.close()

    async def wind_up(self) -> None:
        """Finish background work after the end of its job, while the worker can still be told to stop."""
        for end in self.before_end:
            await end()

    async def close(self) -> None:
        """Close everything that was opened; remaining leases are available to others at once."""
        for look in self.before_close:
            await look()
        for part in reversed(self._opened):
            await getattr(self, f"_close_{part}")()
        self._opened.clear()
        self.pages.close()
        await self.opener.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work in a task of its own, which is given up if the frontier does not answer."""
        task = asyncio.create_task(self._run(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        with suppress(RedisError):
            await work

    def note_trouble(self, error: RedisError) -> None:
        """Log that Redis could not do something, which the caller will try again."""
        if is_out_of_memory(error):
            self.full.begin(error)
        elif is_away(error):
            self.lost.begin(error)
        else:
            self.refused.begin(refusal(error))

    async def watch_redis(self) -> None:
        """Note whether Redis answers and has room.

        Raises RedisError.
        """
        used = await self.frontier.memory()
        self.lost.end()
        if used >= FULL_SHARE:
            self.full.begin(f"{used:.0%} of maxmemory are used")
        else:
            self.full.end()

    def settled(self, lease: Lease) -> None:
        """Remove what was staged for a lease that has ended."""
        if lease in self.held:
            self.held.remove(lease)
            self.unreached.ended(lease)
        self.staging.end(lease)
        self.wake.set()

    async def release(
        self, lease: Lease, *, delay: float = 0.0, counted: bool = False, returned: bool = False, code: str = ""
    ) -> None:
        """Release a lease, as Frontier.release does; it expires if the frontier does not answer."""
        self.releasing.add(lease)
        try:
            await self.frontier.release(lease, delay=delay, counted=counted, returned=returned, code=code)
        except RedisError as error:
            logger.warning("A lease could not be given back and will expire: %s", error)
        finally:
            self.releasing.discard(lease)
            self.settled(lease)

    async def record(self, capture: Capture) -> None:
        """Write a capture's row, once the database takes it.

        Raises RecordsError for a row that it refuses, and ReleaseRequested if the worker ends meanwhile.
        """
        while True:
            try:
                capture.outcome = await self.records.write(capture)
            except RecordsUnavailable as error:
                self.unrecorded.begin(error)
            else:
                capture.recorded = capture.outcome
                self.unrecorded.end()
                return
            with self.in_flight.track(capture.lease):
                await asyncio.sleep(RECORDS_RETRY_DELAY_S)

    async def _open_redis(self) -> None:
        url, alone = self.config.redis_url, False
        if self._embedded:
            url = await asyncio.to_thread(self._embedded.start)
            alone = self._embedded.alone
            self._opened.append("embedded")
        assert url is not None
        await check(url, **self.config.redis_params)
        self.redis = connect(url, on_failure=self.lost.begin, **self.config.redis_params)
        self.frontier = frontier_for(self.config, self.redis, worker=self.name, alone=alone)
        self._opened.append("redis")
        await check_format(self.redis)

    @property
    def trouble(self) -> str:
        """Why this worker leases nothing, "" if it does."""
        conditions = (self.lost, self.full, self.unrecorded, self.refused)
        return next((condition.text for condition in conditions if condition.lasts), "") or self.storage.trouble

    async def _open_records(self) -> None:
        self.records = await Database.open(self.config.database_url)
        self._opened.append("records")
        database_id = await self.records.database_id()
        await self.frontier.check_identity("database", database_id, f"the database {self.config.shown_database}")

    async def _open_store(self) -> None:
        root = self.config.staging_root
        limit, patience = self.config.staging_limit, self.config.idle_timeout
        self.staging = await asyncio.to_thread(partial(Staging, root, self.name, limit=limit, patience=patience))
        self.storage = Storage(self.config, self.staging, self.in_flight, self.wake)
        self._opened.append("staging")
        self.storage.capacity = await asyncio.to_thread(capacity, root)
        directory = self.config.store_directory
        identity = await asyncio.to_thread(store_id, directory) if directory else self.config.shown_store
        await self.frontier.check_identity("store", identity, f"the document store {self.config.shown_store}")

    async def tidy_staging(self) -> None:
        """Remove the staging of dead workers, and show others that this one is alive; call it often."""
        await asyncio.to_thread(self.staging.touch)
        live = {name async for name in self.frontier.workers()}
        for directory in await asyncio.to_thread(self.staging.stale, live):
            logger.info("Removing what a dead worker left in %s", directory)
            await asyncio.to_thread(self.staging.clear, directory)

    async def _close_embedded(self) -> None:
        assert self._embedded is not None
        await asyncio.to_thread(self._embedded.stop)

    async def _close_redis(self) -> None:
        with suppress(RedisError):
            await self.frontier.leave()
        await self.redis.aclose()

    async def _close_records(self) -> None:
        await self.records.close()

    async def _close_staging(self) -> None:
        await self.storage.close()
        await self.staging.close()


def unique_name() -> str:
    """Return a name for a worker of this process: its host, its process id and a random part."""
    host = "".join(c if c.isalnum() else "-" for c in socket.gethostname())[:32]
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"
