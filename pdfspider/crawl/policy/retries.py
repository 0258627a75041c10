"""Decide which failures are tried again, and when."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pdfspider.frontier.gates import HostSignal
from pdfspider.items import Capture, Outcome

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.crawl.fetch.responses import StagedResponse

RETRYABLE_OUTCOMES = frozenset(
    {
        Outcome.TRUNCATED,
        Outcome.DNS_ERROR,
        Outcome.CONNECTION_ERROR,
        Outcome.BAD_RESPONSE,
        Outcome.TIMEOUT,
        Outcome.ROBOTS_UNAVAILABLE,
        Outcome.STORE_ERROR,
    }
)
"""Failures that may pass whatever the status was."""
HOST_DOWN_OUTCOMES = frozenset(
    {
        Outcome.DNS_ERROR,
        Outcome.CONNECTION_ERROR,
        Outcome.TLS_ERROR,
        Outcome.TIMEOUT,
        Outcome.SERVER_ERROR,
        Outcome.ROBOTS_UNAVAILABLE,
    }
)
RETRYABLE_BY_STATUS = frozenset(
    {
        Outcome.SERVER_ERROR,
        Outcome.THROTTLED,
        Outcome.NOT_FOUND,
        Outcome.FORBIDDEN,
        Outcome.HTTP_ERROR,
    }
)
"""Failures that may pass if ``RETRY_HTTP_CODES`` has their status."""
BUSY_STATUSES = (429, 503)
MAX_DELAY_S = 3600.0
MAX_HOLD_S = 24 * 3600.0


def retry_delay(config: Config, capture: Capture) -> float | None:
    """Return the seconds until a failure is tried again, None if it is final."""
    tries = _tries(config, capture)
    if not tries or (counts(capture) and capture.lease.attempt > tries):
        return None
    return max(float(min(config.retry_delay * 2 ** (capture.lease.attempt - 1), MAX_DELAY_S)), capture.retry_in)


def _tries(config: Config, capture: Capture) -> int:
    """Return how many further tries a failure gets."""
    if capture.outcome is Outcome.NOT_READY:
        return config.polls
    if capture.outcome in RETRYABLE_OUTCOMES or (
        capture.outcome in RETRYABLE_BY_STATUS and capture.status in config.retry_codes
    ):
        return config.retries
    return 0


def may_pass(config: Config, capture: Capture) -> bool:
    """Return whether a failure is of a kind that is tried again."""
    return _tries(config, capture) > 0


def counts(capture: Capture) -> bool:
    """Return whether a failure counts as a try; it does not while its host is overloaded."""
    return not (capture.lease.resting and capture.lease.host_signal is HostSignal.BUSY)


def host_signal(outcome: Outcome, status: int | None) -> HostSignal:
    """Return what the end of a visit says about the URL's host."""
    if status in BUSY_STATUSES:
        return HostSignal.BUSY
    if outcome is Outcome.DNS_ERROR:
        return HostSignal.UNKNOWN
    if outcome in HOST_DOWN_OUTCOMES:
        return HostSignal.DOWN
    return HostSignal.NOTHING if status is None else HostSignal.OK


def retry_after(response: StagedResponse) -> float:
    """Return the seconds of a Retry-After (RFC 9110, 10.2.3: seconds or a date)."""
    value = (response.header("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            seconds = 0.0
    return min(max(seconds, 0.0), MAX_HOLD_S)
