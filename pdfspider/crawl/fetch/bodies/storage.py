"""The part of the state of the document store that a reader of responses asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pdfspider.documents.errors import StagingError
    from pdfspider.exceptions import PdfSpiderError
    from pdfspider.frontier.leases import Lease


class StorageState(Protocol):
    """The state of the document store, which ``policy/storage.py`` keeps."""

    @property
    def is_closed(self) -> bool:
        """Return whether the store takes no documents."""

    def check_size(self, size: int) -> None:
        """Raise FetchError for a document that is too large for the store."""

    async def judge(self, error: StagingError, size: int, lease: Lease) -> PdfSpiderError:
        """Return the error for ``size`` bytes that could not be staged."""
