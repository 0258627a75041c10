"""Inspectors that work side by side, each with a thread that waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pdfspider.documents.inspection.inspector import PROGRAM, Inspector, Stopped, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdfspider.documents.inspection.limits import Limits
    from pdfspider.documents.inspection.report import Report

logger = logging.getLogger(__name__)

TURN = 1.0
"""Seconds after which no further document of a group is begun."""


class Pool:
    """Its processes are started when there is something to do."""

    def __init__(self, processes: int, limits: Limits, program: Sequence[str] = PROGRAM) -> None:
        self._inspectors = [Inspector(limits, program) for _ in range(processes)]
        self._idle = list(self._inspectors)
        self._lacking: Sequence[str] = ()
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="inspection")

    async def inspect(self, paths: Sequence[str]) -> list[Report | Unavailable]:
        """Inspects the first of these documents, for about a second: a group shares the way to the thread.

        At least one, unless the pool is closed meanwhile. Raises ConfigurationError when no process can be started.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._inspect, paths)

    async def close(self) -> None:
        """Ends the processes at once; what is under way has no report."""
        await asyncio.gather(*(asyncio.to_thread(inspector.close) for inspector in self._inspectors))
        self._threads.shutdown(wait=False)

    def _inspect(self, paths: Sequence[str]) -> list[Report | Unavailable]:
        found: list[Report | Unavailable] = []
        inspector = self._idle.pop()  # there are as many as threads
        until = time.monotonic() + TURN
        try:
            for path in paths:
                found.append(_attempt(inspector, path))
                if time.monotonic() > until:
                    break
        except Stopped:
            pass
        finally:
            self._tell(inspector.lacking)
            self._idle.append(inspector)
        return found

    def _tell(self, lacking: Sequence[str]) -> None:
        """Say once which layers of confinement this system does not have."""
        if lacking and not self._lacking:
            logger.warning("PDFs are inspected without %s: this system does not allow it", ", ".join(lacking))
            self._lacking = lacking


def _attempt(inspector: Inspector, path: str) -> Report | Unavailable:
    try:
        return inspector.inspect(path)
    except Unavailable as error:
        return error
