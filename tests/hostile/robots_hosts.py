"""Thousands of hosts on loopback addresses, each with a robots.txt of the largest size, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from tests.crawl.hostile import page, reply
from tests.hostile.answers import ROBOTS
from tests.support import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crawl.hostile import Answer

PER_NETWORK = 250


@contextlib.contextmanager
def robots_hosts(count: int) -> Iterator[Answer]:
    """Serve ``count`` hosts until the block ends; yields a page with a link to each."""
    addresses = [f"127.1.{number // PER_NETWORK}.{number % PER_NETWORK + 1}" for number in range(count)]
    port, loop, started = free_port(), asyncio.new_event_loop(), threading.Event()
    ending = asyncio.Event()

    async def serve() -> None:
        async with await asyncio.start_server(answer, addresses, port):
            started.set()
            await ending.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield page(*(f"http://{address}:{port}/x.pdf" for address in addresses))
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            is_robots = head.startswith(b"GET /robots.txt ")
            writer.write(ROBOTS if is_robots else reply(b"", "text/plain", status="404 Not Found"))
            await writer.drain()
    writer.close()
