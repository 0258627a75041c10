"""Inspect stored documents, and record the results."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from pdfspider.documents.inspection.inspector import DocumentUnavailable
from pdfspider.documents.inspection.pool import InspectorPool
from pdfspider.documents.inspection.report import FIELDS, InspectionReport
from pdfspider.documents.inspection.thumbnails import keep_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.records import Database

    Found = Mapping[str, InspectionReport | DocumentUnavailable]

logger = logging.getLogger(__name__)

BATCH_SIZE = 32
"""Documents that share the ways to threads, and a transaction."""
UNAVAILABLE_STATUS = "unavailable"


class InspectionService:
    """Inspects documents; ``count`` gets the status of each inspection, or ``unavailable``."""

    def __init__(self, config: Config, records: Database, copies: Copies, count: Callable[[str], None]) -> None:
        self._records, self._copies, self._count = records, copies, count
        self._thumbnails = config.data_dir / "thumbnails"
        self._pool = InspectorPool(config.inspect_processes, config.inspect_limits)

    async def inspect(self, hashes: Sequence[str]) -> Found:
        """Inspect the first of these documents and record the results, none once it was closed.

        Raises ConfigurationError if nothing can be inspected, and RecordsError if nothing can be recorded.
        """
        async with self._copies.of(hashes) as paths:
            found = dict(zip(hashes, await self._pool.inspect(paths), strict=False))
        await self._records.write_inspections(self._rows(found))  # made in that thread, for thumbnails are files
        for sha256, result in found.items():
            self._note(sha256, result)
        return found

    async def close(self) -> None:
        """End inspections in progress, whose documents stay without one."""
        await self._pool.close()

    def _rows(self, found: Found) -> Iterator[dict[str, Any]]:
        for sha256, result in found.items():
            if isinstance(result, InspectionReport):
                row = {name: getattr(result, name) for name in FIELDS}
                row |= {"sha256": sha256, "inspected": time.time()}
                row["thumbnail"] = self._keep_thumbnail(sha256, result.thumbnail) if result.thumbnail else None
                yield row

    def _keep_thumbnail(self, sha256: str, content: bytes) -> str | None:
        try:
            return keep_thumbnail(self._thumbnails, sha256, content)
        except OSError as error:
            logger.error("The thumbnail of %s cannot be kept: %s", sha256, error)
            return None

    def _note(self, sha256: str, result: InspectionReport | DocumentUnavailable) -> None:
        if isinstance(result, DocumentUnavailable):
            logger.warning("The document %s cannot be inspected: %s", sha256, result)
            self._count(UNAVAILABLE_STATUS)
        else:
            self._count(result.status.value)
