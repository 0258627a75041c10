"""gRPC: the service ``Masters`` of masters.proto, with health and reflection."""

from __future__ import annotations

import asyncio
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from redis.exceptions import RedisError

from pdfspider.crawl.feeder import end
from pdfspider.exceptions import ConfigurationError, InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway import masters_pb2, masters_pb2_grpc
from pdfspider.gateway.loopback import is_loopback
from pdfspider.gateway.replay import Replay, run_of
from pdfspider.gateway.transport import Delivery, Receipt, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Result

PORT = 50051
PATIENCE = 10.0
"""Seconds for which a call waits until there is room for its message."""
WAIT = 0.2
SERVICE = masters_pb2.DESCRIPTOR.services_by_name["Masters"].full_name


@dataclass(slots=True, kw_only=True)
class GrpcDelivery(Delivery):
    """What is rejected is not set aside, for the master has it."""

    answer: Callable[[Receipt | str], None]

    async def ack(self, receipt: Receipt) -> None:
        self.answer(receipt)

    async def reject(self, reason: str) -> None:
        self.answer(reason)


class GrpcTransport(Transport):
    """``grpc://HOST:PORT`` to listen on; ``grpcs`` with the files ``cert`` and ``key``.

    Without ``GATEWAY_TOKEN`` only loopback addresses may be listened on. With it, health and reflection stay open.
    """

    options = {"cert": "", "key": ""}  # noqa: RUF012 - declared by Transport

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        if not (desk.config.gateway.token or is_loopback(self.address.host)):
            raise ConfigurationError(f"to listen on {self.address.host} GATEWAY_TOKEN is needed")
        self.replay = Replay(desk, self.name)
        self.serving = False
        self._health = health.aio.HealthServicer()
        self._server: Any = None

    async def serve(self) -> None:
        gateway = self.desk.config.gateway
        self._server = grpc.aio.server(
            interceptors=[Guard(gateway.token)] if gateway.token else [],
            options=[("grpc.max_receive_message_length", gateway.message_size or -1), ("grpc.so_reuseport", 0)],
            maximum_concurrent_rpcs=gateway.unacknowledged,
        )
        masters_pb2_grpc.add_MastersServicer_to_server(Masters(self), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        self._listen()
        await self._server.start()
        await self._health.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
        self.serving = True
        try:
            await asyncio.Event().wait()
        finally:
            self.serving = False

    async def publish(self, result: Result) -> None:
        """It is kept, so that it can be asked for."""
        await self.replay.keep(result)

    async def close(self) -> None:
        if self._server:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(grace=1)

    def _listen(self) -> None:
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        address = f"{host}:{self.address.port or PORT}"
        try:
            if self.address.url.startswith("grpcs:"):
                self._server.add_secure_port(address, self._credentials())
            else:
                self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise ConfigurationError(f"cannot listen on {address}: {error}") from error

    def _credentials(self) -> Any:
        cert, key = self.address.options["cert"], self.address.options["key"]
        try:
            return grpc.ssl_server_credentials([(Path(key).read_bytes(), Path(cert).read_bytes())])
        except OSError as error:
            raise ConfigurationError(f"grpcs:// in GATEWAY_URLS needs ?cert=FILE&key=FILE: {error}") from error


class Guard(grpc.aio.ServerInterceptor):
    """Lets those in who know the token."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        self._refusal = grpc.stream_stream_rpc_method_handler(self._refuse)

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], call: Any) -> Any:
        given = dict(call.invocation_metadata).get("authorization", "")
        if call.method.startswith(f"/{SERVICE}/") and not hmac.compare_digest(given.encode(), self._expected):
            return self._refusal
        return await continuation(call)

    async def _refuse(self, _: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "GATEWAY_TOKEN is needed")


class Masters(masters_pb2_grpc.MastersServicer):
    """The calls of masters.proto."""

    def __init__(self, transport: GrpcTransport) -> None:
        self._transport, self._desk = transport, transport.desk

    async def Submit(self, message: masters_pb2.Message, context: Any) -> masters_pb2.Receipt:  # noqa: N802
        answers: asyncio.Queue[Receipt | str] = asyncio.Queue()
        delivery = GrpcDelivery(body=_body(message), answer=answers.put_nowait)
        if not self._transport.serving:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the gateway is about to end")
        try:
            async with asyncio.timeout(PATIENCE):
                await self._desk.accept(self._transport.name, delivery)
        except TimeoutError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "there is no room for more jobs now")
        if isinstance(answer := await answers.get(), Receipt):
            return _receipt(answer)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, answer)
        raise AssertionError  # for abort does

    async def SubmitMany(self, messages: Any, context: Any) -> AsyncIterator[masters_pb2.Answer]:  # noqa: N802
        answers: asyncio.Queue[masters_pb2.Answer | None] = asyncio.Queue()
        streamed = self._desk.config.gateway.unacknowledged
        room = asyncio.Semaphore(streamed)
        reading = asyncio.create_task(self._read(messages, answers, room))
        try:
            while (answer := await answers.get()) is not None:
                yield answer
                room.release()
        finally:
            await end([reading])

    async def Watch(self, question: masters_pb2.Question, context: Any) -> AsyncIterator[masters_pb2.Event]:  # noqa: N802
        async with _errors(context):
            run = run_of(question.result_id) if question.result_id else 0
            job = (await self._desk.frontier.job(run)).name if run else question.job
            async for status in self._desk.watch(job):
                if run and status["run"] != run:
                    break  # that of the message has ended, and there is another
                yield masters_pb2.Event(status=_status(job, status))
            result = await (self._published(question.result_id) if run else self._desk.result(job))
            yield masters_pb2.Event(result=_result(result))

    async def Status(self, question: masters_pb2.Question, context: Any) -> masters_pb2.JobStatus:  # noqa: N802
        async with _errors(context):
            job = await self._job(question)
            return _status(job, await self._desk.status(job))

    async def GetResult(self, question: masters_pb2.Question, context: Any) -> masters_pb2.Result:  # noqa: N802
        async with _errors(context):
            if not question.result_id:
                return _result(await self._desk.result(question.job))
            found = await self._transport.replay.find(question.result_id)
            if found is None:
                raise JobNotFound(f"there is no result {question.result_id}: not yet, or not any more")
            return _result(found)

    async def Cancel(self, question: masters_pb2.Question, context: Any) -> masters_pb2.JobStatus:  # noqa: N802
        async with _errors(context):
            job = await self._job(question)
            await self._desk.control(job, "cancel")
            return _status(job, await self._desk.status(job))

    async def _job(self, question: masters_pb2.Question) -> str:
        if question.result_id:
            return (await self._desk.frontier.job(run_of(question.result_id))).name
        return str(question.job)

    async def _published(self, identity: str) -> dict[str, Any]:
        """The result of a job that has ended is there a moment later."""
        while True:
            if found := await self._transport.replay.find(identity):
                return found
            await asyncio.sleep(WAIT)

    async def _read(self, messages: Any, answers: asyncio.Queue[Any], room: asyncio.Semaphore) -> None:
        """Hands a stream's messages over; ends ``answers`` with None once all are answered."""
        number = 0
        try:
            async for message in messages:
                await room.acquire()
                delivery = GrpcDelivery(body=_body(message), answer=_numbered(number, answers))
                await self._desk.accept(self._transport.name, delivery)
                number += 1
            for _ in range(self._desk.config.gateway.unacknowledged):
                await room.acquire()  # all are answered
        finally:
            answers.put_nowait(None)


@asynccontextmanager
async def _errors(context: Any) -> AsyncIterator[None]:
    """Says what went wrong in gRPC's status codes."""
    try:
        yield
    except InvalidInput as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except JobNotFound as error:
        await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
    except (RedisError, RecordsError) as error:
        await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))


def _numbered(number: int, answers: asyncio.Queue[Any]) -> Callable[[Receipt | str], None]:
    def answer(said: Receipt | str) -> None:
        if isinstance(said, str):
            answers.put_nowait(masters_pb2.Answer(number=number, error=said))
        else:
            answers.put_nowait(masters_pb2.Answer(number=number, receipt=_receipt(said)))

    return answer


def _body(message: masters_pb2.Message) -> bytes:
    """As JSON, which is what other transports get."""
    fields = {field.name: value for field, value in message.ListFields()}
    if "urls" in fields:
        fields["urls"] = list(fields["urls"])
    if "meta" in fields:
        fields["meta"] = MessageToDict(fields["meta"])
    return json.dumps(fields, ensure_ascii=False).encode()


def _receipt(receipt: Receipt) -> masters_pb2.Receipt:
    return masters_pb2.Receipt(job=receipt.job, run=receipt.run, result_id=receipt.result_id, added=receipt.added)


def _status(job: str, status: dict[str, Any]) -> masters_pb2.JobStatus:
    message = masters_pb2.JobStatus()
    ParseDict({"job": job, **status}, message, ignore_unknown_fields=True)
    return message


def _result(result: dict[str, Any]) -> masters_pb2.Result:
    message = masters_pb2.Result()
    ParseDict(result, message, ignore_unknown_fields=True)
    return message
