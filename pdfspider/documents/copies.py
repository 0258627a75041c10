"""Provide stored documents as local files."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from pdfspider.documents.store import document_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path


class Copies(Protocol):
    """A provider of stored documents as local files."""

    def of(self, hashes: Sequence[str]) -> AbstractAsyncContextManager[list[str]]:
        """Return a context with the paths of these documents, in their order."""


class DirectoryCopies:
    """The documents of a directory store."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @asynccontextmanager
    async def of(self, hashes: Sequence[str]) -> AsyncIterator[list[str]]:
        """Yield the paths of these documents, in their order."""
        yield [f"{self._directory}/{document_path(sha256)}" for sha256 in hashes]
