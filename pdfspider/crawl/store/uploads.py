"""Errors of stores that are not directories, and the check that an upload succeeded."""

from __future__ import annotations

import asyncio
import ftplib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.pipelines.files import S3FilesStore
from scrapy.utils.defer import ensure_awaitable

from pdfspider.crawl.scrapy_internals import head_of
from pdfspider.documents.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from pdfspider.documents.staging import StagedBody

MD5_LENGTH = 32
NOT_FOUND = 404
OBJECT_ERROR_CODES = frozenset(
    {
        "BadDigest",
        "EntityTooLarge",
        "IncompleteBody",
        "InvalidArgument",
        "InvalidDigest",
        "InvalidRequest",
        "KeyTooLongError",
        "MissingContentLength",
        "XAmzContentSHA256Mismatch",
    }
)
"""Error codes of S3 that are about the object."""
OBJECT_ERROR_STATUSES = frozenset({411, 412, 413})
OBJECT_ERROR_REPLIES = ("501", "504", "553")
"""Replies of FTP servers that are about the file."""
DEFECT_EXCEPTIONS = (TypeError, ValueError, LookupError, AttributeError, AssertionError, NotImplementedError)
"""Exceptions that a store's own mistake raises, whoever is there or not."""


def check_bucket(store: Any) -> None:
    """Raise StoreError if S3 says that the bucket does not exist; other errors may pass.

    The call blocks.
    """
    if not isinstance(store, S3FilesStore):
        return
    client: Any = store.s3_client
    try:
        client.head_bucket(Bucket=store.bucket)
    except Exception as error:
        response = getattr(error, "response", {})
        if response.get("ResponseMetadata", {}).get("HTTPStatusCode") == NOT_FOUND:
            raise StoreError(Path(store.bucket), "there is no such bucket") from None


def store_error(error: Exception, path: Path) -> StoreError:
    """Return the StoreError for an error of a store's client: a StoreUnavailable unless the document is the cause."""
    if isinstance(error, StoreError):
        return error
    kind = StoreError if _is_own(error) else StoreUnavailable
    return kind(path, f"{type(error).__name__}: {error}")


def _is_own(error: Exception) -> bool:
    """Return whether an error of botocore, ftplib, google-cloud-storage or another client is about the document."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return response.get("Error", {}).get("Code") in OBJECT_ERROR_CODES or status in OBJECT_ERROR_STATUSES
    if isinstance(error, ftplib.error_perm):
        return str(error).startswith(OBJECT_ERROR_REPLIES)
    return isinstance(error, DEFECT_EXCEPTIONS) or getattr(error, "code", None) in OBJECT_ERROR_STATUSES


async def verify_upload(store: Any, document: StagedBody, path: str, info: Any) -> None:
    """Raise StoreError if the store does not have the whole document under a path.

    S3 is asked for the size, because its ETag is not always an MD5, and S3 has checked the bytes that it received.
    Other stores are asked for their checksum.
    """
    if isinstance(store, S3FilesStore):
        found: Any = (await head_of(store, path))["ContentLength"]
        expected: Any = document.size
    else:
        stat = await ensure_awaitable(store.stat_file(path, info))
        found, expected = stat.get("checksum"), await asyncio.to_thread(_md5, document)
        if isinstance(found, str) and len(found) != MD5_LENGTH:
            return
    if found != expected:
        raise StoreError(Path(path), f"the store has {found} after the upload, not {expected}")


def _md5(document: StagedBody) -> str:
    content = document.path.read_bytes() if document.content is None else document.content
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
