"""ZeroMQ: requests with answers, messages without, and results to whoever listens."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zmq
import zmq.auth
from redis.exceptions import RedisError
from zmq.asyncio import Context
from zmq.auth.asyncio import AsyncioAuthenticator

from pdfspider.crawl.intake import letter
from pdfspider.ending import end
from pdfspider.exceptions import ConfigurationError, InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway.loopback import is_loopback
from pdfspider.gateway.redis import end_with
from pdfspider.gateway.replay import Replay
from pdfspider.gateway.transport import Delivery, Transport, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from zmq.asyncio import Socket

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Receipt, Result

    Answer: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

PORT = 5570
PATIENCE = 10.0
"""Seconds for which a request waits until there is room for its message."""
MOST_REJECTED = 10_000
REQUESTS = ("status", "result", "cancel")


@dataclass(slots=True, kw_only=True)
class RequestDelivery(Delivery):
    """What is rejected is not set aside, for the master has it."""

    answer: Answer

    async def ack(self, receipt: Receipt) -> None:
        await self.answer(
            {"job": receipt.job, "run": receipt.run, "result_id": receipt.result_id, "added": receipt.added}
        )

    async def reject(self, reason: str) -> None:
        await self.answer({"error": reason})


@dataclass(slots=True, kw_only=True)
class PushedDelivery(Delivery):
    """There is nobody to answer: ZeroMQ forgets a message when it hands it over."""

    transport: ZeroMqTransport

    async def ack(self, receipt: Receipt) -> None:
        pass

    async def reject(self, reason: str) -> None:
        await self.transport.set_aside(self.body, reason)


class ZeroMqTransport(Transport):
    """``zmq://HOST:PORT`` to listen on: a ROUTER there, a PULL on ``push``, a PUB on ``results`` (the next two ports).

    A request is a message, or ``{"request": "status" | "result" | "cancel", "job": …}``, or ``{"request": "result",
    "id": …}``; each is answered in JSON, by an object with ``error`` where it makes no sense. Results are published
    with the job as their topic. With ``secret``, the file of a CURVE key, only clients are let in whose public keys
    are in the directory ``clients``; without, only loopback addresses may be listened on.
    """

    options = {"push": "", "results": "", "rejects": "pdf_tasks:rejected", "secret": "", "clients": ""}  # noqa: RUF012

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        if not (self.address.options["secret"] or is_loopback(self.address.host)):
            raise ConfigurationError(
                f"to listen on {self.address.host} CURVE is needed: ?secret=FILE&clients=DIRECTORY"
            )
        self._replay = Replay(desk, self.name)
        self._context = Context()
        self._authenticator: AsyncioAuthenticator | None = None
        self._results: Socket | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(desk.config.gateway.unacknowledged)

    async def serve(self) -> None:
        curve = self._curve()
        port = self.address.port or PORT
        requests = self._listen(zmq.ROUTER, port, curve)
        pushed = self._listen(zmq.PULL, int(self.address.options["push"] or port + 1), curve)
        self._results = self._listen(zmq.PUB, int(self.address.options["results"] or port + 2), curve)
        await end_with(self._pull(pushed), self._route(requests))

    async def publish(self, result: Result) -> None:
        """It is kept, so that it can be asked for; who listens now has it at once, most probably."""
        if self._results is None:
            raise TransportError("not listening yet")
        await self._replay.keep(result)
        await self._results.send_multipart([result.job.encode(), result.body])

    async def set_aside(self, body: bytes, reason: str) -> None:
        """Keeps the newest of what was pushed and does not parse in the list ``rejects``. Raises TransportError."""
        name, redis = self.address.options["rejects"], self.desk.frontier.redis
        try:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.lpush(name, letter(body, reason))
                pipe.ltrim(name, 0, MOST_REJECTED - 1)
                await pipe.execute()
        except RedisError as error:
            raise TransportError(str(error)) from error

    async def close(self) -> None:
        await end(self._answering)
        if self._authenticator:
            self._authenticator.stop()
        self._context.destroy(linger=1000)

    def _listen(self, kind: int, port: int, curve: tuple[bytes, bytes] | None) -> Socket:
        socket = self._context.socket(kind)
        socket.maxmsgsize = self.desk.config.gateway.message_size or -1
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
        """The public and the secret key of this side."""
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

    async def _pull(self, socket: Socket) -> None:
        while True:
            frames = await socket.recv_multipart()
            await self.desk.accept(self.name, PushedDelivery(body=frames[-1], transport=self))

    async def _route(self, socket: Socket) -> None:
        """Each request has a task of its own: questions are answered while messages wait for room."""
        while True:
            await self._room.acquire()
            frames = await socket.recv_multipart()
            task = asyncio.create_task(self._handle(socket, frames))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            task.add_done_callback(lambda _: self._room.release())

    async def _handle(self, socket: Socket, frames: list[bytes]) -> None:
        *envelope, body = frames

        async def answer(said: dict[str, Any]) -> None:
            text = json.dumps(said, ensure_ascii=False, default=str)
            with suppress(zmq.ZMQError):  # it has gone
                await socket.send_multipart([*envelope, text.encode()])

        question = _question(body)
        if question is not None:
            await answer(await self._told(question))
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self.desk.accept(self.name, RequestDelivery(body=body, answer=answer))
        except TimeoutError:
            await answer({"error": "there is no room for more jobs now", "again": True})

    async def _told(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question, or why there is none; with ``again`` where there may be one later."""
        try:
            return await self._ask(question)
        except (InvalidInput, JobNotFound) as error:
            return {"error": str(error)}
        except (RedisError, RecordsError) as error:
            return {"error": str(error), "again": True}

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        kind, job, identity = question["request"], question.get("job"), question.get("id")
        if kind == "result" and isinstance(identity, str):
            found = await self._replay.find(identity)
            return found or {"error": f"there is no result {identity}: not yet, or not any more", "again": True}
        if kind not in REQUESTS or not isinstance(job, str):
            raise InvalidInput(f"expected a request of {', '.join(REQUESTS)}, and a job")
        if kind == "cancel":
            return {"job": job, "state": await self.desk.control(job, "cancel")}
        if kind == "result":
            return await self.desk.result(job)
        return {"job": job, **await self.desk.status(job)}


def _question(body: bytes) -> dict[str, Any] | None:
    """What is asked, if this is no message with work."""
    if b'"request"' not in body:
        return None
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return question if isinstance(question, dict) and "request" in question else None
