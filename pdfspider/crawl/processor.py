"""Every item's way to its end: the pipelines, then the frontier's commit, or the lease given back."""

from __future__ import annotations

import logging
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from scrapy.exceptions import DropItem
from scrapy.pipelines import ItemPipelineManager

from pdfspider.batching import UNSENDABLE
from pdfspider.crawl.captures import Released
from pdfspider.crawl.errors import GiveBack
from pdfspider.crawl.retries import counts, retry_delay
from pdfspider.crawl.worker import Worker
from pdfspider.exceptions import LeaseLost, RecordsError
from pdfspider.frontier.leases import Ending
from pdfspider.items import Capture, Outcome

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)


class Processor(ItemPipelineManager):
    """Runs the item pipelines; whatever happens in them, the URL gets its ending, and exactly one."""

    def __init__(self, *middlewares: Any, crawler: Crawler | None = None) -> None:
        super().__init__(*middlewares, crawler=crawler)
        assert crawler is not None
        self._worker = Worker.of(crawler)
        self._stats = crawler.stats
        methods = self.methods["process_item"]
        self._only_coroutines = all(map(iscoroutinefunction, methods)) and not self._mw_methods_requiring_spider

    async def process_item_async(self, item: Any) -> Any:
        if isinstance(item, Released):
            await self._worker.release(item.lease)
            self._count("released")
        elif isinstance(item, Capture):
            await self._end(item)
        else:
            return await super().process_item_async(item)
        return item

    async def _end(self, capture: Capture) -> None:
        if not await self._give_back(capture):
            await self._keep(capture)

    async def _give_back(self, capture: Capture) -> bool:
        """Whether the failure is one to be tried again; then the lease goes back for that."""
        delay = retry_delay(self._worker.config, capture)
        if delay is None:
            return False
        await self._worker.release(capture.lease, delay=delay, counted=counts(capture))
        self._count(f"retry/{capture.outcome.value}")
        return True

    async def _keep(self, capture: Capture) -> None:
        try:
            await self._worker.budgets.admit(capture)
            await self._pass_on(capture)
        except DropItem as error:
            await self._drop(capture, error)
        except GiveBack:
            await self._worker.release(capture.lease)
            self._count("released")
        except RecordsError as error:
            await self._wait_for_records(capture, error)
        except Exception as error:
            await self._fail(capture, error)
        else:
            await self._commit(capture)

    async def _pass_on(self, item: Any) -> None:
        """Through the pipelines: Scrapy looks closely at each one's answer, for those of an older kind."""
        if self._only_coroutines:
            for method in self.methods["process_item"]:
                item = await method(item)  # type: ignore[misc]
        else:
            await super().process_item_async(item)

    async def _fail(self, capture: Capture, error: Exception) -> None:
        logger.error("Cannot keep %s: %s", capture.url, error, exc_info=error)
        failed = capture.outcome is Outcome.STORE_ERROR
        capture.outcome, capture.reason, capture.staged = Outcome.STORE_ERROR, str(error), None
        if failed:
            await self._record(capture)
        else:
            await self._end(capture)

    async def _drop(self, capture: Capture, error: DropItem) -> None:
        """A pipeline may keep a document out of the store, but no ending out of the records."""
        if capture.staged:
            capture.outcome, capture.reason = Outcome.OTHER, f"a pipeline dropped it: {error}"
            capture.sha256 = capture.staged = None
        await self._record(capture)

    async def _record(self, capture: Capture) -> None:
        """Ends a capture past the pipelines, one of which stands in its way."""
        try:
            capture.outcome = await self._worker.records.write(capture)
        except RecordsError as error:
            await self._wait_for_records(capture, error)
        else:
            await self._commit(capture)

    async def _wait_for_records(self, capture: Capture, error: RecordsError) -> None:
        """An ending without a record would be a loss: the URL waits until the database takes it."""
        logger.error("Cannot record %s: %s", capture.url, error)
        await self._worker.release(capture.lease, delay=self._worker.config.retry_delay)

    async def _commit(self, capture: Capture) -> None:
        outcome = capture.outcome
        size = capture.size or 0 if outcome is Outcome.DOCUMENT else 0
        ending = Ending(capture.lease, outcome.code, outcome.dead, size, capture.links)
        try:
            await self._worker.frontier.commit(ending)
        except (LeaseLost, RedisError) as error:
            level = logging.INFO if isinstance(error, LeaseLost) else logging.ERROR
            logger.log(level, "%s is not committed: %s", capture.url, error)
            await self._worker.release(capture.lease)
            return
        except UNSENDABLE as error:
            await self._leave_links(capture, error)
            return
        self._worker.settled(capture.lease)
        self._count(f"outcome/{outcome.value}")
        self._stats.inc_value("pdfspider/bytes", size)
        if outcome is Outcome.DOCUMENT and capture.sha256:
            for tell in self._worker.when_stored:
                tell(capture.sha256)

    async def _leave_links(self, capture: Capture, error: Exception) -> None:
        """What was found cannot be told to the frontier: it would fail whenever the URL is fetched."""
        logger.error("What was found at %s cannot be queued: %s", capture.url, error)
        if not capture.links:
            await self._worker.release(capture.lease)
            return
        capture.links, capture.reason = [], f"its links cannot be queued: {error}"
        if not capture.sha256:
            capture.outcome = Outcome.INTERNAL_ERROR
        await self._record(capture)

    def _count(self, stat: str) -> None:
        self._stats.inc_value(f"pdfspider/{stat}")
