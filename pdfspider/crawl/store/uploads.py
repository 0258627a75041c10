"""What a store that is no directory says of a document: why it did not take it, and whether it really did."""

from __future__ import annotations

import asyncio
import ftplib
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
NOT_FOUND = 404
OWN_CODES = frozenset(
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
OWN_STATUSES = frozenset({411, 412, 413})
OWN_REPLIES = ("501", "504", "553")
"""Replies of FTP servers that are about the file."""
DEFECTS = (TypeError, ValueError, LookupError, AttributeError, AssertionError, NotImplementedError)
"""Exceptions that a store's own mistake raises, whoever is there or not."""


class StoreAway(StoreError):
    """The store cannot be reached, or takes nothing now: none of it is a document's fault."""


def check_bucket(store: Any) -> None:
    """Raise StoreError where S3 says that there is no such bucket. Whatever else it says may pass. Blocks."""
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
    """Return the StoreError for what a store's client raised: a StoreAway unless it is about the document."""
    if isinstance(error, StoreError):
        return error
    kind = StoreError if _is_own(error) else StoreAway
    return kind(path, f"{type(error).__name__}: {error}")


def _is_own(error: Exception) -> bool:
    """Return whether an error of botocore, ftplib, google-cloud-storage or another client is about the document."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return response.get("Error", {}).get("Code") in OWN_CODES or status in OWN_STATUSES
    if isinstance(error, ftplib.error_perm):
        return str(error).startswith(OWN_REPLIES)
    return isinstance(error, DEFECTS) or getattr(error, "code", None) in OWN_STATUSES


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
