"""Convert captures to rows that every database takes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from pdfspider.items import Outcome

if TYPE_CHECKING:
    from pdfspider.items import Capture

Row = dict[str, Any]
CaptureKey = tuple[str, int, int]
OwnerKey = tuple[str, int, str]

OUTCOMES = {outcome.value: outcome for outcome in Outcome}

MAX_TEXT = 16_384
"""Longest text in characters; a longer one is cut."""


TEXT_COLUMNS = (
    "job",
    "url",
    "final_url",
    "found_on",
    "technique",
    "reason",
    "content_type",
    "disposition_name",
    "etag",
    "last_modified",
    "worker",
    "robots_directives",
)
"""The columns of a capture whose text may come from elsewhere."""


def clean(text: str | None) -> str | None:
    """Return the text with U+FFFD for what no database takes: NUL characters and lone surrogates."""
    if text is None:
        return None
    text = text[:MAX_TEXT]
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd")


def capture_row(capture: Capture) -> Row:
    """Return the row of a capture."""
    row = _plain_row(capture)
    texts = "".join([value for value in row.values() if isinstance(value, str)])
    if len(texts) > MAX_TEXT or not texts.isascii() or "\0" in texts:
        row |= {name: clean(row[name]) for name in TEXT_COLUMNS}
    return row


def _plain_row(capture: Capture) -> Row:
    return {
        "job": capture.job,
        "run": capture.run,
        "fingerprint": capture.fingerprint,
        "url": capture.url,
        "final_url": capture.final_url,
        "hops": json.dumps([[hop.status, clean(hop.url)] for hop in capture.hops]) if capture.hops else "[]",
        "found_on": capture.found_on,
        "technique": capture.technique,
        "depth": capture.depth,
        "status": capture.status,
        "outcome": capture.outcome.value,
        "reason": capture.reason,
        "sha256": capture.sha256,
        "content_type": capture.content_type,
        "disposition_name": capture.disposition_name,
        "etag": capture.etag,
        "last_modified": capture.last_modified,
        "size": capture.size,
        "started": capture.started,
        "finished": capture.finished,
        "worker": capture.worker,
        "attempt": capture.attempt,
        "token": capture.token,
        "reach": capture.reach,
        "robots_directives": capture.robots_directives,
        "nofollow_links": capture.nofollow_links,
    }


def document_row(row: Row) -> Row:
    """Return the row of the capture's document; ``path`` is its name in the document store."""
    sha256 = row["sha256"]
    return {
        "sha256": sha256,
        "size": row["size"],
        "first_seen": row["finished"] or time.time(),
        "path": f"{sha256[:2]}/{sha256[2:4]}/{sha256}.pdf",
    }


def owner_row(row: Row) -> Row:
    """Return the row that makes the capture's URL the owner of its document in this run."""
    return {name: row[name] for name in ("job", "run", "sha256", "fingerprint")}


def capture_key(row: Row) -> CaptureKey:
    """Return the primary key of a capture."""
    return row["job"], row["run"], row["fingerprint"]


def owner_key(row: Row) -> OwnerKey:
    """Return the primary key of an owner."""
    return row["job"], row["run"], row["sha256"]
