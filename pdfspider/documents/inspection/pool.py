"""Run several inspectors side by side, each with a thread."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pdfspider.documents.inspection.inspector import PROGRAM, DocumentUnavailable, Inspector, InspectorClosed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdfspider.documents.inspection.limits import InspectionLimits
    from pdfspider.documents.inspection.report import InspectionReport

logger = logging.getLogger(__name__)

MAX_TURN_S = 1.0
"""Seconds after which no further document of a group is started."""


class InspectorPool:
    """A pool of inspectors, whose processes start with the first document."""

    def __init__(self, processes: int, limits: InspectionLimits, program: Sequence[str] = PROGRAM) -> None:
        self._inspectors = [Inspector(limits, program) for _ in range(processes)]
        self._idle = list(self._inspectors)
        self._lacking: Sequence[str] = ()
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="inspection")

    async def inspect(self, paths: Sequence[str]) -> list[InspectionReport | DocumentUnavailable]:
        """Inspect the first of these documents, for about a second.

        A group needs one switch of threads. At least one document is inspected, unless the pool is closed meanwhile.
        Raises ConfigurationError if no process can be started.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._inspect, paths)

    async def close(self) -> None:
        """End the processes at once; documents under inspection get no report."""
        await asyncio.gather(*(asyncio.to_thread(inspector.close) for inspector in self._inspectors))
        self._threads.shutdown(wait=False)

    def _inspect(self, paths: Sequence[str]) -> list[InspectionReport | DocumentUnavailable]:
        found: list[InspectionReport | DocumentUnavailable] = []
        inspector = self._idle.pop()  # there is one for each thread
        until = time.monotonic() + MAX_TURN_S
        try:
            for path in paths:
                found.append(_attempt(inspector, path))
                if time.monotonic() > until:
                    break
        except InspectorClosed:
            pass
        finally:
            self._tell(inspector.lacking)
            self._idle.append(inspector)
        return found

    def _tell(self, lacking: Sequence[str]) -> None:
        """Log once which layers of confinement this system lacks."""
        if lacking and not self._lacking:
            logger.warning("PDFs are inspected without %s: this system does not allow it", ", ".join(lacking))
            self._lacking = lacking


def _attempt(inspector: Inspector, path: str) -> InspectionReport | DocumentUnavailable:
    try:
        return inspector.inspect(path)
    except DocumentUnavailable as error:
        return error
