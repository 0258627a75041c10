"""Make the requests that Scrapy fetches from leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import Request

from pdfspider.crawl.extract.spider_requests import load
from pdfspider.crawl.fetch.errors import GiveBack
from pdfspider.crawl.policy.conditional_requests import condition
from pdfspider.crawl.visit import Visit
from pdfspider.exceptions import JobNotFound, RequestRefused
from pdfspider.frontier.leases import LeaseKind
from pdfspider.items import OUTCOMES_BY_CODE, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.crawler import Crawler

    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.jobs import Job
    from pdfspider.frontier.leases import Lease
    from pdfspider.records.history import Earlier

VERDICTS = {
    Outcome.POISON: "every worker that fetched it died",
    Outcome.HOST_DOWN: "the host failed again and again",
    Outcome.INTERNAL_ERROR: "workers gave it back again and again without a result",
    Outcome.OVER_BUDGET: "the job's max_pages or max_documents is used up",
}
CAUSES = {
    "t": "the job's max_seconds is over",
    "s": "its host asks to be asked so slowly that it would not be done within FRONTIER_HOST_PATIENCE",
}


class RequestMaker:
    """Makes requests with callback and errback, so that every URL ends as one item.

    URLs that are decided without a fetch also become requests, with a ``verdict``, so that every URL ends on the same
    code path.
    """

    def __init__(self, crawler: Crawler, worker: Worker) -> None:
        self._crawler, self._worker = crawler, worker
        self._earlier: dict[Lease, Earlier] = {}

    async def look_back(self, leases: Sequence[Lease]) -> None:
        """Read the documents that earlier runs had at the URLs of these leases, with one query."""
        await self._worker.not_due_hosts.look_up(leases)
        self._earlier = await self._worker.conditional_requests.of(leases)

    async def make(self, lease: Lease) -> Request | None:
        """Return the request of a lease, None if the lease has to be released."""
        assert lease.entry is not None
        try:
            job = await self._worker.frontier.job(lease.run)
            verdict = await self._verdict(lease, job)
        except (JobNotFound, GiveBack):
            return None
        spider: Any = self._crawler.spider
        own: dict[str, Any] = {}
        if lease.entry.request:
            try:
                own = load(spider, lease.entry.request)
            except (RequestRefused, ValueError) as error:
                verdict = verdict or (Outcome.INTERNAL_ERROR, str(error))
        headers, earlier = own.pop("headers", None), None if verdict or "method" in own else self._earlier.get(lease)
        if earlier:
            headers = {**(headers or {}), **condition(earlier, lease.entry.url)}
        return Request(
            lease.entry.url,
            own.pop("callback", None) or spider.parse,
            headers=headers,
            errback=own.pop("errback", None) or spider.failed,
            meta=Visit(lease, job, verdict, earlier).into({**own.pop("meta", {}), "depth": lease.entry.depth}),
            dont_filter=True,
            **own,
        )

    async def _verdict(self, lease: Lease, job: Job) -> tuple[Outcome, str] | None:
        if lease.kind is LeaseKind.VERDICT:
            outcome = OUTCOMES_BY_CODE[lease.verdict]
            return outcome, CAUSES.get(lease.verdict_cause) or VERDICTS.get(outcome, outcome.value)
        assert lease.entry is not None
        if self._worker.blocks.rules and (rule := self._worker.blocks.blocking(job.name, lease.entry.url)):
            return Outcome.BLOCKED, f"an operator has blocked {rule}"
        denied = await self._worker.robots.verdict(lease.entry.url, lease.reach) if job.robots else None
        return denied or await self._worker.budgets.verdict(lease)
