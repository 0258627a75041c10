"""What a crawl by hand has beside its HTTP client: a queue in memory, a set of what is known, and files."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class Crawl:
    """A crawl that begins at ``url`` and keeps PDFs in ``directory``."""

    def __init__(self, url: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._known: set[str] = set()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._add(url)

    async def run(self, fetch: Callable[[str], Awaitable[bytes]], workers: int) -> None:
        """Fetch until nothing is left, with so many requests at once."""

        async def work() -> None:
            while True:
                url = await self._queue.get()
                try:
                    self._take(url, await fetch(url))
                finally:
                    self._queue.task_done()

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        await self._queue.join()
        for task in tasks:
            task.cancel()

    def _add(self, url: str) -> None:
        if url not in self._known:
            self._known.add(url)
            self._queue.put_nowait(url)

    def _take(self, url: str, body: bytes) -> None:
        if body.startswith(b"%PDF-"):
            (self._directory / f"{hashlib.sha256(body).hexdigest()}.pdf").write_bytes(body)
            return
        for element in LexborHTMLParser(body).css("a[href]"):
            self._add(urljoin(url, element.attributes["href"] or ""))
