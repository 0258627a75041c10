"""Process every item: the pipelines, then the frontier's commit or the release of the lease."""

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
from pdfspider.crawl.fetch.errors import FetchError, ReleaseRequested
from pdfspider.crawl.policy.retries import counts, may_pass, retry_delay
from pdfspider.crawl.scrapy_internals import methods_with_spider, spider_of
from pdfspider.crawl.worker import Worker
from pdfspider.documents.errors import StoreError
from pdfspider.exceptions import LeaseLost, PdfSpiderError, RecordRefused, RecordsError
from pdfspider.frontier.leases import CommitRequest
from pdfspider.items import Capture, Outcome
from pdfspider.tasks import EXIT_EXCEPTIONS, as_failure

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.settings import Settings

    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)

LEFT_OUT_STAT, NOFOLLOW_STAT = "pdfspider/links/left_out", "pdfspider/links/nofollow"
PAGES_USED_UP = "it is a page, and the job's max_pages is used up"
FETCHED_OUTCOMES = (Outcome.DOCUMENT, Outcome.DUPLICATE)
NOT_MODIFIED = 304
FIRST_FAILURE_STATUS = 400
"""From this status on a response is a failure."""


class PipelineError(PdfSpiderError):
    """An item pipeline did not do its part."""


class Processor(ItemPipelineManager):
    """Runs the item pipelines; whatever happens in them, each URL ends exactly once."""

    def __init__(self, *middlewares: Any, crawler: Crawler | None = None) -> None:
        super().__init__(*middlewares, crawler=crawler)
        assert crawler is not None
        self._worker = Worker.of(crawler)
        self._stats = crawler.stats
        methods = self.methods["process_item"]
        self._others = {each for each in methods if each and not each.__module__.startswith("pdfspider.")}
        self._only_coroutines = all(map(iscoroutinefunction, methods)) and not methods_with_spider(self)

    @classmethod
    def _get_mwlist_from_settings(cls, settings: Settings) -> list[Any]:
        """Return the pipelines in their order, with those of this project.

        Raises ConfigurationError.
        """
        return complete_pipelines({**(settings["ITEM_PIPELINES_BASE"] or {}), **(settings["ITEM_PIPELINES"] or {})})

    async def process_item_async(self, item: Any) -> Any:
        """Bring an item to its end, then raise the error of a pipeline for Scrapy's signals."""
        if isinstance(item, Capture):
            return await self._end(item)
        if isinstance(item, Released):
            await self._release(item.lease, item.delay)
            return None
        try:
            return await super().process_item_async(item)
        except EXIT_EXCEPTIONS as error:
            raise as_failure(error) from error

    async def _end(self, capture: Capture) -> Capture | None:
        """Return the capture if it was committed; None if its URL was given back. So do all of the following."""
        return None if await self._give_back(capture) else await self._keep(capture)

    async def _give_back(self, capture: Capture) -> bool:
        """Release the lease of a failure that is tried again, and return whether it is one."""
        delay = retry_delay(self._worker.config, capture)
        if delay is None:
            return False
        code = capture.outcome.code
        await self._worker.release(capture.lease, delay=delay, counted=counts(capture), code=code)
        self._count(f"retry/{capture.outcome.value}")
        self._stats.inc_value("retry/count")
        self._stats.inc_value(f"retry/reason_count/{_retry_reason(capture)}")
        return True

    async def _release(self, lease: Lease, delay: float) -> None:
        await self._worker.release(lease, delay=delay)
        self._count("released")

    async def _keep(self, capture: Capture) -> Capture | None:
        try:
            if not await self._worker.budgets.admits(capture):
                capture.outcome, capture.reason, capture.links = Outcome.OVER_BUDGET, PAGES_USED_UP, []
            capture = await self._pass_on(capture)
        except EXIT_EXCEPTIONS as error:
            await self._blame(capture, failure := as_failure(error))
            raise failure from error
        except DropItem as error:
            await self._drop(capture, error)
            raise
        except ReleaseRequested as error:
            await self._release(capture.lease, error.delay)
        except RecordRefused as error:
            return await self._record_without(capture, error)
        except RecordsError as error:
            await self._wait_for_records(capture, error)
        except (StoreError, FetchError) as error:
            return await self._fail(capture, error)
        except Exception as error:
            await self._blame(capture, error)
            raise
        else:
            return await self._commit(capture)
        return None

    async def _pass_on(self, capture: Capture) -> Capture:
        """Return a capture after the pipelines, or the copy that they made of it.

        Raises their errors, and PipelineError if the capture was not stored and recorded in the end.
        """
        item: Any = capture
        for method in self.methods["process_item"]:
            assert method is not None
            before = capture.values() if method in self._others else None
            if self._only_coroutines:
                item = await method(item)
            elif method in methods_with_spider(self):
                item = await ensure_awaitable(method(item, spider_of(self)))
            else:
                item = await ensure_awaitable(method(item))
            if item is not capture:
                if not (isinstance(item, Capture) and item.token == capture.token):
                    return self._check(capture, f"{method.__qualname__} returned {type(item).__name__}, not the item")
                item.take_over(capture)
                capture = item
            if before and (faults := capture.undo_wrong_types(before)):
                raise PipelineError(f"{method.__qualname__} left {faults}")
        return self._check(capture, "no item pipeline recorded it")

    def _check(self, capture: Capture, fault: str) -> Capture:
        """Return a capture that was recorded and, for a fetched document, stored."""
        if not capture.recorded or (is_fetched(capture) and not capture.stored):
            raise PipelineError(fault if not capture.recorded else "no item pipeline stored it")
        if capture.outcome is not (recorded := capture.recorded):
            raise PipelineError(f"its outcome became {capture.outcome} after it had been recorded as {recorded}")
        return capture

    async def _fail(self, capture: Capture, error: StoreError | FetchError) -> Capture | None:
        """Record a document that cannot be stored because of the document itself."""
        logger.error("Cannot store %s: %s", capture.url, error)
        outcome = error.outcome if isinstance(error, FetchError) else Outcome.STORE_ERROR
        capture.outcome, capture.reason, capture.staged = outcome, str(error), None
        return await self._end(capture)

    async def _blame(self, capture: Capture, error: Exception) -> None:
        """Record the failure of a pipeline; the URL is not fetched again, because the pipeline would fail again."""
        self._leave_document(capture)
        capture.outcome, capture.reason = Outcome.PIPELINE_ERROR, f"{type(error).__name__}: {error}"
        await self._record(capture)

    async def _drop(self, capture: Capture, error: DropItem) -> None:
        """Record a capture that a pipeline dropped, which keeps its document out of the store."""
        if self._leave_document(capture):
            capture.outcome, capture.reason = Outcome.OTHER, f"a pipeline dropped it: {error}"
        await self._record(capture)

    def _leave_document(self, capture: Capture) -> bool:
        """Remove a document that is not in the store from the capture; return whether there was one."""
        left = is_fetched(capture) and not capture.stored
        if left:
            capture.drop_document()
        return left

    async def _record(self, capture: Capture) -> Capture | None:
        """Record a capture without the pipelines, one of which failed."""
        try:
            await self._worker.record(capture)
        except ReleaseRequested as error:
            await self._release(capture.lease, error.delay)
        except RecordRefused as error:
            return await self._record_without(capture, error)
        except RecordsError as error:
            await self._wait_for_records(capture, error)
        else:
            return await self._commit(capture)
        return None

    async def _record_without(self, capture: Capture, error: RecordRefused) -> Capture | None:
        """Record a capture as a failure, without the values that the database refused.

        If it refuses that too, the capture ends without a row: it would be refused after each further visit.
        """
        logger.error("Cannot record %s: %s", capture.url, error)
        for column in error.columns:
            setattr(capture, column, None)
        capture.outcome, capture.reason, capture.links = Outcome.INTERNAL_ERROR, str(error), []
        capture.drop_document()
        try:
            await self._worker.record(capture)
        except RecordRefused as again:
            logger.error("%s ends without a row: %s", capture.url, again)
        except ReleaseRequested as ending:
            await self._release(capture.lease, ending.delay)
            return None
        except RecordsError as trouble:
            await self._wait_for_records(capture, trouble)
            return None
        return await self._commit(capture)

    async def _wait_for_records(self, capture: Capture, error: RecordsError) -> None:
        """Wait until the database takes the capture, because an end without a record would be a loss."""
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
        self._count(f"outcome/{outcome}")
        self._stats.inc_value("pdfspider/bytes", size)
        if outcome.dead or (capture.status or 0) >= FIRST_FAILURE_STATUS or outcome is Outcome.ROBOTS_DENIED:
            self._count_failure(capture)
        if capture.left_out:
            self._note(capture, LEFT_OUT_STAT, capture.left_out, " (PDF_LINKS_PER_PAGE, PDF_LINKS_MAX_SIZE)")
        if capture.withheld:
            self._note(capture, NOFOLLOW_STAT, capture.withheld)
        if outcome is Outcome.DOCUMENT and capture.sha256:
            for tell in self._worker.when_stored:
                tell(capture.sha256)
        return capture

    async def _leave_links(self, capture: Capture, error: Exception) -> Capture | None:
        """Commit without links that the frontier cannot take, because it could not at any later fetch."""
        logger.error("The links of %s cannot be queued: %s", capture.url, error)
        if not capture.links:
            await self._worker.release(capture.lease, returned=True)
            return None
        capture.links, capture.reason = [], f"its links cannot be queued: {error}"
        if not capture.sha256:
            capture.outcome = Outcome.INTERNAL_ERROR
        return await self._record(capture)

    def _note(self, capture: Capture, stat: str, number: int, settings: str = "") -> None:
        """Count links of a page that are not followed, and say so of the first such page."""
        if stat not in self._stats.get_stats():
            logger.warning("%s: %s%s", capture.url, capture.reason, settings)
        self._stats.inc_value(stat, number)

    def _count_failure(self, capture: Capture) -> None:
        """Count a failure by the names that Scrapy's middlewares have for it."""
        if capture.outcome is Outcome.ROBOTS_DENIED and capture.status is None:
            self._stats.inc_value("robotstxt/forbidden")
        elif (capture.status or 0) >= FIRST_FAILURE_STATUS:
            self._stats.inc_value("httperror/response_ignored_count")
            self._stats.inc_value(f"httperror/response_ignored_status_count/{capture.status}")
        if may_pass(self._worker.config, capture):
            self._stats.inc_value("retry/max_reached")

    def _count(self, stat: str) -> None:
        self._stats.inc_value(f"pdfspider/{stat}")


def _retry_reason(capture: Capture) -> str:
    """Return why a URL is tried again, as Scrapy says it where a status is the reason."""
    failed = (capture.status or 0) >= FIRST_FAILURE_STATUS
    return response_status_message(capture.status or 0) if failed else capture.outcome.value


def is_fetched(capture: Capture) -> bool:
    """Return whether a capture has a document that was fetched in this visit."""
    fetched = capture.outcome in FETCHED_OUTCOMES or (
        capture.outcome is Outcome.UNCHANGED and capture.status != NOT_MODIFIED
    )
    return fetched or capture.staged is not None
