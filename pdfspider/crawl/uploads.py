"""What an object store says of a document that it has just taken: some lose one without a word."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.pipelines.files import S3FilesStore
from scrapy.utils.defer import ensure_awaitable

from pdfspider.documents.errors import StoreError
from pdfspider.documents.store import document_path

if TYPE_CHECKING:
    from pdfspider.documents.staging import Finished

MD5_LENGTH = 32


async def verify_upload(store: Any, document: Finished, info: Any) -> None:
    """Raises StoreError where the store does not have the document, or not all of it.

    S3 is asked for the size, for its ETag is not always an MD5, and what came over the line it has checked itself;
    other stores are asked for their checksum.
    """
    path = document_path(document.sha256)
    if isinstance(store, S3FilesStore):
        head = await ensure_awaitable(store._get_boto_key(path))  # noqa: SLF001 - stat_file tells no size
        found: Any = head["ContentLength"]
        expected: Any = document.size
    else:
        stat = await ensure_awaitable(store.stat_file(path, info))
        found, expected = stat.get("checksum"), await asyncio.to_thread(_md5, document)
        if isinstance(found, str) and len(found) != MD5_LENGTH:
            return
    if found != expected:
        raise StoreError(Path(path), f"the store has {found} after the upload, not {expected}")


def _md5(document: Finished) -> str:
    content = document.path.read_bytes() if document.content is None else document.content
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
