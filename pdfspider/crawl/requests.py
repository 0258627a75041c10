"""From a lease to the request that Scrapy fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import Request

from pdfspider.crawl.errors import GiveBack
from pdfspider.exceptions import JobNotFound
from pdfspider.frontier.leases import LeaseKind
from pdfspider.items import OUTCOMES_BY_CODE, Outcome

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.leases import Lease

VERDICTS = {
    Outcome.POISON: "every worker that fetched it died",
    Outcome.HOST_DOWN: "the host failed again and again",
    Outcome.OVER_BUDGET: "the job's max_pages or max_documents is used up",
}


class RequestMaker:
    """Every request has callback and errback, so that every ending becomes one item.

    A URL whose end is known without a fetch becomes a request too, with its ``verdict``: there is one way to an ending.
    """

    def __init__(self, crawler: Crawler, worker: Worker) -> None:
        self._crawler, self._worker = crawler, worker

    async def make(self, lease: Lease) -> Request | None:
        """None where the lease has to be given back."""
        assert lease.entry is not None
        try:
            job = await self._worker.frontier.job(lease.run)
            verdict = await self._verdict(lease, obey_robots=job.robots)
        except (JobNotFound, GiveBack):
            return None
        meta: dict[str, Any] = {"lease": lease, "job": job, "verbatim_url": True}
        if verdict:
            meta["verdict"] = verdict
        spider: Any = self._crawler.spider
        return Request(lease.entry.url, spider.parse, errback=spider.failed, meta=meta, dont_filter=True)

    async def _verdict(self, lease: Lease, *, obey_robots: bool) -> tuple[Outcome, str] | None:
        if lease.kind is LeaseKind.VERDICT:
            outcome = OUTCOMES_BY_CODE[lease.verdict]
            return outcome, VERDICTS.get(outcome, outcome.value)
        assert lease.entry is not None
        return await self._worker.robots.verdict(lease.entry.url) if obey_robots else None
