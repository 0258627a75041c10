"""Item pipelines: the document goes to the store, the capture to the database."""

from __future__ import annotations

import asyncio
import io
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.exceptions import NotConfigured
from scrapy.pipelines.files import FilesPipeline, FSFilesStore
from scrapy.utils.defer import ensure_awaitable

from pdfspider.batching import Batcher
from pdfspider.crawl.scrapy_internals import configure_stores
from pdfspider.crawl.store.naming import Naming
from pdfspider.crawl.store.uploads import check_bucket, store_error, verify_upload
from pdfspider.crawl.worker import Worker
from pdfspider.documents.errors import StagingError, StoreError
from pdfspider.documents.named_links import WantedName, check_links, name_all
from pdfspider.documents.paths import with_hash
from pdfspider.documents.store import Staged, document_path, keep_all
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Capture
from pdfspider.masking import masked

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from os import PathLike

    from scrapy.crawler import Crawler

    from pdfspider.documents.staging import StagedBody
    from pdfspider.frontier.leases import Lease


class DirectoryStore(FSFilesStore):
    """A directory as the store, in which documents are written and renamed in groups, off the event loop."""

    def __init__(self, basedir: str | PathLike[str]) -> None:
        super().__init__(basedir)
        self._executor: Executor | None = None
        self._keep = Batcher(self._keep_all, limit=64)
        self._name = Batcher(self._name_all, limit=64)

    def _mkdir(self, dirname: Path, domain: object = None) -> None:
        """Create a directory, also if another worker does so at the same moment."""
        dirname.mkdir(parents=True, exist_ok=True)

    async def keep(self, document: StagedBody, executor: Executor) -> None:
        """Store a document.

        Raises StoreError.
        """
        self._executor = executor
        result = await self._keep(Staged(document.location, document.content, self.path_of(document)))
        if isinstance(result, StoreError):
            raise result

    async def name(self, document: StagedBody, wanted: str) -> str | None:
        """Give a stored document a further name, and return that; None if it has too many already.

        Raises StoreError.
        """
        result = await self._name(WantedName(Path(self.basedir), document.sha256, wanted))
        if isinstance(result, StoreError):
            raise result
        return result

    def path_of(self, document: StagedBody) -> str:
        """Return where a document is, or will be."""
        return f"{self.basedir}/{document_path(document.sha256)}"

    async def _keep_all(self, documents: list[Staged]) -> list[bool | StoreError]:
        return await asyncio.get_running_loop().run_in_executor(self._executor, keep_all, documents)

    async def _name_all(self, documents: list[WantedName]) -> list[str | StoreError | None]:
        return await asyncio.get_running_loop().run_in_executor(self._executor, name_all, documents)


class _Upload(io.FileIO):
    """A staged file in the form that Scrapy's other stores take, some of which read it whole."""

    def getvalue(self) -> bytes:
        self.seek(0)
        return self.read()


class PdfFilesPipeline(FilesPipeline):
    """Stores the document that was fetched and judged already; it downloads nothing itself."""

    STORE_SCHEMES: ClassVar[dict[str, Any]] = {
        **FilesPipeline.STORE_SCHEMES,
        "": DirectoryStore,
        "file": DirectoryStore,
    }

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> PdfFilesPipeline:
        """Return the pipeline.

        Raises ConfigurationError for an invalid FILES_STORE.
        """
        configure_stores(cls, crawler.settings)
        config = Worker.of(crawler).config
        store = config.shown_store
        try:
            pipeline = cls(config.files_store, crawler=crawler)
            check_bucket(pipeline.store)
            return pipeline
        except KeyError as error:
            schemes = ", ".join(f"{scheme}://" for scheme in cls.STORE_SCHEMES if scheme)
            raise ConfigurationError(f"FILES_STORE={store}: there is no store for {error} ({schemes})") from None
        except ValueError:
            raise ConfigurationError(f"FILES_STORE={store} is not complete: it ends in BUCKET/PREFIX/") from None
        except (NotConfigured, ImportError, OSError, StoreError) as error:
            raise ConfigurationError(f"FILES_STORE={store} cannot be used: {masked(str(error))}") from None

    def __init__(self, store_uri: str | PathLike[str], *, crawler: Crawler) -> None:
        super().__init__(store_uri, crawler=crawler)
        self._worker = Worker.of(crawler)
        self._naming = Naming(self, self._worker.config)
        if self._naming.is_on and isinstance(self.store, DirectoryStore):
            check_links(Path(self.store.basedir))

    async def process_item(self, item: Any, spider: Any = None) -> Any:
        """Store the document of a capture.

        Raises StoreError or FetchError if the document cannot be stored, ReleaseRequested if no document can.
        """
        if not (isinstance(item, Capture) and item.staged):
            return item
        document, wanted = item.staged, self._naming.wanted(item)
        name = await self._persist(document, item.lease, wanted)
        self.inc_stats("downloaded")
        if isinstance(self.store, DirectoryStore):
            item.document = self.store.path_of(document)
        item.staged, item.stored = None, True
        return await self._naming.complete(item, name or document_path(document.sha256))

    async def _persist(self, document: StagedBody, lease: Lease, wanted: str) -> str | None:
        """Store a document, and return its further name if it is to have one."""
        worker = self._worker
        if not isinstance(self.store, DirectoryStore):
            paths = [document_path(document.sha256), *([with_hash(wanted, document.sha256)] if wanted else [])]
            for path in paths:
                await worker.storage.upload(partial(self._upload, document, path), lease)
            return paths[-1]
        try:
            await self.store.keep(document, worker.staging.executor)
            return await self.store.name(document, wanted) if wanted else None
        except StoreError as error:
            size = 0 if document.content is None else document.size
            raise await worker.storage.judge(error, size, lease) from error

    async def _upload(self, document: StagedBody, path: str) -> None:
        """Upload a document.

        Raises StoreError.
        """
        try:
            opened: Any = _Upload(document.path) if document.content is None else io.BytesIO(document.content)
        except OSError as error:
            raise StagingError(document.path, error) from error
        try:
            with opened as content:
                await ensure_awaitable(self.store.persist_file(path, content, self.spiderinfo))
            if self._worker.config.verify_uploads:
                await verify_upload(self.store, document, path, self.spiderinfo)
        except Exception as error:
            raise store_error(error, Path(path)) from error


class RecordsPipeline:
    """Writes the capture, whose outcome then says whether this URL owns the document or repeats it."""

    def __init__(self, crawler: Crawler) -> None:
        self._worker = Worker.of(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RecordsPipeline:
        """Return the pipeline."""
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:
        """Write a capture.

        Raises RecordsError for a row that the database refuses, ReleaseRequested if the worker ends meanwhile.
        """
        if isinstance(item, Capture):
            await self._worker.record(item)
        return item
