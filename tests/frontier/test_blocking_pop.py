"""Idle workers are told of what is handed in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.tasks import end
from tests.frontier.rig import FREE, Server, entry
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


async def test_who_is_idle_hears_of_new_urls_also_after_a_restart(binary: str, tmp_path: Path) -> None:
    server = Server(binary, tmp_path)
    server.start("--appendonly", "yes")
    redis, heard = connect(server.url), asyncio.Event()
    frontier = Frontier(redis, worker="w")
    listening = asyncio.create_task(frontier.listen(heard.set))
    await _hears(frontier, heard, "a")
    await frontier.submit("a", [entry("http://a.test/0")], options=FREE)  # known already
    await frontier.submit("more", [entry("http://b.test/0")], options=FREE)  # there was something to lease
    server.stop()
    server.start("--appendonly", "yes")
    assert not heard.is_set()
    await redis.delete("{pdfs}:hosts")
    await _hears(frontier, heard, "c")
    await end([listening])
    await redis.aclose()
    server.stop()


async def _hears(frontier: Frontier, heard: asyncio.Event, name: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not (await frontier.redis.pubsub_numsub("{pdfs}:wake"))[0][1]:
            await asyncio.sleep(0.01)
        await frontier.submit(name, [entry(f"http://{name}.test/0")], options=FREE)
        await heard.wait()
    heard.clear()
