"""The requests that the ZeroMQ transport answers.

A request is a message with work, or one of these questions:

- ``{"request": "status" | "result" | "cancel", "job": …}``
- ``{"request": "result", "id": …}``: one that was published, by its id
- ``{"request": "documents", "job": …, "after": …}``: some documents, in the order of their ids; from behind that id on
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zmq
from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway.replay import parts
from pdfspider.gateway.transport import Delivery
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from zmq.asyncio import Socket

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.replay import Replay
    from pdfspider.gateway.transport import Receipt

    Answer: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

PATIENCE = 10.0
"""Seconds for which a request waits until there is room for its message."""
REQUESTS = ("status", "result", "cancel", "documents")


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

    async def again(self) -> None:
        await self.answer({"error": "it could not be taken in", "again": True})


class Requests:
    """Each request has a task of its own: questions are answered while messages wait for room."""

    def __init__(self, desk: Desk, transport: str, replay: Replay) -> None:
        self._desk, self._transport, self._replay = desk, transport, replay
        self._answering: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(desk.config.gateway.unacknowledged)

    async def serve(self, socket: Socket) -> None:
        """Takes requests from a ROUTER, until cancelled."""
        while True:
            await self._room.acquire()
            frames = await socket.recv_multipart()
            task = asyncio.create_task(self._handle(socket, frames))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            task.add_done_callback(lambda _: self._room.release())

    async def close(self) -> None:
        await end(self._answering)

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
                await self._desk.accept(self._transport, RequestDelivery(body=body, answer=answer))
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
            return {"job": job, "state": await self._desk.control(job, "cancel")}
        if kind == "result":
            return await self._desk.result(job)
        if kind == "documents":
            return await self._documents(job, question.get("after"))
        return {"job": job, **await self._desk.status(job)}

    async def _documents(self, job: str, after: Any) -> dict[str, Any]:
        """Those of the newest run, or of the run of ``after``; none: there are no more for now."""
        if after is None:
            run, last = await self._desk.frontier.run_of(job), None
        else:
            number, fingerprint = parts(str(after))
            run, last = int(number), bytes.fromhex(fingerprint)
        events = await self._desk.events_after(job, run, last)
        return {"job": job, "run": run, "documents": [*events.values()]}


def _question(body: bytes) -> dict[str, Any] | None:
    """What is asked, if this is no message with work."""
    if b'"request"' not in body:
        return None
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return question if isinstance(question, dict) and "request" in question else None
