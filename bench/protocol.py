"""HTTP/1.1 for the benchmark server, by hand."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.answers import Answer
    from bench.log import RequestLog

MAX_HEAD_BYTES = 1 << 16
REQUEST_LINE = re.compile(r"(GET|HEAD) (\S+) (HTTP/1\.[01])(?:\r\n|$)")


class HttpProtocol(asyncio.Protocol):
    """GET and HEAD, one request after the other on a connection that is kept open.

    ``answer_to`` gets the address, the target and the head of a request.
    """

    _transport: asyncio.Transport

    def __init__(self, answer_to: Callable[[str, str, str], Answer], log: RequestLog, address: str) -> None:
        self._answer_to = answer_to
        self._log = log
        self._address = address
        self._input = b""
        self._number: int | None = None
        self._paused = False
        self._close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        self._input += data
        if self._number is None:
            self._next_request()

    def _next_request(self) -> None:
        head, end, rest = self._input.partition(b"\r\n\r\n")
        if end:
            self._input = rest
            self._handle(head.decode("latin-1"))
        elif len(head) > MAX_HEAD_BYTES:
            self._transport.close()

    def _handle(self, head: str) -> None:
        received = time.monotonic()
        request = REQUEST_LINE.match(head)
        if not request:
            self._transport.close()
            return
        method, target, version = request.groups()
        answer = self._answer_to(self._address, target, head)
        self._close = answer.close or version == "HTTP/1.0" or "connection: close" in head.lower()
        self._number = self._log.received(received, self._address, method, target, answer.status)
        parts = [answer.head, *(answer.body if method == "GET" else ())]
        if answer.delay:
            asyncio.get_running_loop().call_later(answer.delay, self._send, parts)
        else:
            self._send(parts)

    def _send(self, parts: list[bytes | memoryview]) -> None:
        if self._transport.is_closing():
            return
        self._transport.writelines(parts)
        if not self._paused:
            self._sent()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._sent()

    def _sent(self) -> None:
        if self._number is None:
            return
        self._log.ended(self._number, sent=True)
        self._number = None
        if self._close:
            self._transport.close()
        elif self._input:
            self._next_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._number is not None:
            self._log.ended(self._number, sent=False)
            self._number = None
