"""Send Scrapy's ``headers_received`` and ``bytes_received``, if somebody listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import StopDownload
from scrapy.http import Headers
from twisted.python.failure import Failure

from pdfspider.crawl.fetch.downloader_stats import is_heard
from pdfspider.crawl.fetch.errors import DownloadStopped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.crawl.fetch.bodies.body_stream import Chunks


class DownloadSignals:
    """The signals of one worker's downloads, which a listener may stop by StopDownload."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    def headers(self, request: Request, received: Mapping[str, str]) -> DownloadStopped | None:
        """Send ``headers_received``, and return the error if a listener stops the download."""
        if not is_heard(signals.headers_received):
            return None
        length = received.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdigit() else None
        return self._send(signals.headers_received, request, headers=Headers(list(received.items())), body_length=size)

    def chunks(self, request: Request, chunks: Chunks, stopped: DownloadStopped | None) -> Chunks:
        """Return the chunks of a body; listeners get a signal for each."""
        if stopped or is_heard(signals.bytes_received):
            return SignalledChunks(self, request, chunks, stopped)
        return chunks

    def bytes(self, request: Request, data: bytes) -> DownloadStopped | None:
        """Send ``bytes_received``, and return the error if a listener stops the download."""
        return self._send(signals.bytes_received, request, data=data)

    def _send(self, signal: object, request: Request, **named: Any) -> DownloadStopped | None:
        send, spider = self._crawler.signals.send_catch_log, self._crawler.spider
        answers = send(signal, request=request, spider=spider, dont_log=StopDownload, **named)
        errors = [answer.value for _, answer in answers if isinstance(answer, Failure)]
        stops = [error.fail for error in errors if isinstance(error, StopDownload)]
        return DownloadStopped(fail=any(stops)) if stops else None


class SignalledChunks:
    """The chunks of a body, with a signal for each; they end with DownloadStopped if a listener stops the download."""

    def __init__(
        self, told: DownloadSignals, request: Request, chunks: Chunks, stopped: DownloadStopped | None
    ) -> None:
        self._told, self._request, self._chunks, self._stopped = told, request, chunks, stopped

    @property
    def received(self) -> int:
        """The number of bytes that were received for the body."""
        return self._chunks.received

    async def next(self) -> bytes:
        """Return the next chunk. Raises DownloadStopped."""
        if self._stopped:
            raise self._stopped
        chunk = await self._chunks.next()
        if chunk:
            self._stopped = self._told.bytes(self._request, chunk)
        return chunk
