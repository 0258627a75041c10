"""Make the requests that Scrapy fetches from leases, and keep them until there is a slot."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from scrapy import Request

from pdfspider.crawl.extract.spider_requests import load
from pdfspider.crawl.fetch.errors import ReleaseRequested
from pdfspider.crawl.policy.conditional_requests import condition
from pdfspider.crawl.visit import Visit, visit_of
from pdfspider.exceptions import JobNotFound, RequestRefused
from pdfspider.frontier.leases import LeaseKind
from pdfspider.items import OUTCOMES_BY_CODE, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scrapy.crawler import Crawler

    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.jobs import Job
    from pdfspider.frontier.leases import Lease
    from pdfspider.records.history import EarlierDocument

REASON_BY_OUTCOME = {
    Outcome.POISON: "every worker that fetched it died",
    Outcome.HOST_DOWN: "the host failed again and again",
    Outcome.INTERNAL_ERROR: "workers gave it back again and again without a result",
    Outcome.OVER_BUDGET: "the job's max_pages or max_documents is used up",
}
REASON_BY_CAUSE = {
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
        self._earlier: dict[Lease, EarlierDocument] = {}

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
        except (JobNotFound, ReleaseRequested):
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
            return outcome, REASON_BY_CAUSE.get(lease.verdict_cause) or REASON_BY_OUTCOME.get(outcome, outcome.value)
        assert lease.entry is not None
        if self._worker.blocks.rules and (rule := self._worker.blocks.blocking(job.name, lease.entry.url)):
            return Outcome.BLOCKED, f"an operator has blocked {rule}"
        denied = await self._worker.robots.verdict(lease.entry.url, lease.reach) if job.robots else None
        return denied or await self._worker.budgets.verdict(lease)


class ReadyRequests:
    """A queue in which runs take turns; those of one run come first in, first out."""

    def __init__(self) -> None:
        self._runs: dict[int, deque[Request]] = {}

    def append(self, request: Request) -> None:
        """Add a request."""
        run = visit_of(request).lease.run
        queue = self._runs.get(run)
        if queue is None:
            queue = self._runs[run] = deque()
        queue.append(request)

    def extend(self, requests: Iterable[Request]) -> None:
        """Add requests."""
        for request in requests:
            self.append(request)

    def popleft(self) -> Request:
        """Remove and return the next request of the run whose turn it is; there must be one."""
        run = next(iter(self._runs))
        queue = self._runs[run]
        request = queue.popleft()
        if not queue:
            del self._runs[run]
        elif len(self._runs) > 1:
            self._runs[run] = self._runs.pop(run)
        return request

    def clear(self) -> None:
        """Remove all requests."""
        self._runs.clear()

    def __len__(self) -> int:
        return sum(map(len, self._runs.values()))

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __iter__(self) -> Iterator[Request]:
        for queue in self._runs.values():
            yield from queue

    def __contains__(self, request: object) -> bool:
        return any(request in queue for queue in self._runs.values())
