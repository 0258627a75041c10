"""Send the signals of Scrapy's engine that the frontier decides on, and do what the answers ask for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import CloseSpider, DontCloseSpider, IgnoreRequest
from twisted.python.failure import Failure

from pdfspider.crawl.fetch.downloader_stats import is_heard
from pdfspider.crawl.visit import visit_of
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.crawl.engine.starts.start_requests import StartRequests
    from pdfspider.frontier.leases import LeaseGrant

IDLE_SIGNAL_INTERVAL_S = 5.0
"""Seconds between two signals while the spider stays idle."""
EXPECTED_EXCEPTIONS = (DontCloseSpider, CloseSpider)


class SpiderSignals:
    """Sends ``spider_idle`` and ``request_scheduled`` where somebody listens."""

    def __init__(self, crawler: Crawler, start: StartRequests) -> None:
        self._crawler, self._start = crawler, start
        self._asked_at = -IDLE_SIGNAL_INTERVAL_S

    async def reason_to_close(self, grant: LeaseGrant, *, idle: bool) -> str | None:
        """Return the reason for which the worker closes, None if it goes on.

        ``idle`` says that it holds no lease. Requests that a listener hands to the engine are seeds.
        """
        has_ended = grant.watched in ("finished", "cancelled", "gone")
        if not has_ended and (not idle or grant.wait is not None or self._start.are_pending):
            return None
        reason = ("start_error" if self._start.failed else "finished") if has_ended else None
        if not is_heard(signals.spider_idle):
            return reason
        return await self._ask(reason)

    async def _ask(self, reason: str | None) -> str | None:
        """Send ``spider_idle`` unless that was done just now, and return the reason that remains."""
        if time.monotonic() < self._asked_at + IDLE_SIGNAL_INTERVAL_S:
            return None
        self._asked_at = time.monotonic()
        errors = self._send()
        if await self._start.submit_taken():
            return None
        closing = next((error for error in errors if isinstance(error, CloseSpider)), None)
        if closing is not None:
            return closing.reason or "cancelled"
        return None if errors else reason

    def announce(self, requests: Iterable[Request]) -> None:
        """Send ``request_scheduled`` for each request; one that a listener ignores ends without a fetch."""
        if not is_heard(signals.request_scheduled):
            return
        send, spider = self._crawler.signals.send_catch_log, self._crawler.spider
        for request in requests:
            answers = send(signals.request_scheduled, request=request, spider=spider, dont_log=IgnoreRequest)
            if any(isinstance(answer, Failure) and isinstance(answer.value, IgnoreRequest) for _, answer in answers):
                visit = visit_of(request)
                visit.verdict = visit.verdict or (Outcome.OTHER, "who listens to request_scheduled ignored it")

    def _send(self) -> list[BaseException]:
        send = self._crawler.signals.send_catch_log
        with self._start.taking():
            answers = send(signals.spider_idle, spider=self._crawler.spider, dont_log=EXPECTED_EXCEPTIONS)
        failures = [answer for _, answer in answers if isinstance(answer, Failure)]
        return [failure.value for failure in failures if isinstance(failure.value, EXPECTED_EXCEPTIONS)]
