"""Filters with which templates write numbers, times and URLs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from pdfspider import formatting
from pdfspider.formatting import (
    FAILURE_OUTCOMES,
    LEFT_OUT_OUTCOMES,
    OUTCOME_MEANINGS,
    OUTCOMES_BY_NAME,
    counted,
    said_rate,
    said_size,
    said_time,
    total,
)
from pdfspider.submission.schedules import said_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SHOWN = 120


def number(value: float) -> str:
    """Return a whole number with separators."""
    return f"{value:,.0f}"


def moment(seconds: float | None) -> str:
    """Return a time as ``2026-11-28 08:15:03`` in UTC, "" for none."""
    return formatting.moment(seconds) if seconds else ""


def ago(seconds: float | None) -> str:
    """Return how long ago a time was, "" for none."""
    return f"{said_time(max(time.time() - seconds, 0))} ago" if seconds else ""


def pause(seconds: float) -> str:
    """Return a time between two requests, in parts of a second where it is short."""
    return f"{seconds:g} s" if seconds < 60 else said_time(seconds)


def shortened(text: str, limit: int = MAX_SHOWN) -> str:
    """Return a text without its middle if it is longer than ``limit``."""
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def host(url: str) -> str:
    """Return the host of a URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def file_name(url: str) -> str:
    """Return the last part of a URL's path, or its host."""
    path = url.partition("?")[0].rstrip("/")
    return unquote(path.rpartition("/")[2], errors="replace") or host(url) or url


def segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def is_followed(url: str) -> bool:
    """Return whether a URL may be a link: of HTTP, and nothing that a browser runs."""
    return url.lower().startswith(("http://", "https://"))


def failures(classes: Mapping[str, int]) -> int:
    """Return how many URLs failed."""
    return total(classes, FAILURE_OUTCOMES)


def left_out(classes: Mapping[str, int]) -> int:
    """Return how many URLs were left out."""
    return total(classes, LEFT_OUT_OUTCOMES)


def meaning(outcome: str) -> str:
    """Return what an outcome class means."""
    return OUTCOME_MEANINGS[OUTCOMES_BY_NAME[outcome]] if outcome in OUTCOMES_BY_NAME else ""


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago,
    "failures": failures,
    "file_name": file_name,
    "host": host,
    "interval": said_interval,
    "left_out": left_out,
    "meaning": meaning,
    "moment": moment,
    "number": number,
    "pause": pause,
    "rate": said_rate,
    "segment": segment,
    "shortened": shortened,
    "size": said_size,
    "span": said_time,
}
GLOBALS: dict[str, Any] = {"counted": counted, "is_followed": is_followed}
