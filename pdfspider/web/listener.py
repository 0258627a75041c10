"""The sockets of HTTP servers: limits on connections and on the time that a client takes."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.tasks import end
from pdfspider.uvloop_errors import is_closed_handle

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

logger = logging.getLogger(__name__)

SILENT_LOGGER = logging.Logger("requests", logging.CRITICAL + 1)
"""A logger for requests that logs none; one of ``getLogger`` would be enabled again when Scrapy configures logging."""
BODY_ERRORS = (web.RequestPayloadError, HttpProcessingError, ConnectionError)
"""Errors of a body that is incomplete, or not encoded as its headers say."""
ACCEPT_PAUSE_S = 1.0
"""Seconds until connections are accepted again when the system has no file descriptors left."""
LOG_INTERVAL_S = 60.0
"""Seconds between two log messages about connections that are refused, because strangers may come and go quickly."""


class ServerLimits(NamedTuple):
    """The limits of a server; 0 means no limit."""

    connections: int
    per_address: int
    timeout: float
    """Seconds for a TLS handshake, headers, a body, the next request, and for a client that reads nothing."""


class Connection(web.RequestHandler):
    """One client's connection, which is aborted if the client reads nothing for the time limit."""

    decompresses: ClassVar[bool] = True
    """Whether bodies of requests come without their Content-Encoding."""

    def __init__(self, server: web.Server, timeout: float, closed: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        forever = 0  # as aiohttp has it
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=timeout or forever,
            lingering_time=min(timeout or 10, 10),
            access_log=SILENT_LOGGER,
            auto_decompress=self.decompresses,
        )
        self._timeout, self._closed = timeout, closed
        self._stuck: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note that the connection has ended."""
        self._move_on()
        self._closed()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the time limit for a client that does not read."""
        super().pause_writing()
        if self._timeout and self.transport:
            self._stuck = asyncio.get_running_loop().call_later(self._timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time limit."""
        self._move_on()
        super().resume_writing()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an error unless the client caused it."""
        error = kw.get("exc_info")
        if not (isinstance(error, BODY_ERRORS) or is_closed_handle(error)):
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that is not HTTP with 400, and log an error of this server."""
        if exc and not isinstance(exc, BODY_ERRORS):
            logger.error("A request to %s could not be answered", request.path, exc_info=exc)
            message = None
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun")
        response = self.refusal(status, (message or HTTPStatus(status).description).splitlines()[0])
        response.force_close()
        return response

    def refusal(self, status: int, reason: str) -> web.Response:
        """Return the response to a request that is not HTTP."""
        return web.Response(status=status, text=f"{reason}\n")

    def _move_on(self) -> None:
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None


class Listener:
    """Accepts connections of a kind for a server, and closes those above a limit at once."""

    def __init__(
        self,
        server: web.Server | None,
        limits: ServerLimits,
        tls: ssl.SSLContext | None = None,
        kind: type[Connection] = Connection,
    ) -> None:
        assert server is not None, "the runner is set up"
        self._server, self._limits, self._tls, self._kind = server, limits, tls, kind
        self._open: dict[object, str] = {}
        self._addresses: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: list[socket.socket] = []
        self._full = ConditionLogger(
            "HTTP refuses connections above its limits", "HTTP accepts all connections again", every=LOG_INTERVAL_S
        )
        self._exhausted = ConditionLogger(
            "HTTP cannot accept connections", "HTTP accepts connections again", every=LOG_INTERVAL_S
        )

    async def start(self, host: str, port: int) -> None:
        """Listen on every address of the host.

        Raises OSError.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            listening = socket.create_server(address[:2], family=family, backlog=512)
            listening.setblocking(False)
            self._sockets.append(listening)
        for listening in self._sockets:
            self._start(self._accept(listening))

    async def close(self) -> None:
        """Stop listening."""
        await end(self._tasks)
        for listening in self._sockets:
            listening.close()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except OSError as error:
                self._exhausted.begin(error)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            self._exhausted.end()
            if self._has_room(address[0]):
                self._start(self._connect(client, address[0]))
            else:
                self._full.begin(f"{len(self._open)} are open, {self._addresses[address[0]]} from {address[0]}")
                client.close()

    def _has_room(self, address: str) -> bool:
        connections, per_address, _ = self._limits
        full = connections and len(self._open) >= connections
        return not (full or (per_address and self._addresses[address] >= per_address))

    async def _connect(self, client: socket.socket, address: str) -> None:
        """Hand a connection to aiohttp, after the handshake if there is TLS."""
        token = object()
        self._open[token] = address
        self._addresses[address] += 1
        closed = partial(self._release, token)
        timeout = (self._limits.timeout or None) if self._tls else None
        connect = asyncio.get_running_loop().connect_accepted_socket
        try:
            await connect(self._connection(closed), client, ssl=self._tls, ssl_handshake_timeout=timeout)
        except OSError:  # the handshake failed
            closed()
            client.close()
        except BaseException:
            closed()
            client.close()
            raise

    def _connection(self, closed: Callable[[], None]) -> Callable[[], Connection]:
        return partial(self._kind, self._server, self._limits.timeout, closed)

    def _release(self, token: object) -> None:
        with suppress(KeyError):
            address = self._open.pop(token)
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
            self._full.end()
