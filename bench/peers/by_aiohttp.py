"""By hand with aiohttp: ``python -m bench.peers.by_aiohttp URL DIRECTORY``."""

from __future__ import annotations

import sys
from pathlib import Path

import aiohttp
import uvloop

from bench.peers.by_hand import Crawl

WORKERS, PER_HOST = 32, 8


async def main(url: str, directory: Path) -> None:
    crawl = Crawl(url, directory)
    connector = aiohttp.TCPConnector(limit=WORKERS, limit_per_host=PER_HOST)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def fetch(target: str) -> bytes:
            async with session.get(target) as response:
                return await response.read()

        await crawl.run(fetch, WORKERS)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
