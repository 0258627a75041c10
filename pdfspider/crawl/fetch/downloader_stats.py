"""The statistics of Scrapy's DownloaderStats and the signals of its downloader, for as little as they may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydispatch import dispatcher
from scrapy import signals
from scrapy.utils.python import global_object_name

from pdfspider.crawl.fetch.responses import StagedResponse

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response


def is_heard(signal: object) -> bool:
    """Return whether anybody listens, to whatever crawler: who it is costs four times as much to find out."""
    for by_signal in dispatcher.connections.values():  # any() with a generator costs twice as much
        if signal in by_signal or dispatcher.Any in by_signal:
            break
    else:
        return False
    return True


class DownloaderStats:
    """Counts requests, responses and failures by Scrapy's names; a redirect that was followed in place is both."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._is_on = crawler.settings.getbool("DOWNLOADER_STATS")
        self._stats: Any = crawler.stats

    def note_request(self, request: Request) -> None:
        """Count a request that is about to be sent."""
        if is_heard(signals.request_reached_downloader):
            self._send(signals.request_reached_downloader, request=request)
        if self._is_on:
            self._stats.inc_value("downloader/request_count")
            self._stats.inc_value(f"downloader/request_method_count/{request.method}")

    def note_response(self, request: Request, response: Response) -> None:
        """Count a response; its bytes are those of its body, decoded."""
        if self._is_on:
            inc = self._stats.inc_value
            for hop in getattr(response, "hops", ()):
                inc("downloader/request_count")
                inc(f"downloader/request_method_count/{request.method}")
                inc("downloader/response_count")
                inc(f"downloader/response_status_count/{hop.status}")
            inc("downloader/response_count")
            inc(f"downloader/response_status_count/{response.status}")
            size = response.body_size if isinstance(response, StagedResponse) else len(response.body)
            inc("downloader/response_bytes", getattr(response, "size", None) or size)
        if is_heard(signals.response_downloaded):
            self._send(signals.response_downloaded, response=response, request=request)

    def note_failure(self, error: Exception) -> None:
        """Count a request without a response."""
        if self._is_on:
            self._stats.inc_value("downloader/exception_count")
            self._stats.inc_value(f"downloader/exception_type_count/{global_object_name(type(error))}")

    def note_end(self, request: Request) -> None:
        """Send the signal that a request has left the downloader."""
        if is_heard(signals.request_left_downloader):
            self._send(signals.request_left_downloader, request=request)

    def _send(self, signal: object, **named: Any) -> None:
        self._crawler.signals.send_catch_log(signal, spider=self._crawler.spider, **named)
