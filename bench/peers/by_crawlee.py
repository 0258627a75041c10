"""Crawlee, with its storage in memory: ``python -m bench.peers.by_crawlee URL DIRECTORY``; see ``make peers``."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from crawlee import ConcurrencySettings
from crawlee.crawlers import HttpCrawler
from crawlee.storage_clients import MemoryStorageClient
from selectolax.lexbor import LexborHTMLParser

WORKERS = 32


async def main(url: str, directory: Path) -> None:
    directory.mkdir(parents=True)
    concurrency = ConcurrencySettings(desired_concurrency=WORKERS, max_concurrency=WORKERS, min_concurrency=WORKERS)
    crawler: Any = HttpCrawler(concurrency_settings=concurrency, storage_client=MemoryStorageClient())
    logging.getLogger().setLevel(logging.ERROR)

    @crawler.router.default_handler
    async def handle(context: Any) -> None:
        body = await context.http_response.read()
        if body.startswith(b"%PDF-"):
            (directory / f"{hashlib.sha256(body).hexdigest()}.pdf").write_bytes(body)
            return
        found = {element.attributes["href"] or "" for element in LexborHTMLParser(body).css("a[href]")}
        await context.add_requests([urljoin(context.request.url, href) for href in found])

    await crawler.run([url])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
