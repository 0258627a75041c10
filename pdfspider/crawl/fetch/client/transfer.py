"""One request to libcurl and its response: the head as it came, and the body in chunks, with back-pressure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pycurl
from multidict import CIMultiDict, CIMultiDictProxy

from pdfspider.crawl.fetch.client.curl_errors import error_of_code
from pdfspider.crawl.fetch.errors import BodyStalled, FetchError
from pdfspider.exceptions import PdfSpiderError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdfspider.crawl.fetch.request_start import RequestStart

BUFFER_SIZE = 256 * 1024
"""Bytes of a body that wait to be read before libcurl stops receiving."""


class Transfer:
    """One transfer of libcurl, from the request to the end of the body.

    ``start`` is told when the request is sent and answered. ``release`` takes the handle back, and ends a transfer that
    has not ended. Status, headers and length are known once ``head`` has returned.
    """

    headers: CIMultiDictProxy[str]
    """The headers as they came; bytes that are not UTF-8 are surrogates."""
    length: int | None
    """The bytes of the body that were announced, as libcurl understands it; None if that is nowhere said."""

    def __init__(self, curl: Any, start: RequestStart, release: Callable[[], None]) -> None:
        self._curl, self._start = curl, start
        self._release: Callable[[], None] | None = release
        self._loop = asyncio.get_running_loop()
        self.status = 0
        self.received = 0
        """Bytes of the body that were read, before any content encoding is undone."""
        self._lines: list[bytes] = []
        self._chunks: list[bytes] = []
        self.waiting = 0
        """Bytes that have come and were not read."""
        self.is_paused = False
        self._has_head = self._has_ended = False
        self._error: PdfSpiderError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # What libcurl calls. An exception would be printed, and no more.

    def begin(self, address: str, *_: object) -> int:
        """Record the start of the request, which is about to be sent to an address, or refuse it."""
        try:
            self._start.begin(address)
        except PdfSpiderError as error:
            self._error = error
            return int(pycurl.PREREQFUNC_ABORT)
        self._timer = self._loop.call_later(self._start.timeouts.head, self._be_late)
        return int(pycurl.PREREQFUNC_OK)

    def take_line(self, line: bytes) -> None:
        """Take a line of the head; an interim response before it and trailers behind the body are left out."""
        if self._has_head:
            return
        if line.strip(b"\r\n"):
            self._lines.append(line)
        elif self._lines and _is_interim(self._lines[0]):
            self._lines.clear()
        else:
            self._end_head()
            self._wake()

    def take_chunk(self, chunk: bytes) -> int | None:
        """Take a part of the body, or have libcurl keep it and stop receiving where enough waits."""
        if self.waiting >= BUFFER_SIZE:
            self.is_paused = True
            return int(pycurl.WRITEFUNC_PAUSE)
        self.waiting += len(chunk)
        self._chunks.append(chunk)
        if self._waiter:
            self._wake()
        return None

    def end(self, code: int, message: str) -> None:
        """Take the end of the transfer, with libcurl's error if ``code`` is not 0."""
        self._has_ended = True
        self._stop_timer()
        if code and self._error is None:
            self._error = error_of_code(self._start, code, message, has_head=self._has_head)
        elif not (code or self._has_head):  # it broke off, and libcurl takes it as it is
            self._end_head()
        self._wake()

    # What readers call.

    async def head(self) -> None:
        """Wait for the head of the response.

        Raises FetchError, ReleaseRequested and StartAgain.
        """
        while not self._has_head:
            if self._error:
                raise self._error
            await self._wait()
        self.status = self._curl.getinfo(pycurl.RESPONSE_CODE)
        self.headers = CIMultiDictProxy(CIMultiDict(fields_of(self._lines)))
        length = self._curl.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T)
        self.length = None if length < 0 else length

    async def next(self) -> bytes:
        """Return what has come of the body, b"" at its end.

        Raises BodyBroken where it breaks off or stalls, after all bytes before that were returned.
        """
        while not self._chunks:
            if self._error:
                raise self._error
            if self._has_ended:
                return b""
            if self.is_paused:
                self.is_paused = False
                self._curl.pause(pycurl.PAUSE_CONT)
            else:
                await self._wait(self._start.timeouts.idle)
        came = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.waiting = 0
        self.received += len(came)
        return came

    @property
    def is_read(self) -> bool:
        """Return whether the body has ended, and all of it was read."""
        return self._has_ended and not self._chunks

    @property
    def is_measured(self) -> bool:
        """Return whether HTTP says where the body ends; otherwise it ends with the connection."""
        if self.length is not None or self._curl.getinfo(pycurl.INFO_HTTP_VERSION) > pycurl.CURL_HTTP_VERSION_1_1:
            return True
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def close(self) -> None:
        """End the transfer; where the body has not ended, this costs the connection."""
        self._has_ended = True
        self._stop_timer()
        if release := self._release:
            self._release = None
            release()

    async def _wait(self, patience: float | None = None) -> None:
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(patience, self._stall) if patience else None
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer:
                timer.cancel()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter and not waiter.done():
            waiter.set_result(None)

    def _stall(self) -> None:
        self._error = BodyStalled(f"no byte for {self._start.timeouts.idle:g} s")
        self._wake()

    def _be_late(self) -> None:
        reason = f"no whole head of an answer within {self._start.timeouts.head:g} s"
        self._error = FetchError(Outcome.TIMEOUT, reason)
        self._wake()

    def _end_head(self) -> None:
        self._has_head = True
        self._stop_timer()
        self._start.answered()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _is_interim(line: bytes) -> bool:
    """Return whether this is the status line of a response before the real one, as 103 Early Hints is."""
    words = line.split(None, 2)
    return len(words) > 1 and words[1].startswith(b"1")


def fields_of(lines: list[bytes]) -> list[tuple[str, str]]:
    """Return name and value of the header lines behind a status line."""
    fields: list[tuple[str, str]] = []
    for line in b"".join(lines[1:]).decode("utf-8", "surrogateescape").split("\n"):
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t") and fields:
            fields[-1] = fields[-1][0], f"{fields[-1][1]} {line.strip()}".strip()
        elif colon:
            fields.append((name.strip(), value.strip(" \t\r")))
    return fields
