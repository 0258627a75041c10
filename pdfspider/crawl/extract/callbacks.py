"""Call the callbacks and errbacks of requests, and complete what they yield to the capture of the visit."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, cast

from scrapy import Request, signals
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError, HttpErrorMiddleware
from scrapy.utils.misc import arg_to_iter
from twisted.python.failure import Failure

from pdfspider.crawl.extract.captures import Released
from pdfspider.crawl.extract.own_requests import OwnRequests
from pdfspider.crawl.fetch.downloader_stats import is_heard
from pdfspider.crawl.policy.retries import retry_delay
from pdfspider.crawl.visit import visit_of
from pdfspider.items import Capture, Outcome
from pdfspider.tasks import EXIT_EXCEPTIONS, as_failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from scrapy.crawler import Crawler

    from pdfspider.config import Config


READ_BY_CALLBACKS = (Outcome.PAGE, Outcome.OTHER, Outcome.EMPTY)
"""Outcomes of visits that were in vain where the callback has failed."""


@dataclass(slots=True)
class CallbackOutput:
    """The output of a callback, and the failure that ended it."""

    items: list[Any] = field(default_factory=list)
    failure: Failure | None = None

    async def replay(self) -> AsyncIterator[Any]:
        """Yield it again, and raise its failure."""
        for item in self.items:
            yield item
        if self.failure:
            self.failure.raiseException()


class Callbacks:
    """The callbacks of one worker's spider."""

    def __init__(self, crawler: Crawler, config: Config, missing: Callable[[Request], Capture | None]) -> None:
        """``missing`` returns the capture of a visit for which a callback that failed has yielded none."""
        self._crawler, self._config, self._missing = crawler, config, missing
        spider: Any = crawler.spider
        self._spider, self._parse, self._failed = spider, spider.parse, spider.failed
        self._statuses = HttpErrorMiddleware.from_crawler(crawler)
        self._requests = OwnRequests(spider, config, crawler.stats, self._drop)

    async def call(self, result: Response | Failure, request: Request) -> CallbackOutput:
        """Return what the callback, or the errback, makes of a result, with a capture if that makes none."""
        if isinstance(result, Response):
            return await self._on_response(result)
        return await self._on_failure(result, request)

    async def _on_response(self, response: Response) -> CallbackOutput:
        """Call ``parse`` with any response, another callback with those that Scrapy hands to callbacks."""
        request: Any = response.request
        if request.callback != self._parse:
            try:
                self._statuses.process_spider_input(response)
            except HttpError:
                return await self._on_failure(Failure(), request)
        output = await collect(lambda: request.callback(response, **request.cb_kwargs))
        if not any(map(_ends_visit, output.items)):
            output.items.extend(self._complete(output.failure, response, request))
        return output

    def _complete(self, failure: Failure | None, response: Response, request: Request) -> Iterable[Any]:
        """Return what ends a visit for which a callback has yielded no capture.

        The bug of a callback costs no document. One that closes the spider has not done its part: the lease goes back.
        """
        if failure is None:
            return cast("Iterable[Any]", self._spider.default(response))
        if isinstance(failure.value, CloseSpider):
            return [Released(visit_of(request).lease, self._config.retry_delay)]
        (capture,) = self._spider.default(response)
        if capture.outcome in READ_BY_CALLBACKS:
            capture.outcome, capture.links = Outcome.INTERNAL_ERROR, []
        name = getattr(request.callback, "__name__", "its callback")
        capture.reason = f"{name}() raised {type(failure.value).__name__}: {failure.value}"
        return [capture]

    async def _on_failure(self, failure: Failure, request: Request) -> CallbackOutput:
        """Call the errback of a failure, one of the spider's own only if the failure is final."""
        failed: Any = failure
        failed.request = request
        output = await collect(lambda: self._failed(failure))
        errback: Any = request.errback
        if errback == self._failed or not (output.items and self._is_final(output.items[0])):
            return output
        own = await collect(lambda: errback(failure))
        if not any(map(_ends_visit, own.items)):
            own.items += output.items
        return own

    def _is_final(self, item: Any) -> bool:
        return (
            isinstance(item, Capture)
            and item.outcome is not Outcome.REDIRECT
            and retry_delay(self._config, item) is None
        )

    def take_apart(self, output: CallbackOutput, request: Request) -> list[Any]:
        """Return the items of an output; its requests become links of the capture."""
        if all(map(_ends_visit, output.items)) and not self._requests.has_domains:
            return output.items
        items = [item for item in output.items if not isinstance(item, Request | None)]
        capture = next((item for item in items if isinstance(item, Capture)), None)
        if capture is None and output.failure and (capture := self._missing(request)):
            items.append(capture)
        if capture is not None:
            self._requests.leave_offsite(capture)
            self._requests.add(capture, [item for item in output.items if isinstance(item, Request)])
            self._requests.add_files(capture, [item for item in items if not _ends_visit(item)])
        return items

    def _drop(self, request: Request) -> None:
        if is_heard(signals.request_dropped):
            self._crawler.signals.send_catch_log(signals.request_dropped, request=request, spider=self._spider)


async def collect(call: Any) -> CallbackOutput:
    """Return what a callback yields or returns, in any of the ways that Scrapy takes."""
    output = CallbackOutput()
    try:
        given = call()
        if hasattr(given, "__aiter__"):
            async for item in given:
                output.items.append(item)
        else:
            for item in _iterable(await given if isawaitable(given) else given):
                output.items.append(item)
    except EXIT_EXCEPTIONS as error:
        output.failure = Failure(as_failure(error))
    except Exception:
        output.failure = Failure()
    return output


def _iterable(given: Any) -> Iterable[Any]:
    iterable: Iterable[Any] = given if hasattr(given, "__next__") else arg_to_iter(given)
    return iterable


def _ends_visit(item: Any) -> bool:
    return isinstance(item, Capture | Released)
