"""Item pipelines: the document to the store, the record to the database."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from scrapy.exceptions import NotConfigured
from scrapy.pipelines.files import FilesPipeline, FSFilesStore
from scrapy.utils.defer import ensure_awaitable

from pdfspider.crawl.worker import Worker
from pdfspider.documents.store import document_path, keep
from pdfspider.items import Capture

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.pipelines.media import MediaPipeline


class DirectoryStore(FSFilesStore):
    """A directory as the store: the staged file is renamed, off the event loop."""

    def persist_file(  # type: ignore[override]
        self,
        path: str,
        buf: IO[bytes],
        info: MediaPipeline.SpiderInfo,
        meta: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        executor = Worker.of(info.spider.crawler).staging.executor
        return loop.run_in_executor(executor, keep, Path(buf.name), Path(self.basedir, path))


class _Upload(io.FileIO):
    """A staged file as Scrapy's other stores take it; those that want it whole get it whole."""

    def getvalue(self) -> bytes:
        self.seek(0)
        return self.read()


class PdfFilesPipeline(FilesPipeline):  # type: ignore[misc]
    """Persists the document that the crawl has fetched and judged already; it downloads nothing itself."""

    STORE_SCHEMES: ClassVar[dict[str, Any]] = {
        **FilesPipeline.STORE_SCHEMES,
        "": DirectoryStore,
        "file": DirectoryStore,
    }

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> PdfFilesPipeline:
        cls._update_stores(crawler.settings)
        return cls(Worker.of(crawler).config.files_store, crawler=crawler)

    async def process_item(self, item: Any, spider: Any = None) -> Any:
        if isinstance(item, Capture) and item.staged and item.sha256:
            await self._persist(item.staged, document_path(item.sha256))
            self.inc_stats("downloaded")
            item.staged = None
        return item

    async def _persist(self, staged: Path, path: str) -> None:
        if isinstance(self.store, DirectoryStore):
            with staged.open("rb") as file:
                await self.store.persist_file(path, file, self.spiderinfo)
            return
        with _Upload(staged) as file:
            await ensure_awaitable(self.store.persist_file(path, file, self.spiderinfo))
        await asyncio.to_thread(staged.unlink)


class RecordsPipeline:
    """Writes the capture; from here on its outcome says whether this URL owns the document or repeats it."""

    def __init__(self, crawler: Crawler) -> None:
        self._worker = Worker.of(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RecordsPipeline:
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, Capture):
            item.outcome = await self._worker.records.write(item)
        return item
