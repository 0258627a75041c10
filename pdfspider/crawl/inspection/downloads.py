"""Download documents of an object store to local files."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.pipelines.files import S3FilesStore

from pdfspider.crawl.scrapy_internals import configure_stores
from pdfspider.crawl.store.pipelines import PdfFilesPipeline
from pdfspider.documents.store import document_path
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)


class S3Copies:
    """Downloads each document to a temporary file, which is removed afterwards."""

    def __init__(self, uri: str, settings: BaseSettings) -> None:
        """Prepare the client.

        Raises ConfigurationError for a store that is not S3.
        """
        if not uri.startswith("s3://"):
            raise ConfigurationError(f"documents cannot be read back from {uri}: only from a directory or s3://")
        configure_stores(PdfFilesPipeline, settings)
        self._store = S3FilesStore(uri)

    @asynccontextmanager
    async def of(self, hashes: Sequence[str]) -> AsyncIterator[list[str]]:
        """Yield the paths of the documents; a path does not exist if its document cannot be had."""
        with tempfile.TemporaryDirectory(prefix="pdfspider-") as directory:
            paths = [f"{directory}/{sha256}.pdf" for sha256 in hashes]
            await asyncio.gather(*map(asyncio.to_thread, [self._fetch] * len(paths), hashes, paths))
            yield paths

    def _fetch(self, sha256: str, path: str) -> None:
        store = self._store
        try:
            found = store.s3_client.get_object(Bucket=store.bucket, Key=f"{store.prefix}{document_path(sha256)}")
            with Path(path).open("wb") as file:
                file.writelines(found["Body"].iter_chunks(1 << 20))
        except Exception as error:  # of many kinds, and the next document is another matter
            logger.warning("Cannot fetch %s: %s", document_path(sha256), error)
            Path(path).unlink(missing_ok=True)
