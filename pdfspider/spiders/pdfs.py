"""The spider ``pdfs``: every response and every failure becomes one Capture."""

from __future__ import annotations

from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any, Self, cast

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.settings import SETTINGS_PRIORITIES
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy_redis.spiders import RedisSpider
from scrapy_spider_metadata import Args

from pdfspider import settings as project_settings
from pdfspider.config import SPIDER_NAME
from pdfspider.crawl.engine import item_adapter, stock_parts
from pdfspider.crawl.engine.standalone import with_visit
from pdfspider.crawl.extract.stock_items import stock_output
from pdfspider.crawl.scrapy_internals import parameters_of
from pdfspider.crawl.visit import lease_of
from pdfspider.crawl.worker import Worker
from pdfspider.exceptions import ConfigurationError
from pdfspider.submission.params import Params
from pdfspider.submission.seeds import read_urls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

    from pdfspider.crawl.extract.captures import Released
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.items import Capture

item_adapter.register()

REACTOR_SETTINGS = {"TWISTED_REACTOR", "ASYNCIO_EVENT_LOOP"}
"""Settings that a script's process has used before it knows its spider."""
UNCALLED_METHODS = {
    "start_requests": "use start(), an asynchronous generator",
    "make_request_from_data": "start URLs in Redis are JSON or plain URLs",
    "next_requests": "the worker claims start URLs by itself",
    "schedule_next_requests": "the worker claims start URLs by itself",
}
SETTINGS_BY_ATTRIBUTE = {
    "user_agent": "USER_AGENT",
    "download_timeout": "DOWNLOAD_TIMEOUT",
    "download_maxsize": "DOWNLOAD_MAXSIZE",
    "download_warnsize": "DOWNLOAD_WARNSIZE",
}
"""What Scrapy's middlewares and handlers, which are off here, read from a spider."""
ANY_ARGUMENTS = {"self", "args", "kwargs", "name"}


class PdfSpider(Args[Params], RedisSpider):  # type: ignore[misc]
    """Collects PDFs.

    Links travel inside the Capture, never as requests, because the frontier takes them all in one call.
    """

    name = SPIDER_NAME
    args: Params

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Put the project's settings under those of a script that runs the spider without the project."""
        if settings.getpriority("SCHEDULER") == SETTINGS_PRIORITIES["default"]:
            for name in set(filter(str.isupper, dir(project_settings))) - REACTOR_SETTINGS:
                settings.set(name, getattr(project_settings, name), priority="default")
        super().update_settings(settings)
        if stock_parts.are_used(settings):
            stock_parts.put_in(settings)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Return the spider, after its attributes that mean a setting have become that setting.

        Raises ConfigurationError for an argument that this class does not know, and for a subclass that does not call
        its base.
        """
        if cls is PdfSpider:
            _check_arguments(cls, kwargs)
        spider = cast("Self", super().from_crawler(crawler, *args, **kwargs))
        if not hasattr(spider, "args"):
            raise ConfigurationError(f"{cls.__qualname__}.__init__() must call super().__init__(*args, **kwargs)")
        if not crawler.settings.frozen:
            _take_attributes(crawler.settings, spider)
            _keep_handlers(crawler.settings)
        return spider

    @classmethod
    def arguments(cls) -> list[str]:
        """Return the names of the arguments that the spider takes (``-a NAME=VALUE``)."""
        model = parameters_of(cls, Args)
        own = [name for name in signature(cls.__init__).parameters if name not in ANY_ARGUMENTS]
        attributes = [name for name in vars(cls) if not name.startswith("_") and not callable(getattr(cls, name))]
        return list(dict.fromkeys([*model.model_fields, *own, *(attributes if cls is not PdfSpider else [])]))

    def setup_redis(self, crawler: Crawler | None = None) -> None:
        """Do nothing, because the worker claims start URLs; on scrapy-redis's scheduler, poll them when idle."""
        polls = str(self.settings["SCHEDULER"]).startswith("scrapy_redis.")
        if polls and not (self.start_urls or self.args.names_urls):
            super().setup_redis(crawler)

    async def start(self) -> AsyncIterator[Any]:
        """Yield a request for each of ``start_urls``; a worker that is given ``urls`` does not ask for them."""
        given = read_urls(self.args) if self._is_stock else []
        if self._is_stock:
            stock_parts.say_what_is_lost(self.settings, self.args)
        for url in given or self.start_urls:
            yield Request(url, dont_filter=True)

    def has_start(self) -> bool:
        """Return whether the spider itself knows where to begin."""
        return bool(self.start_urls) or type(self).start is not PdfSpider.start

    def find_ignored(self) -> Iterator[str]:
        """Yield a line for each method of a subclass that would never be called."""
        for name, advice in UNCALLED_METHODS.items():
            if getattr(type(self), name, None) is not getattr(PdfSpider, name, None):
                yield f"{type(self).__name__}.{name}() is never called here: {advice}"

    def parse(self, response: StagedResponse, **kwargs: Any) -> Iterator[Capture]:
        """Yield the capture of a response, which may have come from elsewhere than a crawl."""
        if self._is_stock:
            yield from stock_output(self._worker.config, self.args, response)
            return
        if lease_of(response.request) is None:
            with_visit(self._worker, response)
        yield self._worker.captures.of_response(response)

    @cached_property
    def _worker(self) -> Worker:
        return Worker.of(self._own_crawler())

    @cached_property
    def _is_stock(self) -> bool:
        return stock_parts.are_used(self._own_crawler().settings)

    def _own_crawler(self) -> Crawler:
        """Return the crawler, which a spider has not that was made by its class alone."""
        if getattr(self, "crawler", None) is None:
            self.crawler = Crawler(type(self))
        return self.crawler

    def parse_document(self, response: StagedResponse, item: dict[str, Any] | None = None) -> Iterator[Capture]:
        """Yield the capture of a response to a URL that an item of a subclass named, with that item."""
        for capture in PdfSpider.parse(self, response):
            if item:
                capture.extra["item"] = item
            yield capture

    def failed(self, failure: Failure) -> Iterator[Capture | Released]:
        """Yield the capture of a failure, or the release of its lease."""
        worker, error = self._worker, failure.value
        if isinstance(error, HttpError):
            yield worker.captures.of_response(cast("StagedResponse", error.response))
        else:
            yield worker.captures.of_failure(failure)

    def default(self, response: StagedResponse) -> Iterator[Capture]:
        """Yield the capture of a response for which a callback yielded none: links of its page are not followed."""
        yield self._worker.captures.of_response_alone(response)


def _check_arguments(spider: type[PdfSpider], names: Iterable[str]) -> None:
    """Raise ConfigurationError for arguments that nobody reads."""
    known = spider.arguments()
    unknown = sorted(name for name in names if name not in known and name != "name" and not name.startswith("_"))
    if unknown:
        raise ConfigurationError(f"no such argument: {', '.join(unknown)} (known: {', '.join(known)})")


def _take_attributes(settings: BaseSettings, spider: PdfSpider) -> None:
    for attribute, setting in SETTINGS_BY_ATTRIBUTE.items():
        if (value := getattr(spider, attribute, None)) is not None:
            settings.set(setting, value, priority="spider")


def _keep_handlers(settings: BaseSettings) -> None:
    """Keep the download handlers from Scrapy, which puts in others where there is no reactor."""
    if settings.getbool("TWISTED_REACTOR_ENABLED") or stock_parts.are_used(settings):
        return
    priority = max(settings.getpriority("DOWNLOAD_HANDLERS") or 0, SETTINGS_PRIORITIES["spider"])
    settings.set("DOWNLOAD_HANDLERS", settings.getwithbase("DOWNLOAD_HANDLERS").copy_to_dict(), priority)
