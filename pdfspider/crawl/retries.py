"""What is tried again, and when."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pdfspider.items import Capture, Outcome

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.crawl.responses import StagedResponse

PASSING = frozenset(
    {
        Outcome.TRUNCATED,
        Outcome.DNS_ERROR,
        Outcome.CONNECTION_ERROR,
        Outcome.TIMEOUT,
        Outcome.ROBOTS_UNAVAILABLE,
        Outcome.STORE_ERROR,
    }
)
LONGEST_DELAY = 3600.0
LONGEST_HOLD = 24 * 3600.0


def retry_delay(config: Config, capture: Capture) -> float | None:
    """Seconds until a failure is tried again; None where it is final."""
    passing = capture.outcome in PASSING or capture.status in config.retry_codes
    if not passing or capture.lease.attempt > config.retries:
        return None
    return float(min(config.retry_delay * 2 ** (capture.lease.attempt - 1), LONGEST_DELAY))


def retry_after(response: StagedResponse) -> float:
    """Seconds for which a host asks to be left alone (RFC 9110, 10.2.3: seconds or a date)."""
    value = (response.header("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError):
            seconds = 0.0
    return min(max(seconds, 0.0), LONGEST_HOLD)
