"""Follow the links in documents, which are inspected before their visit ends, so that a job includes their links."""

from __future__ import annotations

import time
from itertools import cycle
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from scrapy.exceptions import NotConfigured

from pdfspider.batching import Batcher
from pdfspider.crawl.extract.link_extraction import is_followed
from pdfspider.crawl.fetch.errors import ReleaseRequested
from pdfspider.crawl.inspection.extension import InspectionExtension
from pdfspider.crawl.policy.budgets import bound_links
from pdfspider.crawl.policy.robots_directives import includes, obeyed
from pdfspider.crawl.worker import Worker
from pdfspider.discovery.markup.robots_directives import NOFOLLOW
from pdfspider.documents.inspection.report import InspectionReport
from pdfspider.exceptions import JobNotFound
from pdfspider.items import Capture, Outcome

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.jobs import Job

    Links = list[str]

TECHNIQUE = "pdf-link"
STORED_OUTCOMES = (Outcome.DOCUMENT, Outcome.UNCHANGED)
BATCH_SIZE = 8
"""Documents that share the ways to threads and a transaction, and wait for the slowest of them."""
WINDOW_S = 0.001
"""Seconds for which they are collected; more come while others are inspected."""


class PdfLinksPipeline:
    """A pipeline between the store and the records.

    If the worker dies here, the visit has not ended and is repeated. An inspection that fails has no links, as its row
    says; the document ends all the same.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._worker = crawler, Worker.of(crawler)
        processes = range(self._worker.config.inspect_processes)
        self._links_of = cycle([Batcher(self._read, window=WINDOW_S, limit=BATCH_SIZE) for _ in processes])

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> PdfLinksPipeline:
        """Return the pipeline.

        Raises NotConfigured if links in documents are not followed.
        """
        config, off = Worker.of(crawler).config, crawler.settings.getlist("PDF_TECHNIQUES_OFF")
        if not (config.inspect and config.inspect_limits.links and config.store_directory) or TECHNIQUE in off:
            raise NotConfigured
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:
        """Add the links of a document to its capture.

        Raises ReleaseRequested if the worker has to release the lease, and RecordsError.
        """
        if (
            isinstance(item, Capture)
            and item.sha256
            and item.outcome in STORED_OUTCOMES
            and is_followed(item.lease.entry)
        ):
            with self._worker.in_flight.track(item.lease):
                item.links = await self._children(item, item.sha256)
            item.follow(bound_links(item.links, self._worker.config))
        return item

    async def _children(self, capture: Capture, sha256: str) -> list[Entry]:
        found_on = capture.final_url or capture.url
        uris = await next(self._links_of)(sha256)
        if not uris:
            return []
        try:
            job = await self._worker.frontier.job(capture.run)
        except (RedisError, JobNotFound):
            raise ReleaseRequested("its job is not known") from None
        if includes(capture.robots_directives, NOFOLLOW) and NOFOLLOW in obeyed(self._worker.config, job):
            return []
        return await self._worker.pages.run(self._entries, capture, job, uris, found_on)

    def _entries(self, capture: Capture, job: Job, uris: Links, found_on: str) -> list[Entry]:
        links = self._worker.config.discovery.named(TECHNIQUE, map(_with_scheme, uris), found_on)
        return self._worker.links.children(capture.lease, job, links, found_on)

    async def _read(self, hashes: list[str]) -> list[Links]:
        found = await self._worker.records.links_inside(hashes)
        while new := [sha256 for sha256 in dict.fromkeys(hashes) if sha256 not in found]:
            found |= await self._inspect(new)
        return [found[sha256] for sha256 in hashes]

    async def _inspect(self, hashes: list[str]) -> dict[str, Links]:
        """Return the links of the first of these documents."""
        extension, until = self._crawler.get_extension(InspectionExtension), self._worker.frontier.give_up_at
        inspections = extension.inspections if extension else None
        if inspections is None or (until is not None and time.monotonic() > until):
            raise ReleaseRequested("the worker ends")
        if not (found := await inspections.inspect(hashes)):
            raise ReleaseRequested("the worker ends")
        return {sha256: (isinstance(one, InspectionReport) and one.links) or [] for sha256, one in found.items()}


def _with_scheme(uri: str) -> str:
    """Return the URI with a scheme, as PDF readers add it to typed addresses."""
    return f"http://{uri}" if uri[:4].lower() == "www." else uri
