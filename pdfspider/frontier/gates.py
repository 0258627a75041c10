"""How hosts are treated that do not answer as they should."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HostSignal(StrEnum):
    """What the end of a lease showed of its host."""

    NOTHING = ""
    OK = "ok"
    """It answered, whatever it said."""
    BUSY = "busy"
    """It wants to be left alone: 429 or 503."""
    DOWN = "down"
    """It failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The rules of all host gates; times in seconds. All workers of a frontier should have the same."""

    backoff: float = 5.0
    longest_backoff: float = 300.0
    breaker_failures: int = 10
    """Failures in a row that open the breaker; 0: it never opens."""
    breaker_seconds: float = 60.0
    breaker_openings: int = 5
    concurrency: float = 0.0
    """Requests in flight that adapted delays aim at; 0: delays do not adapt."""
    first_delay: float = 5.0
    longest_delay: float = 60.0
    patience: float = 7 * 24 * 3600.0
    """Within which a host that asks to be asked slowly has to be done with what waits for it; 0: any time."""

    def rules(self) -> tuple[float, ...]:
        """As the scripts take them, in ms."""
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
        """Return what a lease call takes of them in ms: the longest back-off, the first delay, the patience.

        The first delay is -1 where delays do not adapt.
        """
        first = int(self.first_delay * 1000) if self.concurrency else -1
        return int(self.longest_backoff * 1000), first, int(self.patience * 1000)
