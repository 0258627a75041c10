"""Send Scrapy's ``headers_received`` and ``bytes_received``, if somebody listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import StopDownload
from scrapy.http import Headers
from twisted.python.failure import Failure

from pdfspider.crawl.fetch.downloader_stats import is_heard
from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.crawl.fetch.bodies.body_stream import Chunks


class DownloadSignals:
    """The signals of one worker's downloads; a listener that raises StopDownload ends the URL as ``other``."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    def headers(self, request: Request, received: Mapping[str, str]) -> None:
        """Tell that the head of a response has come. Raises FetchError."""
        if is_heard(signals.headers_received):
            length = received.get("Content-Length", "")
            size = int(length) if length.isascii() and length.isdigit() else None
            self._send(signals.headers_received, request, headers=Headers(list(received.items())), body_length=size)

    def chunks(self, request: Request, chunks: Chunks) -> Chunks:
        """Return the chunks of a body, each of which is told when it comes."""
        return HeardChunks(self, request, chunks) if is_heard(signals.bytes_received) else chunks

    def bytes(self, request: Request, data: bytes) -> None:
        """Tell that some bytes of a body have come. Raises FetchError."""
        self._send(signals.bytes_received, request, data=data)

    def _send(self, signal: object, request: Request, **named: Any) -> None:
        send, spider = self._crawler.signals.send_catch_log, self._crawler.spider
        answers = send(signal, request=request, spider=spider, dont_log=StopDownload, **named)
        if any(isinstance(answer, Failure) and isinstance(answer.value, StopDownload) for _, answer in answers):
            raise FetchError(Outcome.OTHER, "who listens to its download stopped it")


class HeardChunks:
    """The chunks of a body, with a signal for each."""

    def __init__(self, told: DownloadSignals, request: Request, chunks: Chunks) -> None:
        self._told, self._request, self._chunks = told, request, chunks

    @property
    def received(self) -> int:
        """The number of bytes that were received for the body."""
        return self._chunks.received

    async def next(self) -> bytes:
        """Return the next chunk."""
        chunk = await self._chunks.next()
        if chunk:
            self._told.bytes(self._request, chunk)
        return chunk
