"""Transports that serve inside of the test, without a gateway's process and without workers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from pdfspider.gateway.registry import make_transports
from pdfspider.tasks import end
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pdfspider.gateway.base import Transport
    from pdfspider.gateway.rejects import SetAside
    from pdfspider.gateway.service import GatewayService


@asynccontextmanager
async def serving(url: str, service: GatewayService) -> AsyncIterator[Transport]:
    """Serves inside, and may be asked what it has set aside outside too."""
    (transport,) = make_transports([url], service)
    await transport.listen()
    task = asyncio.create_task(transport.serve())
    try:
        yield transport
    finally:
        await end([task])
        await service.close(PATIENCE)
        await transport.close()


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (found := await condition()):
            await asyncio.sleep(0.05)
        return found


async def equals(value: Awaitable[Any], expected: Any) -> bool:
    return bool(await value == expected)


async def in_thread(condition: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(condition)


async def all_of(transport: Transport) -> list[SetAside]:
    async with aclosing(transport.rejects()) as found:
        return [one async for one in found]
