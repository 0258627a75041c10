"""Measure how long the event loop was blocked."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

from scrapy import signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.crawler import Crawler

CHECK_INTERVAL_S = 0.02
"""Seconds between two looks: a stall is seen to that precision."""
LONGEST_STALL_STAT = "pdfspider/loop/longest_stall"


class LoopLag:
    """Measures how late it is called, which takes some microseconds each time."""

    def __init__(self, crawler: Crawler) -> None:
        self._stats = crawler.stats
        self._longest = 0.0
        self.tell: Callable[[float], None] | None = None
        """Called with each delay in seconds."""
        self._due = 0.0
        self._next: asyncio.TimerHandle | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the extension."""
        loop_lag = cls(crawler)
        crawler.signals.connect(loop_lag.start, signals.engine_started)
        crawler.signals.connect(loop_lag.stop, signals.spider_closed)
        return loop_lag

    def start(self) -> None:
        """Start measuring."""
        self._due = time.monotonic() + CHECK_INTERVAL_S
        self._next = asyncio.get_running_loop().call_later(CHECK_INTERVAL_S, self._look)

    def stop(self) -> None:
        """Stop measuring."""
        if self._next is not None:
            self._next.cancel()

    def _look(self) -> None:
        late = time.monotonic() - self._due
        if self.tell:
            self.tell(late)
        if late > self._longest:
            self._longest = late
            self._stats.set_value(LONGEST_STALL_STAT, round(late, 4))
        self.start()
