"""Notify the destinations of ``NOTIFY_URLS`` of jobs that end or stall, and of alerts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from redis.exceptions import RedisError
from scrapy import signals
from scrapy.exceptions import NotConfigured

from pdfspider.crawl.worker import Worker

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from pdfspider.notifications.notifier import Notifier

logger = logging.getLogger(__name__)


class Notifications:
    """An extension that sends notifications while the worker runs, and the last ones before it closes."""

    def __init__(self, crawler: Crawler) -> None:
        self._worker = Worker.of(crawler)
        self._notifier: Notifier | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the extension.

        Raises NotConfigured without ``NOTIFY_URLS``.
        """
        if not Worker.of(crawler).config.notifications.urls:
            raise NotConfigured
        notifications = cls(crawler)
        crawler.signals.connect(notifications.open, signals.spider_opened)
        return notifications

    async def open(self) -> None:
        """Begin to send."""
        from pdfspider.notifications.notifier import Notifier

        if not hasattr(self._worker, "frontier"):  # another scheduler is at work, or the worker was refused
            return
        config = self._worker.config
        self._notifier = Notifier(config.notifications, self._worker.frontier, config.concurrency)
        self._worker.before_close.append(self._notifier.close)
        try:
            await self._notifier.open()
        except RedisError as error:
            logger.error("No notifications are sent: %s", error)
