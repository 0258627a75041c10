"""The rules for hosts that are slow, overloaded or failing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HostSignal(StrEnum):
    """The signal about its host that a lease gave."""

    NOTHING = ""
    OK = "ok"
    """The host answered, whatever the status."""
    BUSY = "busy"
    """The host is overloaded: 429 or 503."""
    DOWN = "down"
    """The host failed."""
    UNKNOWN = "unknown"
    """The host's name is not known: it failed, and is not expected to work after some minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The rules of all host gates, with times in seconds; all workers of a frontier should have the same."""

    backoff: float = 5.0
    longest_backoff: float = 300.0
    breaker_failures: int = 10
    """Failures in a row that open the breaker; 0: never."""
    breaker_seconds: float = 60.0
    breaker_openings: int = 5
    concurrency: float = 0.0
    """Requests in flight that adapted delays aim at; 0: delays do not adapt."""
    first_delay: float = 5.0
    longest_delay: float = 60.0
    patience: float = 7 * 24 * 3600.0
    """Seconds in which the waiting URLs of a host with a long Crawl-delay must be done; 0: no limit."""

    def rules(self) -> tuple[float, ...]:
        """Return the rules as the scripts take them, in milliseconds."""
        return (
            int(self.backoff * 1000),
            int(self.longest_backoff * 1000),
            self.breaker_failures,
            int(self.breaker_seconds * 1000),
            self.breaker_openings,
            self.concurrency,
            int(self.longest_delay * 1000),
        )

    def lease_rules(self) -> tuple[int, int, int]:
        """Return the rules that a lease call needs, in ms: longest back-off, first delay, patience.

        The first delay is -1 if delays do not adapt.
        """
        first = int(self.first_delay * 1000) if self.concurrency else -1
        return int(self.longest_backoff * 1000), first, int(self.patience * 1000)
