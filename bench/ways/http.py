"""aiohttp: one POST for each message, many under way; a bare server that answers each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import ClientSession, TCPConnector, web

from bench.ways.base import Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.ways.base import Tell

CONNECTIONS = 2000
HEADERS = {"Content-Type": "application/json"}


class HttpWay(Way):
    waits_for_gateway = True

    def gateway_url(self, address: str) -> str:
        return f"http://{address}"

    def publish(self, address: str, messages: Sequence[str]) -> None:
        asyncio.run(_post(f"http://{address}/jobs", iter(messages)))

    def consume(self, address: str, count: int, tell: Tell) -> None:
        host, _, port = address.partition(":")
        asyncio.run(_serve(host, port, count, tell))


async def _post(url: str, messages: Iterator[str]) -> None:
    async with ClientSession(connector=TCPConnector(limit=0)) as client, asyncio.TaskGroup() as posting:
        for _ in range(CONNECTIONS):
            posting.create_task(_post_some(client, url, messages))


async def _post_some(client: ClientSession, url: str, messages: Iterator[str]) -> None:
    for message in messages:
        async with client.post(url, data=message, headers=HEADERS) as response:
            assert response.status == 202, await response.text()
            await response.json()


async def _serve(host: str, port: str, count: int, tell: Tell) -> None:
    left, done = [count], asyncio.Event()

    async def submit(request: web.Request) -> web.Response:
        message = await request.json()
        left[0] -= 1
        if not left[0]:
            asyncio.get_running_loop().call_later(0.1, done.set)
        return web.json_response({"job": message["task_id"]}, status=202)

    app = web.Application()
    app.add_routes([web.post("/jobs", submit)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, int(port), backlog=CONNECTIONS).start()
    tell("READY")
    await done.wait()
    tell("DONE")
    await runner.cleanup()
