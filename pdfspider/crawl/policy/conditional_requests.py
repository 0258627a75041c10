"""Conditional requests: a document of an earlier run is downloaded only if it has changed.

Only documents are requested conditionally. An unchanged page would come without a body, and so without its links.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cachetools import FIFOCache
from redis.exceptions import RedisError

from pdfspider.documents.store import is_stored
from pdfspider.exceptions import JobNotFound, RecordsError
from pdfspider.frontier.leases import LeaseKind
from pdfspider.items import Outcome
from pdfspider.records.history import History

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.leases import Lease
    from pdfspider.items import Capture
    from pdfspider.records.history import EarlierDocument

logger = logging.getLogger(__name__)

MAX_RUNS = 4096
GONE_STATUSES = (404, 410)
_HEADER = re.compile(r"[\x21-\x7e][\x20-\x7e\x80-\xff]{0,1023}").fullmatch


class ConditionalRequests:
    """The documents of earlier runs, for the leases that a worker has just been granted.

    Each run is asked once whether there are earlier ones; a job's first run costs no more than that.
    """

    def __init__(self, config: Config, frontier: Frontier) -> None:
        self._config, self._frontier = config, frontier
        self._past: FIFOCache[int, tuple[int, ...]] = FIFOCache(MAX_RUNS)  # of two threads
        self._history: History | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def of(self, leases: Iterable[Lease]) -> dict[Lease, EarlierDocument]:
        """Return the document that each lease's URL had, none if the database cannot be read."""
        by_run: dict[int, list[Lease]] = {}
        for lease in leases:
            if lease.kind is LeaseKind.URL:
                by_run.setdefault(lease.run, []).append(lease)
        by_run = {run: found for run, found in by_run.items() if self._past.get(run) != ()}
        return await self._look_up(by_run) if by_run else {}

    async def _look_up(self, by_run: dict[int, list[Lease]]) -> dict[Lease, EarlierDocument]:
        jobs = {run: name for run in by_run if (name := await self._name(run))}
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._read, by_run, jobs)
        except RecordsError as error:
            logger.warning("Documents of earlier runs cannot be looked up and are fetched again: %s", error)
            return {}

    async def _name(self, run: int) -> str | None:
        try:
            return (await self._frontier.job(run)).name
        except (JobNotFound, RedisError):
            return None

    def _read(self, by_run: dict[int, list[Lease]], jobs: dict[int, str]) -> dict[Lease, EarlierDocument]:
        """Read the documents; runs in the thread."""
        history = self._history = self._history or History(self._config.database_url)
        found: dict[Lease, EarlierDocument] = {}
        for run, job in jobs.items():
            if run not in self._past:
                self._past[run] = history.runs_before(job, run)
            if past := self._past[run]:
                leases = {_fingerprint(lease): lease for lease in by_run[run]}
                known = history.documents(job, past, leases)
                found |= {leases[number]: earlier for number, earlier in known.items()}
        config = self._config
        return {
            lease: earlier if config.only_if_changed and is_kept(config, earlier.sha256) else unconditional(earlier)
            for lease, earlier in found.items()
        }

    async def close(self) -> None:
        """Close the connection to the database."""
        if self._thread is not None:
            if self._history is not None:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._history.close)
            self._thread.shutdown(wait=False)


def _fingerprint(lease: Lease) -> int:
    assert lease.entry is not None
    return int.from_bytes(lease.entry.fingerprint, "big", signed=True)


def is_kept(config: Config, sha256: str) -> bool:
    """Return whether the store has the document; an object store is not asked, which would cost a request."""
    directory: Path | None = config.store_directory
    return directory is None or is_stored(directory, sha256)


def unconditional(earlier: EarlierDocument) -> EarlierDocument:
    """Return the document without the validators of a condition."""
    return earlier._replace(etag=None, last_modified=None)


def condition(earlier: EarlierDocument, url: str) -> dict[str, str]:
    """Return the headers that ask for ``url`` only if it has changed (RFC 9110, 13.1).

    After a redirect only the ETag counts, because the redirect may lead to an older file by now.
    """
    headers = {}
    if earlier.etag and _HEADER(earlier.etag):
        headers["If-None-Match"] = earlier.etag
    if earlier.last_modified and earlier.final_url == url and _HEADER(earlier.last_modified):
        headers["If-Modified-Since"] = earlier.last_modified
    return headers


def compare(capture: Capture, earlier: EarlierDocument) -> tuple[Outcome, str | None] | None:
    """Return outcome class and reason of a visit to the URL of an earlier run's document.

    Return None where the earlier run makes no difference.
    """
    before = f"in the run of {_day(earlier.run)} it was {earlier.sha256}"
    if capture.outcome is Outcome.NOT_FOUND and capture.status in GONE_STATUSES:
        return Outcome.GONE, f"HTTP status {capture.status}; {before}"
    if capture.outcome is not Outcome.DOCUMENT:
        return None
    if capture.sha256 == earlier.sha256:
        return Outcome.UNCHANGED, capture.reason
    return Outcome.DOCUMENT, f"changed: {before}"


def _day(run: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(run / 1000))
