"""Opens doubtful documents with PDFium, in a confined process, before they are kept."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from pdfspider.documents.errors import StagingError
from pdfspider.documents.inspection.limits import InspectionLimits
from pdfspider.documents.inspection.pool import InspectorPool
from pdfspider.documents.inspection.report import InspectionReport, InspectionStatus
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pdfspider.documents.staging import StagedBody

logger = logging.getLogger(__name__)


class OpenTester:
    """One process, which is started when the first document is doubtful."""

    def __init__(self, limits: InspectionLimits) -> None:
        self._limits = InspectionLimits(timeout=limits.timeout, memory=limits.memory)
        self._pool: InspectorPool | None = None

    async def opens(self, document: StagedBody) -> bool:
        """Return whether a staged document can be opened and has pages, or asks for a password. Raises StagingError."""
        if document.content is None:
            return await self._opens(document.path)
        copy = document.path.with_name(f"{document.path.name}-doubtful")
        try:
            await asyncio.to_thread(_write, copy, document.content)
            return await self._opens(copy)
        finally:
            await asyncio.to_thread(copy.unlink, missing_ok=True)

    async def _opens(self, path: Path) -> bool:
        self._pool = self._pool or InspectorPool(1, self._limits)
        try:
            reports = await self._pool.inspect([str(path)])
        except ConfigurationError as error:
            logger.error("A doubtful document is not kept: %s", error)
            return False
        return any(isinstance(report, InspectionReport) and _is_readable(report) for report in reports)

    async def close(self) -> None:
        """End the process at once."""
        if self._pool:
            await self._pool.close()


def _is_readable(report: InspectionReport) -> bool:
    return report.status is InspectionStatus.ENCRYPTED or (report.status is InspectionStatus.OK and bool(report.pages))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise StagingError(path, error) from error
