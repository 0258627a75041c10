"""Make one result for each message, from what the database has about its run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pdfspider.formatting import FOUND_OUTCOMES
from pdfspider.frontier.jobs import KEY_LENGTH
from pdfspider.gateway.base import Result
from pdfspider.gateway.outbound.bounds import bounded, encode
from pdfspider.items import Outcome
from pdfspider.records.results import STORED_OUTCOMES, Results

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.config import Config
    from pdfspider.frontier.results.pending_results import EndedRun

PAGE_SIZE = 500
FAILED_OUTCOMES = [outcome for outcome in Outcome if outcome not in FOUND_OUTCOMES]


class ResultMaker:
    """Describes runs and documents in the form that masters get."""

    def __init__(self, config: Config) -> None:
        self._store = config.shown_store.rstrip("/")
        self._listed = config.gateway.listed
        self.limit = config.gateway.result_size
        """Bytes of a result; 0: no limit."""
        self._results = Results(config.database_url)

    async def describe(self, job: str, run: int, state: str) -> dict[str, Any]:
        """Return the result of a run so far.

        Raises RecordsError.
        """
        found = await self._results.read(job, run, FAILED_OUTCOMES, self._listed)
        counts = {
            "documents": found.classes.get(Outcome.DOCUMENT.value, 0),
            "pages": found.classes.get(Outcome.PAGE.value, 0),
            "failures": sum(found.classes.get(outcome.value, 0) for outcome in FAILED_OUTCOMES),
            "urls": sum(found.classes.values()),
        }
        stored = sum(found.classes.get(outcome, 0) for outcome in STORED_OUTCOMES)
        return {
            "job": job,
            "run": run,
            "state": state,
            "documents": [self._document(row) for row in found.documents],
            "failures": found.failures,
            "counts": counts,
            "classes": dict(found.classes),
            "truncated": (len(found.documents), len(found.failures)) != (stored, counts["failures"]),
        }

    async def events(self, job: str, run: int, fingerprints: Iterable[bytes]) -> dict[bytes, dict[str, Any]]:
        """Return the events of these documents, by their fingerprints.

        Raises RecordsError.
        """
        rows = await self._results.documents(job, run, [_number(fingerprint) for fingerprint in fingerprints])
        return dict(self._event(job, run, row) for row in rows)

    async def events_after(self, job: str, run: int, last: bytes | None) -> dict[bytes, dict[str, Any]]:
        """Return events of a run in the order of their fingerprints, none at the end.

        Raises RecordsError.
        """
        rows = await self._results.documents_after(job, run, None if last is None else _number(last), PAGE_SIZE)
        return dict(self._event(job, run, row) for row in rows)

    async def close(self) -> None:
        """Close the connection to the database."""
        await self._results.close()

    def _event(self, job: str, run: int, row: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        fingerprint = row.pop("fingerprint").to_bytes(8, "big", signed=True)
        return fingerprint, {"id": f"{run}-{fingerprint.hex()}", "job": job, "run": run, **self._document(row)}

    def _document(self, row: dict[str, Any]) -> dict[str, Any]:
        path = row.pop("path")
        return {**row, "stored": f"{self._store}/{path}" if path else None}


def _number(fingerprint: bytes) -> int:
    """Return a fingerprint as the database stores it."""
    return int.from_bytes(fingerprint, "big", signed=True)


def result_for(ended: EndedRun, described: dict[str, Any], key: bytes, record: bytes, limit: int) -> Result:
    """Return the result for one message, shortened to ``limit`` bytes if possible.

    ``task_id`` and ``meta`` are the master's own.
    """
    task = json.loads(record)
    reply = task.pop("reply")
    identity = f"{ended.run}-{key[:KEY_LENGTH].decode()}"
    whole = {"id": identity, **task, **described}
    body = encode(whole)
    if limit and len(body) > limit:
        body = encode(bounded(whole, limit))
    return Result(id=identity, job=ended.job, reply=reply, body=body)
