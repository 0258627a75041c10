"""Every item's way to its end: the pipelines, then the frontier's commit, or the lease given back."""

from __future__ import annotations

import logging
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from scrapy.exceptions import DropItem
from scrapy.pipelines import ItemPipelineManager
from scrapy.utils.defer import ensure_awaitable
from scrapy.utils.response import response_status_message

from pdfspider.batching import UNSENDABLE
from pdfspider.crawl.engine.components import complete_pipelines
from pdfspider.crawl.extract.captures import Released
from pdfspider.crawl.fetch.errors import FetchError, GiveBack
from pdfspider.crawl.policy.retries import counts, may_pass, retry_delay
from pdfspider.crawl.worker import Worker
from pdfspider.documents.errors import StoreError
from pdfspider.exceptions import LeaseLost, PdfSpiderError, RecordsError
from pdfspider.frontier.leases import CommitRequest
from pdfspider.items import Capture, Outcome

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.settings import Settings

    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)

LEFT_OUT = "pdfspider/links/left_out"
FETCHED = (Outcome.DOCUMENT, Outcome.DUPLICATE)
NOT_MODIFIED = 304
FAILURE = 400
"""From this status on a response is a failure."""


class PipelineError(PdfSpiderError):
    """An item pipeline did not do its part."""


class Processor(ItemPipelineManager):
    """Runs the item pipelines; whatever happens in them, the URL gets its ending, and exactly one."""

    def __init__(self, *middlewares: Any, crawler: Crawler | None = None) -> None:
        super().__init__(*middlewares, crawler=crawler)
        assert crawler is not None
        self._worker = Worker.of(crawler)
        self._stats = crawler.stats
        methods = self.methods["process_item"]
        self._only_coroutines = all(map(iscoroutinefunction, methods)) and not self._mw_methods_requiring_spider

    @classmethod
    def _get_mwlist_from_settings(cls, settings: Settings) -> list[Any]:
        """Return the pipelines in their order, ours among them. Raises ConfigurationError."""
        return complete_pipelines({**(settings["ITEM_PIPELINES_BASE"] or {}), **(settings["ITEM_PIPELINES"] or {})})

    async def process_item_async(self, item: Any) -> Any:
        """Bring an item to its end. Return it as the pipelines have left it; None where its URL was given back.

        Then raises what a pipeline raised, for the signals that Scrapy sends.
        """
        if isinstance(item, Capture):
            return await self._end(item)
        if isinstance(item, Released):
            await self._release(item.lease, item.delay)
            return None
        return await super().process_item_async(item)

    async def _end(self, capture: Capture) -> Capture | None:
        """Return the capture if it was committed; None if its URL was given back. So do all of the following."""
        return None if await self._give_back(capture) else await self._keep(capture)

    async def _give_back(self, capture: Capture) -> bool:
        """Whether the failure is one to be tried again; then the lease goes back for that."""
        delay = retry_delay(self._worker.config, capture)
        if delay is None:
            return False
        await self._worker.release(capture.lease, delay=delay, counted=counts(capture))
        self._count(f"retry/{capture.outcome.value}")
        self._stats.inc_value("retry/count")
        self._stats.inc_value(f"retry/reason_count/{_retry_reason(capture)}")
        return True

    async def _release(self, lease: Lease, delay: float) -> None:
        await self._worker.release(lease, delay=delay)
        self._count("released")

    async def _keep(self, capture: Capture) -> Capture | None:
        try:
            await self._worker.budgets.admit(capture)
            capture = await self._pass_on(capture)
        except DropItem as error:
            await self._drop(capture, error)
            raise
        except GiveBack as error:
            await self._release(capture.lease, error.delay)
        except RecordsError as error:
            await self._wait_for_records(capture, error)
        except (StoreError, FetchError) as error:
            return await self._fail(capture, error)
        except Exception as error:
            await self._blame(capture, f"{type(error).__name__}: {error}")
            raise
        else:
            return await self._commit(capture)
        return None

    async def _pass_on(self, capture: Capture) -> Capture:
        """Pass a capture through the pipelines and return it, or the copy that they made of it.

        Raises what they raise, and PipelineError where it was not stored and recorded in the end.
        """
        item: Any = capture
        for method in self.methods["process_item"]:
            assert method is not None
            if self._only_coroutines:
                item = await method(item)
            elif method in self._mw_methods_requiring_spider:
                item = await ensure_awaitable(method(item, self._spider))
            else:
                item = await ensure_awaitable(method(item))
            if item is not capture:
                if not (isinstance(item, Capture) and item.token == capture.token):
                    return self._check(capture, f"{method.__qualname__} returned {type(item).__name__}, not the item")
                item.take_over(capture)
                capture = item
        return self._check(capture, "no item pipeline recorded it")

    def _check(self, capture: Capture, fault: str) -> Capture:
        """Return a capture that was recorded and, if it is a document that was fetched, stored."""
        if not capture.recorded or (is_fetched(capture) and not capture.stored):
            raise PipelineError(fault if not capture.recorded else "no item pipeline stored it")
        return capture

    async def _fail(self, capture: Capture, error: StoreError | FetchError) -> Capture | None:
        """The document cannot be stored, by its own fault."""
        logger.error("Cannot store %s: %s", capture.url, error)
        outcome = error.outcome if isinstance(error, FetchError) else Outcome.STORE_ERROR
        capture.outcome, capture.reason, capture.staged = outcome, str(error), None
        return await self._end(capture)

    async def _blame(self, capture: Capture, reason: str) -> None:
        """A pipeline failed, and would again: the URL is not fetched again for that."""
        self._leave_document(capture)
        capture.outcome, capture.reason = Outcome.PIPELINE_ERROR, reason
        await self._record(capture)

    async def _drop(self, capture: Capture, error: DropItem) -> None:
        """A pipeline may keep a document out of the store, but no ending out of the records."""
        if self._leave_document(capture):
            capture.outcome, capture.reason = Outcome.OTHER, f"a pipeline dropped it: {error}"
        await self._record(capture)

    def _leave_document(self, capture: Capture) -> bool:
        """Take a document that is not in the store out of the record; return whether there was one."""
        left = is_fetched(capture) and not capture.stored
        if left:
            capture.sha256 = capture.staged = capture.document = None
        return left

    async def _record(self, capture: Capture) -> Capture | None:
        """Ends a capture past the pipelines, one of which stands in its way."""
        try:
            await self._worker.record(capture)
        except GiveBack as error:
            await self._release(capture.lease, error.delay)
        except RecordsError as error:
            await self._wait_for_records(capture, error)
        else:
            return await self._commit(capture)
        return None

    async def _wait_for_records(self, capture: Capture, error: RecordsError) -> None:
        """An ending without a record would be a loss: the URL waits until the database takes it."""
        logger.error("Cannot record %s: %s", capture.url, error)
        await self._worker.release(capture.lease, delay=self._worker.config.retry_delay)

    async def _commit(self, capture: Capture) -> Capture | None:
        outcome = capture.outcome
        size = capture.size or 0 if outcome is Outcome.DOCUMENT else 0
        ending = CommitRequest(capture.lease, outcome.code, outcome.dead, size, capture.links)
        try:
            await self._worker.frontier.commit(ending)
        except (LeaseLost, RedisError) as error:
            level = logging.INFO if isinstance(error, LeaseLost) else logging.ERROR
            logger.log(level, "%s is not committed: %s", capture.url, error)
            await self._worker.release(capture.lease, returned=True)
            return None
        except UNSENDABLE as error:
            return await self._leave_links(capture, error)
        self._worker.settled(capture.lease)
        self._count(f"outcome/{outcome.value}")
        self._stats.inc_value("pdfspider/bytes", size)
        if outcome.dead or (capture.status or 0) >= FAILURE or outcome is Outcome.ROBOTS_DENIED:
            self._count_failure(capture)
        if capture.left_out:
            self._note_left_out(capture)
        if outcome is Outcome.DOCUMENT and capture.sha256:
            for tell in self._worker.when_stored:
                tell(capture.sha256)
        return capture

    async def _leave_links(self, capture: Capture, error: Exception) -> Capture | None:
        """What was found cannot be told to the frontier: it would fail whenever the URL is fetched."""
        logger.error("What was found at %s cannot be queued: %s", capture.url, error)
        if not capture.links:
            await self._worker.release(capture.lease, returned=True)
            return None
        capture.links, capture.reason = [], f"its links cannot be queued: {error}"
        if not capture.sha256:
            capture.outcome = Outcome.INTERNAL_ERROR
        return await self._record(capture)

    def _note_left_out(self, capture: Capture) -> None:
        if LEFT_OUT not in self._stats.get_stats():
            logger.warning("%s: %s (PDF_LINKS_PER_PAGE, PDF_LINKS_MAX_SIZE)", capture.url, capture.reason)
        self._stats.inc_value(LEFT_OUT, capture.left_out)

    def _count_failure(self, capture: Capture) -> None:
        """Count a failure by the names that Scrapy's middlewares have for it."""
        if capture.outcome is Outcome.ROBOTS_DENIED:
            self._stats.inc_value("robotstxt/forbidden")
        elif (capture.status or 0) >= FAILURE:
            self._stats.inc_value("httperror/response_ignored_count")
            self._stats.inc_value(f"httperror/response_ignored_status_count/{capture.status}")
        if may_pass(self._worker.config, capture):
            self._stats.inc_value("retry/max_reached")

    def _count(self, stat: str) -> None:
        self._stats.inc_value(f"pdfspider/{stat}")


def _retry_reason(capture: Capture) -> str:
    """Return why a URL is tried again, as Scrapy says it where a status is the reason."""
    failed = (capture.status or 0) >= FAILURE
    return response_status_message(capture.status or 0) if failed else capture.outcome.value


def is_fetched(capture: Capture) -> bool:
    """Return whether a capture stands for a document that was fetched in this visit."""
    fetched = capture.outcome in FETCHED or (capture.outcome is Outcome.UNCHANGED and capture.status != NOT_MODIFIED)
    return fetched or capture.staged is not None
