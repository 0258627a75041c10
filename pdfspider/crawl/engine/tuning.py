"""What makes a worker process quick without changing what it does; figures in docs/why.md."""

from __future__ import annotations

import gc
import logging
import pprint
from typing import TYPE_CHECKING, Any

from scrapy.logformatter import LogFormatter
from scrapy.settings import overridden_settings
from scrapy.statscollectors import MemoryStatsCollector

from pdfspider.items import Capture
from pdfspider.masking import masked_settings

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings


class Stats(MemoryStatsCollector):
    """Scrapy's stats without its look-out for callers of an older interface at every attribute."""

    __getattribute__ = object.__getattribute__

    def inc_value(self, key: str, count: int = 1, start: int = 0, spider: Any = None) -> None:
        self._stats[key] = self._stats.get(key, start) + count


class Formatter(LogFormatter):
    """Scrapy's messages; those at debug level are only made where they are read, and none tells a secret."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Formatter:
        logger = logging.getLogger("scrapy.crawler")
        for each in [each for each in logger.filters if isinstance(each, HiddenSecrets)]:
            logger.removeFilter(each)
        logger.addFilter(HiddenSecrets(crawler.settings))
        return cls()

    def crawled(self, *args: Any, **kwargs: Any) -> Any:
        return super().crawled(*args, **kwargs) if logging.root.isEnabledFor(logging.DEBUG) else None

    def dropped(self, item: Any, exception: BaseException, response: Any, spider: Spider) -> Any:
        """Return Scrapy's message, with the URL of a capture in place of all of it."""
        return super().dropped(_shown(item), exception, response, spider)

    def item_error(self, item: Any, exception: BaseException, response: Any, spider: Spider) -> Any:
        """Return Scrapy's message, with the URL of a capture in place of all of it."""
        return super().item_error(_shown(item), exception, response, spider)


def _shown(item: Any) -> Any:
    return item.url if isinstance(item, Capture) else item


class HiddenSecrets(logging.Filter):
    """Has Scrapy print the settings without secrets."""

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__()
        self._settings = settings

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Overridden settings"):
            shown = masked_settings(dict(overridden_settings(self._settings)))
            record.args = {"settings": pprint.pformat(shown)}
        return True


LOADED = 200_000
"""Objects; more than everything that is loaded consists of."""


def load_undisturbed() -> None:
    """What is loaded stays: nothing is to be looked for in it."""
    gc.set_threshold(LOADED, 50, 100)


def collect_rarely() -> None:
    """To be called once everything is loaded. Requests and responses are cycles, but small ones."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def settle_down(settings: BaseSettings) -> None:
    """To be called once everything is loaded."""
    # Scrapy filters in the handler: three records for each response would be made only to be thrown away.
    logging.root.setLevel(settings.get("LOG_LEVEL", "NOTSET"))
    collect_rarely()
