"""Errors of the document store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.exceptions import PdfSpiderError

if TYPE_CHECKING:
    from pathlib import Path


class StoreError(PdfSpiderError):
    """The document store refused a file: disk full, no permission, directory gone.

    It is no OSError, because Scrapy takes every OSError for a network failure.
    """

    def __init__(self, path: Path, reason: OSError | str) -> None:
        self.path = path
        self.errno = None if isinstance(reason, str) else reason.errno
        self.reason = reason if isinstance(reason, str) else reason.strerror or str(reason)
        super().__init__(f"cannot write {path}: {self.reason}")


class StagingError(StoreError):
    """A document could not be staged."""


class StagingBusy(StagingError):
    """Other documents take up all the room that staging may have."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, or takes nothing now, and no document is the cause."""
