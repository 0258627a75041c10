"""The calls of masters.proto."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway.base import Delivery, Receipt
from pdfspider.gateway.queries.replay import run_of
from pdfspider.gateway.queries.watching import watch
from pdfspider.gateway.transports.grpc import masters_pb2, masters_pb2_grpc
from pdfspider.gateway.transports.grpc import messages as as_proto
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import TypeAlias

    from pdfspider.gateway.queries.replay import Replay
    from pdfspider.gateway.service import GatewayService

    Sent: TypeAlias = masters_pb2.Message | InvalidInput
    Asked: TypeAlias = masters_pb2.Question | InvalidInput
    """A request, or the error if it could not be decoded."""
    Said: TypeAlias = Receipt | str | None
    """A receipt, the reason of a rejection, or None if the message has to be sent again."""

ROOM_TIMEOUT_S = 10.0
"""Seconds for which a call waits until there is room for its message."""
POLL_INTERVAL_S = 0.2


@dataclass(slots=True, kw_only=True)
class GrpcDelivery(Delivery):
    """A message by gRPC; the master gets a rejection as the answer, so nothing is set aside."""

    answer: Callable[[Said], None]

    async def ack(self, receipt: Receipt) -> None:
        self.answer(receipt)

    async def reject(self, reason: str) -> None:
        self.answer(reason)

    async def nack(self) -> None:
        self.answer(None)


class Masters(masters_pb2_grpc.MastersServicer):
    """The service; ``takes`` says whether it still takes messages."""

    def __init__(self, service: GatewayService, transport: str, replay: Replay) -> None:
        self._service, self._transport, self._replay = service, transport, replay
        self.takes = True

    async def Submit(self, message: Sent, context: Any) -> masters_pb2.Receipt:
        """Submit a message, and answer when it is in the frontier."""
        answers: asyncio.Queue[Said] = asyncio.Queue()
        delivery = _delivery(message, answers.put_nowait)
        if not self.takes:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the gateway is shutting down")
        try:
            async with asyncio.timeout(ROOM_TIMEOUT_S):
                await self._service.accept(self._transport, delivery)
        except TimeoutError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "there is no room for more jobs now: try again later")
        answer = await answers.get()
        if isinstance(answer, Receipt):
            return as_proto.receipt(answer)
        if answer is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the message could not be submitted: send it again")
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, answer)
        raise AssertionError  # for abort does

    async def SubmitMany(self, messages: Any, context: Any) -> AsyncIterator[masters_pb2.Answer]:
        """Submit a stream of messages, and answer each one."""
        answers: asyncio.Queue[masters_pb2.Answer | None] = asyncio.Queue()
        room = asyncio.Semaphore(self._service.config.gateway.unacknowledged)
        reading = asyncio.create_task(self._read(messages, answers, room))
        try:
            while (answer := await answers.get()) is not None:
                yield answer
                room.release()
            await reading  # raises what has ended it
        finally:
            await end([reading])

    async def Watch(self, asked: Asked, context: Any) -> AsyncIterator[masters_pb2.Event]:
        """Send the status of a job, and its documents if asked for, until its end."""
        async with _errors(context):
            question = as_proto.checked(asked)
            job = await self._job(question)
            run = run_of(question.result_id) if question.result_id else 0
            async for name, told, _ in watch(self._service, job, documents=question.documents, run=run):
                yield as_proto.document(told) if name == "document" else as_proto.status_event(job, told)
            result = await (self._published(question.result_id) if run else self._service.result(job))
            yield masters_pb2.Event(result=as_proto.result(result))

    async def Status(self, asked: Asked, context: Any) -> masters_pb2.JobStatus:
        """Answer with the status of a job."""
        async with _errors(context):
            question = as_proto.checked(asked)
            job = await self._job(question)
            return as_proto.status(job, await self._service.status(job))

    async def GetResult(self, asked: Asked, context: Any) -> masters_pb2.Result:
        """Answer with the result of a job, or with a published result by its id."""
        async with _errors(context):
            question = as_proto.checked(asked)
            if not question.result_id:
                return as_proto.result(await self._service.result(question.job))
            found = await self._replay.find(question.result_id)
            if found is None:
                raise JobNotFound(f"there is no result {question.result_id}: it does not exist yet, or not any more")
            return as_proto.result(found)

    async def Cancel(self, asked: Asked, context: Any) -> masters_pb2.JobStatus:
        """Cancel a job, and answer with its status."""
        async with _errors(context):
            question = as_proto.checked(asked)
            job = await self._job(question)
            await self._service.control(job, "cancel")
            return as_proto.status(job, await self._service.status(job))

    async def _job(self, question: masters_pb2.Question) -> str:
        if question.result_id:
            return (await self._service.frontier.job(run_of(question.result_id))).name
        return str(question.job)

    async def _published(self, identity: str) -> dict[str, Any]:
        """Return a published result, which may take a moment after the end of its job."""
        while True:
            if found := await self._replay.find(identity):
                return found
            await asyncio.sleep(POLL_INTERVAL_S)

    async def _read(self, messages: Any, answers: asyncio.Queue[Any], room: asyncio.Semaphore) -> None:
        """Submit a stream's messages, and end ``answers`` with None when all have their answer."""
        number = 0
        try:
            async for message in messages:
                await room.acquire()
                delivery = _delivery(message, _numbered(number, answers, room))
                await self._service.accept(self._transport, delivery)
                number += 1
            for _ in range(self._service.config.gateway.unacknowledged):
                await room.acquire()  # all are answered
        finally:
            answers.put_nowait(None)


@asynccontextmanager
async def _errors(context: Any) -> AsyncIterator[None]:
    """Turn errors into gRPC's status codes."""
    try:
        yield
    except InvalidInput as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except JobNotFound as error:
        await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
    except (RedisError, RecordsError) as error:
        await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))


def _delivery(message: Sent, answer: Callable[[Said], None]) -> GrpcDelivery:
    try:
        return GrpcDelivery(body=as_proto.body(message), answer=answer)
    except InvalidInput as error:
        return GrpcDelivery(body=b"", answer=answer, invalid=str(error))


def _numbered(number: int, answers: asyncio.Queue[Any], room: asyncio.Semaphore) -> Callable[[Said], None]:
    def answer(said: Said) -> None:
        if said is None:
            room.release()  # the client gets no answer and sends it again
        else:
            answers.put_nowait(as_proto.answer(number, said))

    return answer
