"""Process large pages in a thread, one at a time, so that their memory is bounded."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.visit import visit_of
from pdfspider.documents.head import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request

    from pdfspider.crawl.extract.link_extraction import LinkExtractor

P = ParamSpec("P")
T = TypeVar("T")

LARGE_SIZE = 32 * 1024
MANY_TAGS = 2_048
"""A page of as many bytes and tags takes a tenth of a second at most, whatever is in it."""


class LargePages:
    """Runs work that would block the event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self.turn = asyncio.Semaphore(1)
        """Held for a large page from when its links are looked for until they are in the frontier."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work in the thread, after all work that came before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    async def prepare(self, extractor: LinkExtractor, response: StagedResponse, request: Request) -> None:
        """Extract the links of a page; a failure is raised again when its capture is made."""
        response.request = response.request or request
        with suppress(Exception):
            await self.run(response.load)
            await self.run(extractor.extract, visit_of(request).lease, response)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def is_large_page(result: Any) -> bool:
    """Return whether the links of a response may take long to extract."""
    if not isinstance(result, StagedResponse) or result.kind is not Kind.HTML:
        return False
    return result.body_size > LARGE_SIZE or is_large(result.body)


def is_large(body: bytes) -> bool:
    """Return whether a body is large or has many tags."""
    return len(body) > LARGE_SIZE or body.count(b"<") > MANY_TAGS
