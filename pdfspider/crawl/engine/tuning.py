"""Make a worker process faster without changing its behaviour; docs/why/speed.md has the measurements."""

from __future__ import annotations

import ctypes
import gc
import logging
import pprint
from contextlib import suppress
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
    """Scrapy's stats without its check for callers of an old interface at every attribute."""

    __getattribute__ = object.__getattribute__

    def inc_value(self, key: str, count: int = 1, start: int = 0, spider: Any = None) -> None:
        """Add to a value."""
        self._stats[key] = self._stats.get(key, start) + count


class Formatter(LogFormatter):
    """Scrapy's log messages without secrets; those at debug level are made only if they are logged."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Formatter:
        """Return the formatter, and remove secrets from the log of settings."""
        logger = logging.getLogger("scrapy.crawler")
        for each in [each for each in logger.filters if isinstance(each, HiddenSecrets)]:
            logger.removeFilter(each)
        logger.addFilter(HiddenSecrets(crawler.settings))
        return cls()

    def crawled(self, *args: Any, **kwargs: Any) -> Any:
        """Return Scrapy's message if it is logged."""
        return super().crawled(*args, **kwargs) if logging.root.isEnabledFor(logging.DEBUG) else None

    def dropped(self, item: Any, exception: BaseException, response: Any, spider: Spider) -> Any:
        """Return Scrapy's message, with the URL of a capture instead of the capture."""
        return super().dropped(_shown(item), exception, response, spider)

    def item_error(self, item: Any, exception: BaseException, response: Any, spider: Spider) -> Any:
        """Return Scrapy's message, with the URL of a capture instead of the capture."""
        return super().item_error(_shown(item), exception, response, spider)


def _shown(item: Any) -> Any:
    return item.url if isinstance(item, Capture) else item


class HiddenSecrets(logging.Filter):
    """Removes secrets from the settings that Scrapy logs."""

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__()
        self._settings = settings

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the settings in Scrapy's message."""
        if str(record.msg).startswith("Overridden settings"):
            shown = masked_settings(dict(overridden_settings(self._settings)))
            record.args = {"settings": pprint.pformat(shown)}
        return True


GC_THRESHOLD = 200_000
"""Objects; more than everything that is loaded consists of."""


def load_undisturbed() -> None:
    """Disable garbage collection while modules are loaded, because they stay loaded."""
    gc.set_threshold(GC_THRESHOLD, 50, 100)


def collect_rarely() -> None:
    """Collect garbage rarely; call this once everything is loaded.

    Requests and responses are cycles, but small ones.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


LARGE_BLOCK = 1024 * 1024
"""Bytes from which on a block of memory is returned to the system as soon as it is free."""
M_MMAP_THRESHOLD, M_ARENA_MAX, MAX_ARENAS = -3, -8, 2


def return_memory() -> None:
    """Have the C library return large blocks, and keep few arenas for threads, where it is glibc.

    By itself it takes blocks as large as a page for small ones after the first, and keeps them in each thread's arena.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(M_ARENA_MAX, MAX_ARENAS)


def settle_down(settings: BaseSettings) -> None:
    """Apply all of this; call it once everything is loaded."""
    return_memory()
    # Scrapy filters in the handler: three records for each response would be made only to be thrown away.
    logging.root.setLevel(settings.get("LOG_LEVEL", "NOTSET"))
    collect_rarely()
