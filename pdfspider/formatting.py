"""Format outcome classes, sizes and times for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pdfspider.frontier.scripts import PREFIX
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.exceptions import RedisError

FOUND_OUTCOMES = (Outcome.DOCUMENT, Outcome.DUPLICATE, Outcome.UNCHANGED, Outcome.PAGE, Outcome.REDIRECT, Outcome.OTHER)
LEFT_OUT_OUTCOMES = (
    Outcome.ROBOTS_DENIED,
    Outcome.OUT_OF_SCOPE,
    Outcome.OVER_BUDGET,
    Outcome.TRAP,
    Outcome.BLOCKED,
    Outcome.CANCELLED,
)
FAILURE_OUTCOMES = tuple(outcome for outcome in Outcome if outcome not in FOUND_OUTCOMES + LEFT_OUT_OUTCOMES)

OUTCOMES_BY_NAME = {outcome.value: outcome for outcome in Outcome}
OUTCOME_MEANINGS = {
    Outcome.DOCUMENT: "PDFs that are new to this job",
    Outcome.DUPLICATE: "PDFs that this job has from another URL",
    Outcome.UNCHANGED: "as an earlier run brought them",
    Outcome.PAGE: "searched for links",
    Outcome.REDIRECT: "led to another host, followed there",
    Outcome.OTHER: "neither a PDF nor a page",
    Outcome.LOGIN_WALL: "a login instead of a document",
    Outcome.CHALLENGE: "a bot protection's challenge, or a captcha",
    Outcome.NOT_READY: "the server was still preparing it (202)",
    Outcome.EMPTY: "an answer without a body",
    Outcome.TRUNCATED: "a PDF without its end",
    Outcome.TOO_LARGE: "larger than DOWNLOAD_MAXSIZE",
    Outcome.BAD_ENCODING: "a compressed body that does not unpack",
    Outcome.REDIRECT_LOOP: "redirects without an end",
    Outcome.OUT_OF_SCOPE: "redirects that leave the job's scope, and addresses that it may not ask",
    Outcome.NOT_FOUND: "not there (404, 410)",
    Outcome.GONE: "not there; an earlier run had it",
    Outcome.FORBIDDEN: "the server refuses (401, 403, 451)",
    Outcome.HTTP_ERROR: "another HTTP error",
    Outcome.SERVER_ERROR: "the server failed (5xx)",
    Outcome.THROTTLED: "the server is asked too often (429)",
    Outcome.DNS_ERROR: "the host's name is not known",
    Outcome.CONNECTION_ERROR: "no connection, or one that broke",
    Outcome.BAD_RESPONSE: "a response that is no HTTP",
    Outcome.TLS_ERROR: "no secure connection",
    Outcome.TIMEOUT: "the server is silent or too slow",
    Outcome.ROBOTS_DENIED: "robots.txt does not allow it",
    Outcome.ROBOTS_UNAVAILABLE: "the host's robots.txt cannot be read",
    Outcome.HOST_DOWN: "given up with their host, which only failed",
    Outcome.OVER_BUDGET: "more than the job's limits allow",
    Outcome.TRAP: "pages without an end, left alone",
    Outcome.BLOCKED: "an operator has blocked the host, or a pattern of URLs",
    Outcome.CANCELLED: "the job was cancelled",
    Outcome.POISON: "every worker that fetched it died",
    Outcome.STORE_ERROR: "the document cannot be stored",
    Outcome.PIPELINE_ERROR: "an item pipeline failed: see the log",
    Outcome.INTERNAL_ERROR: "a defect of pdfspider or of the spider: see the log",
}

TIME_SCALES = (
    (60, 1, 1, ("s", "")),
    (3600, 60, 1, ("min", "s")),
    (86400, 3600, 60, ("h", "min")),
    (100 * 86400, 86400, 3600, ("d", "h")),
)

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]").sub
"""Controls of terminals, what reorders a text, and what no encoding has."""
PROGRAM_NAMES = ("pdfspider", "scrapy")
"""The names under which the commands are started."""


def total(classes: Mapping[str, int], outcomes: tuple[Outcome, ...]) -> int:
    """Return how many URLs ended in any of these outcomes."""
    return sum(classes.get(outcome.value, 0) for outcome in outcomes)


def printable(text: str) -> str:
    """Return a text that does nothing to a terminal: its control characters are escaped as in JSON."""
    return _INVISIBLE(lambda found: f"\\u{ord(found[0]):04x}", text)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 URL``, ``1,200 URLs``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def said_size(size: float) -> str:
    """Return bytes in decimal units: ``12.4 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.95:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def said_time(seconds: float) -> str:
    """Return a duration: ``42 s``, ``3 min 5 s``, ``2 h``, ``4 d 3 h``."""
    whole = round(seconds)
    for limit, large, small, names in TIME_SCALES:
        if whole < limit:
            rest = whole % large // small
            return f"{whole // large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")
    return f"{whole // 86400:,} d"


def moment(seconds: float) -> str:
    """Return a time as ``2026-11-28 08:15:03`` in UTC, as ``@1e+300`` if it is in no year from 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"@{seconds:g}"


def clock(seconds: float) -> str:
    """Return a duration as on a clock: ``0:01:12``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def said_rate(per_second: float) -> str:
    """Return a number of URLs per second."""
    return f"{per_second:.1f} URLs/s" if per_second < 100 else f"{per_second:,.0f} URLs/s"


def refusal(error: RedisError) -> str:
    """Return Redis's error message, with a hint to ``scrapy audit`` for a key of the wrong type."""
    wrong = "wrong kind of value" in str(error) or f"WRONGTYPE {PREFIX}" in str(error)
    return f"{error}; scrapy audit names such keys" if wrong else str(error)
