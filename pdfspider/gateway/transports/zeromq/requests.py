"""The requests that the ZeroMQ transport answers.

A request is a message with work, or one of these questions:

- ``{"request": "status" | "result" | "cancel", "job": …}``
- ``{"request": "result", "id": …}``: a published result, by its id
- ``{"request": "documents", "job": …, "after": …}``: some documents in the order of their ids, after that id
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway.base import Delivery
from pdfspider.gateway.queries.replay import parts
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pdfspider.gateway.base import Receipt
    from pdfspider.gateway.queries.replay import Replay
    from pdfspider.gateway.service import GatewayService
    from pdfspider.gateway.transports.zeromq.async_socket import AsyncSocket

ROOM_TIMEOUT_S = 10.0
"""Seconds for which a request waits until there is room for its message."""
REQUEST_KINDS = ("status", "result", "cancel", "documents")
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


@dataclass(slots=True, kw_only=True)
class RequestDelivery(Delivery):
    """A message by ZeroMQ; the master gets a rejection as the answer, so nothing is set aside."""

    socket: AsyncSocket
    envelope: list[bytes]

    async def ack(self, receipt: Receipt) -> None:
        self.answer({"job": receipt.job, "run": receipt.run, "result_id": receipt.result_id, "added": receipt.added})

    async def reject(self, reason: str) -> None:
        self.answer({"error": reason})

    async def nack(self) -> None:
        self.answer({"error": "the message could not be submitted: send it again", "again": True})

    def answer(self, said: dict[str, Any]) -> None:
        """Send the answer."""
        self.socket.send([*self.envelope, _encode(said).encode()])


class Requests:
    """Answers requests; those that have to wait get a task of their own."""

    def __init__(self, service: GatewayService, transport: str, replay: Replay) -> None:
        self._service, self._transport, self._replay = service, transport, replay
        self._waiting: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(service.config.gateway.unacknowledged)

    async def serve(self, socket: AsyncSocket) -> None:
        """Take requests from a ROUTER until cancelled."""
        while True:
            await self._room.acquire()
            envelope, said = _split(await socket.receive())
            delivery = RequestDelivery(body=said[-1], socket=socket, envelope=envelope, invalid=one_expected(said))
            if not delivery.invalid and (question := _question(delivery.body)) is not None:
                self._start(self._reply(delivery, question))
            elif self._service.has_room(self._transport):
                await self._service.accept(self._transport, delivery)
                self._room.release()
            else:
                self._start(self._wait_for_room(delivery))

    async def close(self) -> None:
        """End the tasks."""
        await end(self._waiting)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        task.add_done_callback(lambda _: self._room.release())

    async def _wait_for_room(self, delivery: RequestDelivery) -> None:
        try:
            async with asyncio.timeout(ROOM_TIMEOUT_S):
                await self._service.accept(self._transport, delivery)
        except TimeoutError:
            delivery.answer({"error": "there is no room for more jobs now: try again later", "again": True})

    async def _reply(self, delivery: RequestDelivery, question: dict[str, Any]) -> None:
        delivery.answer(await self._told(question))

    async def _told(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question, or an error; ``again`` says that there may be an answer later."""
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
            return found or {
                "error": f"there is no result {identity}: it does not exist yet, or not any more",
                "again": True,
            }
        if kind not in REQUEST_KINDS or not isinstance(job, str):
            raise InvalidInput(f"expected a request of {', '.join(REQUEST_KINDS)}, and a job")
        if kind == "cancel":
            return {"job": job, "state": await self._service.control(job, "cancel")}
        if kind == "result":
            return await self._service.result(job)
        if kind == "documents":
            return await self._documents(job, question.get("after"))
        return {"job": job, **await self._service.status(job)}

    async def _documents(self, job: str, after: Any) -> dict[str, Any]:
        """Return documents of the newest run, or of the run of ``after``, none if there are no more yet."""
        if after is None:
            run, last = await self._service.frontier.run_of(job), None
        else:
            number, fingerprint = parts(str(after))
            run, last = int(number), bytes.fromhex(fingerprint)
        events = await self._service.events_after(job, run, last)
        return {"job": job, "run": run, "documents": [*events.values()]}


def _split(frames: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the envelope of a request with its empty delimiter, if it has one, and the frames of the request."""
    *envelope, body = frames
    if b"" not in envelope:
        return envelope, [body]
    begin = len(envelope) - envelope[::-1].index(b"")
    return frames[:begin], frames[begin:]


def one_expected(frames: list[bytes]) -> str:
    """Return why a message of several frames is invalid, "" for one frame."""
    return f"a message of {len(frames)} frames: one is expected" if len(frames) > 1 else ""


def _question(body: bytes) -> dict[str, Any] | None:
    """Return the question, None for a message with work."""
    if b'"request"' not in body:
        return None
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return question if isinstance(question, dict) and "request" in question else None
