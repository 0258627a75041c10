"""ZeroMQ: requests with answers, messages without, and results for subscribers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import zmq
import zmq.auth
from redis.exceptions import RedisError
from zmq.auth.asyncio import AsyncioAuthenticator

from pdfspider.blocking_calls import BlockingCalls
from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import Delivery, Transport, TransportError
from pdfspider.gateway.queries.replay import Replay
from pdfspider.gateway.transports.zeromq.async_socket import AsyncSocket
from pdfspider.gateway.transports.zeromq.requests import Requests, one_expected
from pdfspider.tasks import end_with
from pdfspider.web.loopback import is_loopback

if TYPE_CHECKING:
    from pdfspider.gateway.base import Event, Options, Receipt, Result
    from pdfspider.gateway.service import GatewayService
    from pdfspider.submission.rejected import Rejected

DEFAULT_PORT = 5570
MIN_TIMEOUT_MS = 10_000
"""Milliseconds after which a client that does not answer a heartbeat is given up."""
MAX_REJECTED = 10_000
LINGER_MS = 1000
"""Milliseconds for which the last answers and results are still sent at the end."""


@dataclass(slots=True, kw_only=True)
class PushedDelivery(Delivery):
    """A pushed message, which nobody can answer: ZeroMQ forgets it when it delivers it."""

    transport: ZeroMqTransport
    frames: list[bytes]
    """The frames of a message that has several."""

    def metadata(self) -> dict[str, Any]:
        return {"frames": self.frames} if self.frames else {}

    async def ack(self, receipt: Receipt) -> None:
        pass

    async def reject(self, reason: str) -> None:
        await self.transport.set_aside(self.rejected(reason))


class ZeroMqTransport(Transport):
    """Listens on ``zmq://HOST:PORT``: a ROUTER there, a PULL and a PUB on the next two ports.

    ``push`` and ``results`` choose other ports. Each request is answered in JSON; ``requests.py`` lists them. Results
    are published with the job as their topic. With ``events=yes`` documents are published when they are found, with the
    topic ``JOB document``. With ``secret``, the file of a CURVE key, only clients with a public key in the directory
    ``clients`` are admitted. Without it, only loopback addresses are allowed.
    """

    listens = True
    options: ClassVar[Options] = {
        "push": "",
        "results": "",
        "rejects": "pdf_tasks:rejected",
        "events": ("no", "yes"),
        "secret": "",
        "clients": "",
    }

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        if not (self.address.options["secret"] or is_loopback(self.address.host)):
            raise ConfigurationError(
                f"CURVE is needed to listen on {self.address.host}: ?secret=FILE&clients=DIRECTORY"
            )
        self._replay = Replay(service, self.name)
        self._requests = Requests(service, self.name, self._replay)
        self._context = zmq.Context()
        self._authenticator: AsyncioAuthenticator | None = None
        self._sockets: list[AsyncSocket] = []

    async def listen(self) -> None:
        curve = self._curve()
        port = self.address.port or DEFAULT_PORT
        options = self.address.options
        ports = port, int(options["push"] or port + 1), int(options["results"] or port + 2)
        for kind, number in zip((zmq.ROUTER, zmq.PULL, zmq.PUB), ports, strict=True):
            self._sockets.append(AsyncSocket(self._bind(kind, number, curve)))

    async def serve(self) -> None:
        requests, pushed, _ = self._sockets
        await end_with(self._pull(pushed), self._requests.serve(requests))

    async def publish(self, result: Result) -> None:
        """Keep the result, so that masters can ask for it, and send it to present subscribers."""
        await self._replay.keep(result)
        self._sockets[-1].send([result.job.encode(), result.body])

    @property
    def tells(self) -> bool:
        return self.address.options["events"] == "yes"

    async def tell(self, event: Event) -> None:
        self._sockets[-1].send([f"{event.job} document".encode(), event.body])

    async def set_aside(self, rejected: Rejected) -> None:
        """Keep an invalid pushed message in the list ``rejects``, which holds the newest ones.

        Raises TransportError.
        """
        name, redis = self.address.options["rejects"], self.service.frontier.redis
        try:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.lpush(name, rejected.dump())
                pipe.ltrim(name, 0, MAX_REJECTED - 1)
                await pipe.execute()
        except RedisError as error:
            raise TransportError(str(error)) from error

    async def close(self) -> None:
        await self._requests.close()
        if self._authenticator:
            self._authenticator.stop()
        for socket in self._sockets:
            socket.close()
        await BlockingCalls("zeromq-term")(self._context.term)  # it waits for what is still to be sent

    async def _pull(self, socket: AsyncSocket) -> None:
        while True:
            frames = await socket.receive()
            said = frames[1:] if len(frames) > 1 and not frames[0] else frames  # a DEALER's delimiter
            several = said if len(said) > 1 else []
            delivery = PushedDelivery(body=said[-1], transport=self, frames=several, invalid=one_expected(said))
            await self.service.accept(self.name, delivery)

    def _bind(self, kind: int, port: int, curve: tuple[bytes, bytes] | None) -> zmq.Socket[bytes]:
        gateway = self.service.config.gateway
        socket = self._context.socket(kind)
        socket.linger = LINGER_MS
        keep_alive, timeout = (int(seconds * 1000) for seconds in (gateway.keep_alive, gateway.client_timeout))
        if keep_alive:
            socket.heartbeat_ivl, socket.heartbeat_timeout = keep_alive, max(2 * keep_alive, MIN_TIMEOUT_MS)
        socket.handshake_ivl = timeout
        socket.maxmsgsize = self.service.config.gateway.message_size or -1
        if kind == zmq.ROUTER:  # as many answers as may be open at a time wait for a slow reader
            socket.sndhwm = max(socket.sndhwm, self.service.config.gateway.unacknowledged)
        socket.ipv6 = ":" in self.address.host
        if curve:
            socket.curve_server = True
            socket.curve_publickey, socket.curve_secretkey = curve
        host = f"[{self.address.host}]" if socket.ipv6 else self.address.host
        try:
            socket.bind(f"tcp://{host}:{port}")
        except zmq.ZMQError as error:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error}") from error
        return socket

    def _curve(self) -> tuple[bytes, bytes] | None:
        """Return the public and the secret key of this side."""
        secret, clients = self.address.options["secret"], self.address.options["clients"]
        if not secret:
            return None
        try:
            public, private = zmq.auth.load_certificate(secret)
            if private is None:
                raise ConfigurationError(f"{secret} has no secret key")
            self._authenticator = AsyncioAuthenticator(self._context)
            self._authenticator.start()
            self._authenticator.configure_curve(domain="*", location=clients)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"zmq:// in GATEWAY_URLS needs ?secret=FILE&clients=DIRECTORY: {error}") from error
        return public, private
