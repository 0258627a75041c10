"""robots.txt: fetched once per origin for the whole fleet, under a lease of its own, and kept in the frontier."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import uniform
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from scrapy import Request, signals
from scrapy.utils.misc import build_from_crawler, load_object

from pdfspider.crawl.fetch.downloader_stats import is_heard
from pdfspider.crawl.fetch.errors import FetchError, ReleaseRequested, outcome_of, releases_lease, status_outcome
from pdfspider.crawl.fetch.foreign_requests import staged_response
from pdfspider.crawl.fetch.redirects import redirect_target
from pdfspider.crawl.policy.retries import host_signal, retry_after
from pdfspider.crawl.policy.robots_rules import (
    MAX_BODY_SIZE,
    crawl_delay,
    packed,
    parsed,
    parsed_size,
    reduced,
    reservations,
    unpacked,
)
from pdfspider.crawl.visit import Visit
from pdfspider.discovery.urls import host_of, origin_of
from pdfspider.documents.head import Kind
from pdfspider.exceptions import HostTaken, LeaseLost
from pdfspider.frontier.gates import HostSignal
from pdfspider.frontier.jobs import Job
from pdfspider.items import OUTCOMES_BY_CODE, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from protego import Protego
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from pdfspider.config import Config
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.documents.staging import Staging
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LOCAL_TTL_S = 300.0
LOCAL_CACHE_SIZE = 32 * 1024 * 1024
"""Bytes of memory that the rules take which a worker remembers, about."""
LARGE_SIZE = 16 * 1024
"""Bytes of rules from which on they are parsed and looked up beside the event loop."""
MAX_CONCURRENT_LOADS = 4
"""Robots.txt that are loaded at once, or looked up if they are large: such a one takes megabytes."""
LARGE_TTL_S = 3600.0
"""Seconds for which a robots.txt is kept whose rules take more than ``LARGE_SIZE`` in the frontier."""
HOST_TIMEOUT_S, POLL_INTERVAL_S = 60.0, 0.25
"""Seconds for which a host is waited for that a robots.txt redirects to, and between two questions."""
TAKEN_DELAY_S = 2.0
MIN_REDIRECTS = 5
"""Redirects of a robots.txt that are followed at least (RFC 9309, 2.3.1.2)."""
UNAVAILABLE_OUTCOMES = frozenset({Outcome.SERVER_ERROR, Outcome.THROTTLED})


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """The rules of an origin's robots.txt for this crawler.

    ``failure`` is the class in which its URLs end if it cannot be fetched.
    """

    parsed: Protego | None
    failure: Outcome | None
    expires: float
    text: int = 0
    """Bytes of the rules."""
    size: int = 1_000
    """Approximate bytes of memory that they take."""
    reservations: tuple[str, ...] = ()
    """Its lines that restrict other uses of the site's responses (Content-Signal, Content-Usage)."""

    def verdict(self, url: str, user_agent: str) -> tuple[Outcome, str] | None:
        """Return class and reason of a URL that may not be fetched, None for one that may."""
        if self.failure is Outcome.OUT_OF_SCOPE:
            return self.failure, "its host has not a public address"
        if self.failure is not None:
            return self.failure, "the host's robots.txt cannot be had"
        if self.parsed is not None and not self.parsed.can_fetch(url, user_agent):
            return Outcome.ROBOTS_DENIED, "robots.txt forbids it"
        return None


class Robots:
    """Fetches robots.txt for robots leases, and judges every URL that is about to be fetched."""

    def __init__(self, config: Config, frontier: Frontier, staging: Staging) -> None:
        self._config, self._frontier, self._staging = config, frontier, staging
        self._agent, self._retry_delay = config.robots_agent, max(config.retry_delay, 0.1)
        self._rules: OrderedDict[str, RobotsRules] = OrderedDict()
        self._size = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="robots")
        self._few = asyncio.Semaphore(MAX_CONCURRENT_LOADS)

    async def verdict(self, url: str, reach: int) -> tuple[Outcome, str] | None:
        """Return class and reason of a URL of this reach that may not be fetched, None for one that may."""
        origin = origin_of(url)
        rules = self._fresh(origin)
        if rules is None or rules.text > LARGE_SIZE:
            async with self._few:
                rules = self._fresh(origin) or self._remember(origin, await self._load(origin, reach))
                if rules.text > LARGE_SIZE:
                    return await self._run(rules.verdict, url, self._agent)
        return rules.verdict(url, self._agent)

    def sitemaps(self, url: str) -> list[str]:
        """Return the sitemaps in the robots.txt that judged ``url``."""
        rules = self._rules.get(origin_of(url))
        return list(rules.parsed.sitemaps) if rules and rules.parsed else []

    def reservations(self, url: str) -> tuple[str, ...]:
        """Return what the robots.txt that judged ``url`` says for what else its site's responses may be used."""
        rules = self._rules.get(origin_of(url))
        return rules.reservations if rules else ()

    def _fresh(self, origin: str) -> RobotsRules | None:
        """Return the rules of an origin if this worker remembers them, and they are not too old."""
        rules = self._rules.get(origin)
        return rules if rules and rules.expires >= time.monotonic() else None

    def _remember(self, origin: str, rules: RobotsRules) -> RobotsRules:
        if known := self._rules.pop(origin, None):
            self._size -= known.size
        self._rules[origin] = rules
        self._size += rules.size
        while self._size > LOCAL_CACHE_SIZE and len(self._rules) > 1:
            self._size -= self._rules.popitem(last=False)[1].size
        return rules

    async def _read(self, body: bytes) -> tuple[bytes, float]:
        """Return what the frontier keeps of a robots.txt, and its crawl delay."""
        if len(body) > LARGE_SIZE:
            return await self._run(_read, body, self._agent)
        return _read(body, self._agent)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something in the thread for rules: the loop's own threads may all be waiting for names to be resolved."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _load(self, origin: str, reach: int) -> RobotsRules:
        record = await self._frontier.robots(origin, reach)
        failure = OUTCOMES_BY_CODE[record.failure] if record and record.failure else None
        if record is None:
            raise ReleaseRequested(f"the robots.txt of {origin} has to be fetched again")
        text = b"" if failure else unpacked(record.body)
        expires = time.monotonic() + (0.0 if failure else LOCAL_TTL_S)
        if not text:
            return RobotsRules(None, failure, expires)
        rules = await self._run(parsed, text) if len(text) > LARGE_SIZE else parsed(text)
        return RobotsRules(rules, None, expires, len(text), parsed_size(text), reservations(text))

    async def serve(self, crawler: Crawler, lease: Lease) -> None:
        """Fetch the robots.txt of a lease, and share it with the fleet, or release the lease for another try."""
        try:
            await self._fetch(crawler, lease)
        except LeaseLost:
            logger.debug("The lease on the robots.txt of %s was lost", lease.origin)

    async def _fetch(self, crawler: Crawler, lease: Lease) -> None:
        try:
            response = await self._follow(crawler, lease)
            failure = status_outcome(response.status)
            lease.hold = retry_after(response) if failure in UNAVAILABLE_OUTCOMES else 0.0
            found = await self._found(response, failure)
        except Exception as error:
            if releases_lease(error):
                await self._frontier.release(lease, delay=getattr(error, "delay", 0.0), returned=True)
                return
            if (outcome := outcome_of(error)[0]) is Outcome.INTERNAL_ERROR:
                logger.exception("Cannot read the robots.txt of %s", lease.origin)
            await self._fail(lease, outcome)
            return
        if failure in UNAVAILABLE_OUTCOMES or failure is Outcome.CONNECTION_ERROR:
            await self._fail(lease, failure)
        else:
            await self._keep(lease, *found)

    async def _follow(self, crawler: Crawler, lease: Lease) -> StagedResponse:
        """Fetch a robots.txt, from whatever host it is redirected to.

        After too many redirects, or in a loop, the redirect is the response (RFC 9309, 2.3.1.2). Raises FetchError if
        it cannot be reached.
        """
        url, seen, hops = f"{lease.origin}/robots.txt", set[str](), 0
        while True:
            seen.add(url)
            try:
                response = await self._ask(crawler, lease, url)
            except FetchError as error:
                if len(seen) > 1 and error.outcome is Outcome.OUT_OF_SCOPE:
                    raise FetchError(Outcome.ROBOTS_UNAVAILABLE, str(error)) from error
                raise
            hops += len(response.hops) + 1
            target = redirect_target(response)
            if target is None or target in seen or hops > max(MIN_REDIRECTS, self._config.max_redirects):
                return response
            await self._visit(lease, host_of(target))
            url = target

    async def _visit(self, lease: Lease, host: str) -> None:
        """Wait for the gate of a host that a robots.txt redirects to.

        Raises FetchError if it stays closed. Raises ReleaseRequested if the robots.txt of that host is being fetched
        for long, because it may wait for this one's.
        """
        until, taken_until = time.monotonic() + HOST_TIMEOUT_S, time.monotonic() + uniform(2, 8)
        while True:
            try:
                wait = await self._frontier.visit(lease, host)
            except HostTaken:
                wait = None
                if time.monotonic() > taken_until:
                    raise ReleaseRequested(f"the robots.txt of {host} is being fetched", TAKEN_DELAY_S) from None
            if wait is not None:
                break
            if time.monotonic() > until:
                raise FetchError(Outcome.ROBOTS_UNAVAILABLE, f"{host}, which it redirects to, is busy")
            lease.started_at = None  # the request that led here has been reported
            await asyncio.sleep(POLL_INTERVAL_S)
        lease.started_at, lease.starts_at = None, time.monotonic() + wait
        lease.report, lease.requests = True, 0  # its turn at that host

    async def _ask(self, crawler: Crawler, lease: Lease, url: str) -> StagedResponse:
        job = Job(name="", run=0, robots=False, anchors="")
        meta = Visit(lease, job, body_limit=MAX_BODY_SIZE).into({})
        count: Any = crawler.stats.inc_value
        count("robotstxt/request_count")
        response = await _answer(crawler, Request(url, meta=meta, dont_filter=True))
        count("robotstxt/response_count")
        count(f"robotstxt/response_status_count/{response.status}")
        if is_heard(signals.robots_parsed):
            await _announce(crawler, response)
        return staged_response(self._config, self._staging, response)

    async def _found(self, response: StagedResponse, failure: Outcome | None) -> tuple[bytes, float]:
        """Return the rules in a response, and their crawl delay.

        A robots.txt that is not there, or that only some may read, allows everything (RFC 9309, 2.3.1.3).
        """
        has_rules = not failure and response.status < 300 and response.kind is not Kind.PDF
        return await self._read(response.body) if has_rules and response.body else (b"", 0.0)

    async def _keep(self, lease: Lease, rules: bytes, crawl_delay: float) -> None:
        lease.host_signal, ttl = HostSignal.OK, self._config.robots_ttl
        ttl = min(ttl, LARGE_TTL_S) if len(rules) > LARGE_SIZE else ttl
        await self._frontier.commit_robots(lease, body=rules, crawl_delay=crawl_delay, ttl=ttl)

    async def _fail(self, lease: Lease, failure: Outcome) -> None:
        """Share that a robots.txt cannot be had.

        One that cannot be reached forbids everything (RFC 9309, 2.3.1.4). The host's URLs fail with it, and when they
        are tried again it is asked for again.
        """
        if failure is Outcome.OUT_OF_SCOPE:
            await self._frontier.commit_robots(lease, ttl=LOCAL_TTL_S, failure=failure.code)
            return
        failure = Outcome.ROBOTS_UNAVAILABLE if failure in UNAVAILABLE_OUTCOMES else failure
        lease.host_signal = host_signal(failure, None)
        await self._frontier.commit_robots(lease, ttl=lease.hold + self._retry_delay, failure=failure.code)


async def _answer(crawler: Crawler, request: Request) -> Response:
    assert crawler.engine is not None
    return await crawler.engine.download_async(request)


async def _announce(crawler: Crawler, response: Response) -> None:
    """Send the signal of a robots.txt, with a parser of its rules for all user agents."""
    parser = build_from_crawler(load_object(crawler.settings["ROBOTSTXT_PARSER"]), crawler, response.body)
    request = response.request
    await crawler.signals.send_catch_log_async(signals.robots_parsed, robotparser=parser, request=request)


def _read(body: bytes, user_agent: str) -> tuple[bytes, float]:
    """Return what the frontier keeps of a robots.txt, and its crawl delay."""
    text = reduced(body, user_agent)
    return packed(text), crawl_delay(text, user_agent)
