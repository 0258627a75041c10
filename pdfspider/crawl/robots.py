"""robots.txt: fetched once per origin for the whole fleet under a lease of its own, and kept in the frontier."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING

from protego import Protego
from scrapy import Request

from pdfspider.crawl.errors import GiveBack, is_give_back, outcome_of, status_outcome
from pdfspider.crawl.responses import StagedResponse
from pdfspider.crawl.retries import LONGEST_HOLD, retry_after, shown
from pdfspider.discovery.urls import origin_of
from pdfspider.documents.head import Kind
from pdfspider.exceptions import LeaseLost
from pdfspider.frontier.gates import Shown
from pdfspider.frontier.jobs import Job
from pdfspider.items import OUTCOMES_BY_CODE, Outcome

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)

LOCAL_TTL = 300.0
LOCAL_LIMIT = 2_000
BODY_LIMIT = 512 * 1024
UNAVAILABLE = frozenset({Outcome.SERVER_ERROR, Outcome.THROTTLED})


@dataclass(frozen=True, slots=True)
class Rules:
    """What an origin's robots.txt says to us; ``failure`` is the class its URLs end in where it cannot be had."""

    parsed: Protego | None
    failure: Outcome | None
    expires: float

    def verdict(self, url: str, user_agent: str) -> tuple[Outcome, str] | None:
        """The class and reason of a URL that may not be fetched; None for one that may."""
        if self.failure is Outcome.OUT_OF_SCOPE:
            return self.failure, "its host has not a public address"
        if self.failure is not None:
            return self.failure, "the host's robots.txt cannot be had"
        if self.parsed is not None and not self.parsed.can_fetch(url, user_agent):
            return Outcome.ROBOTS_DENIED, "robots.txt forbids it"
        return None


class Robots:
    """Fetches robots.txt for robots leases and answers for every URL that is about to be fetched."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._agent = worker.config.user_agent
        self._rules: OrderedDict[str, Rules] = OrderedDict()

    async def verdict(self, url: str, reach: int) -> tuple[Outcome, str] | None:
        """Return the class and reason of a URL of this reach that may not be fetched; None for one that may."""
        return (await self._rules_of(origin_of(url), reach)).verdict(url, self._agent)

    def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that the robots.txt names by which ``url`` was judged."""
        rules = self._rules.get(origin_of(url))
        return list(rules.parsed.sitemaps) if rules and rules.parsed else []

    async def _rules_of(self, origin: str, reach: int) -> Rules:
        rules = self._rules.get(origin)
        if rules is None or rules.expires < time.monotonic():
            rules = self._rules[origin] = await self._load(origin, reach)
            self._rules.move_to_end(origin)
            if len(self._rules) > LOCAL_LIMIT:
                self._rules.popitem(last=False)
        return rules

    async def _load(self, origin: str, reach: int) -> Rules:
        record = await self._worker.frontier.robots(sha1(origin.encode()).hexdigest(), reach)
        failure = OUTCOMES_BY_CODE[record.failure] if record and record.failure else None
        if record is None:
            raise GiveBack(f"the robots.txt of {origin} has to be fetched again")
        ttl = 0.0 if failure else LOCAL_TTL
        return Rules(_parse(record.body) if record.body and not failure else None, failure, time.monotonic() + ttl)

    async def serve(self, crawler: Crawler, lease: Lease) -> None:
        """Works off a robots lease: fetches, then tells the fleet, or gives it back for another try."""
        try:
            await self._fetch(crawler, lease)
        except LeaseLost:
            logger.debug("The lease on the robots.txt of %s was lost", lease.origin)

    async def _fetch(self, crawler: Crawler, lease: Lease) -> None:
        job = Job(name="", run=0, robots=False, anchors="")
        meta = {"lease": lease, "job": job, "whole": BODY_LIMIT}
        request = Request(f"{lease.origin}/robots.txt", meta=meta, dont_filter=True)
        try:
            response = await _answer(crawler, request)
        except Exception as error:
            if is_give_back(error):
                await self._worker.frontier.release(lease)
                return
            await self._tell(lease, None, outcome_of(error)[0])
            return
        failure = status_outcome(response.status)
        lease.hold = retry_after(response) if failure in UNAVAILABLE else 0.0
        await self._tell(lease, response, failure)

    async def _tell(self, lease: Lease, response: StagedResponse | None, failure: Outcome | None) -> None:
        config, frontier = self._worker.config, self._worker.frontier
        if response is not None and failure not in UNAVAILABLE:
            # A robots.txt that is not there, or that only some may read, allows everything (RFC 9309, 2.3.1.3).
            body = b"" if failure or response.kind is Kind.PDF else response.body
            lease.shown = Shown.OK
            delay = crawl_delay(body, self._agent)
            await frontier.commit_robots(lease, body=body, crawl_delay=delay, ttl=config.robots_ttl)
            return
        assert failure is not None
        if failure is Outcome.OUT_OF_SCOPE:
            await frontier.commit_robots(lease, ttl=LOCAL_TTL, failure=failure.code)
            return
        # One that cannot be reached forbids everything (RFC 9309, 2.3.1.4). The host's URLs fail with it, and when they
        # are tried again it is asked for again.
        failure = Outcome.ROBOTS_UNAVAILABLE if failure in UNAVAILABLE else failure
        lease.shown = shown(failure, None)
        await frontier.commit_robots(lease, ttl=lease.hold + max(config.retry_delay, 0.1), failure=failure.code)


async def _answer(crawler: Crawler, request: Request) -> StagedResponse:
    assert crawler.engine is not None
    response = await crawler.engine.download_async(request)
    if not isinstance(response, StagedResponse):
        raise TypeError("a middleware answered in the place of the host")
    return response


def crawl_delay(body: bytes, user_agent: str) -> float:
    """The seconds between two requests that a robots.txt asks for; a day at most, whatever it says."""
    asked = _parse(body).crawl_delay(user_agent) if body else None
    return min(float(asked or 0.0), LONGEST_HOLD)


def _parse(body: bytes) -> Protego:
    return Protego.parse(body.decode("utf-8-sig", errors="ignore"))
