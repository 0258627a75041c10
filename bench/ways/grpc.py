"""grpcio: one stream of messages, answered one by one; a bare server of the same service."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import grpc

from bench.ways.base import Way
from pdfspider.gateway.transports.grpc.masters_pb2 import Answer, Message, Receipt
from pdfspider.gateway.transports.grpc.masters_pb2_grpc import (
    MastersServicer,
    MastersStub,
    add_MastersServicer_to_server,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.ways.base import Tell


class GrpcWay(Way):
    waits_for_gateway = True

    def gateway_url(self, address: str) -> str:
        return f"grpc://{address}"

    def publish(self, address: str, messages: Sequence[str]) -> None:
        asyncio.run(_submit(address, messages))

    def consume(self, address: str, count: int, tell: Tell) -> None:
        asyncio.run(_serve(address, count, tell))


async def _submit(address: str, messages: Sequence[str]) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        parsed = (json.loads(message) for message in messages)
        stream = (Message(urls=[each["url"]], task_id=each["task_id"]) for each in parsed)
        async for answer in MastersStub(channel).SubmitMany(stream, wait_for_ready=True):
            assert answer.HasField("receipt"), answer.error


class Bare(MastersServicer):
    def __init__(self, count: int) -> None:
        self.left = count
        self.done = asyncio.Event()

    async def SubmitMany(self, messages: Any, context: Any) -> AsyncIterator[Answer]:
        number = 0
        async for message in messages:
            yield Answer(number=number, receipt=Receipt(job=message.task_id))
            number += 1
            self.left -= 1
        if not self.left:
            self.done.set()


async def _serve(address: str, count: int, tell: Tell) -> None:
    server, bare = grpc.aio.server(), Bare(count)
    add_MastersServicer_to_server(bare, server)
    server.add_insecure_port(address)
    await server.start()
    tell("READY")
    await bare.done.wait()
    tell("DONE")
    await server.stop(1)
