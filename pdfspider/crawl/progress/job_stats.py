"""The state of a crawl, its speed, and the time that it may still take."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pdfspider.formatting import FAILURE_OUTCOMES, counted, total
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RATE_WINDOW_S = 15.0
"""Seconds over which rates are taken."""
LEAST_HISTORY_S = 10.0
"""Seconds of history without which nothing is said of the end."""
OUTCOME_STAT_PREFIX = "pdfspider/outcome/"
BYTES_STAT = "pdfspider/bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStats:
    """The state at one moment, of a job over all its workers, or of what one serving worker has done."""

    name: str
    state: str
    queued: int = 0
    delayed: int = 0
    leased: int = 0
    hosts: int | None = None
    """Number of hosts with URLs of the job; None for all jobs together."""
    workers: int = 0
    bytes: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of_job(cls, name: str, status: Mapping[str, Any]) -> Self:
        """Return the stats in the status of one run, with its ``hosts`` and ``workers``."""
        fields = ("state", "queued", "delayed", "leased", "hosts", "workers", "bytes", "classes")
        return cls(name=f"job {name}", **{field: status[field] for field in fields})

    @classmethod
    def of_worker(cls, open_jobs: Sequence[Mapping[str, Any]], workers: int, stats: Mapping[str, Any]) -> Self:
        """Return the stats of all open jobs, and what this worker has counted itself."""
        waiting = {name: sum(job[name] for job in open_jobs) for name in ("queued", "delayed", "leased")}
        return cls(
            name=counted(len(open_jobs), "open job"),
            state="serving",
            workers=workers,
            bytes=stats.get(BYTES_STAT, 0),
            classes=own_classes(stats),
            **waiting,
        )

    @property
    def documents(self) -> int:
        """The number of documents."""
        return self.classes.get(Outcome.DOCUMENT.value, 0)

    @property
    def pages(self) -> int:
        """The number of pages."""
        return self.classes.get(Outcome.PAGE.value, 0)

    @property
    def failures(self) -> int:
        """The number of failures."""
        return total(self.classes, FAILURE_OUTCOMES)

    @property
    def ended(self) -> int:
        """The number of URLs that have ended."""
        return sum(self.classes.values())

    @property
    def remaining(self) -> int:
        """The number of URLs that have not ended."""
        return self.queued + self.delayed + self.leased


def own_classes(stats: Mapping[str, Any]) -> dict[str, int]:
    """Return how many URLs this worker has ended in each class."""
    return {
        name.removeprefix(OUTCOME_STAT_PREFIX): n for name, n in stats.items() if name.startswith(OUTCOME_STAT_PREFIX)
    }


class Rate:
    """The recent speed of a counter, from samples of it."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def add(self, at: float, value: float) -> None:
        """Add a sample."""
        self._samples.append((at, value))
        while at - self._samples[0][0] > RATE_WINDOW_S and len(self._samples) > 2:
            self._samples.popleft()

    @property
    def span(self) -> float:
        """The seconds that the samples cover."""
        return self._samples[-1][0] - self._samples[0][0] if self._samples else 0.0

    @property
    def per_second(self) -> float:
        """The speed per second."""
        return (self._samples[-1][1] - self._samples[0][1]) / self.span if self.span else 0.0


class Rates:
    """The speeds that are shown."""

    def __init__(self) -> None:
        self.urls, self.own = Rate(), Rate()
        self._stored, self._received, self._remaining = Rate(), Rate(), Rate()
        self._left = 0
        self.by_politeness = 0.0
        """Seconds that the slowest host takes at least, given its delay."""

    def add(self, at: float, job_stats: JobStats, own_ended: int, received: int) -> None:
        """Add a sample; ``received`` are the bytes that this worker received, also of unfinished documents."""
        self._left = job_stats.remaining
        self.urls.add(at, job_stats.ended)
        self.own.add(at, own_ended)
        self._stored.add(at, job_stats.bytes)
        self._received.add(at, received)
        self._remaining.add(at, job_stats.remaining)

    @property
    def bytes(self) -> float:
        """The bytes per second that the fleet stores, or that this worker receives if that is more."""
        return max(self._stored.per_second, self._received.per_second)

    @property
    def eta(self) -> float | None:
        """The seconds until nothing remains, None while as many URLs are found as end."""
        shrinking = -self._remaining.per_second
        if self._remaining.span < LEAST_HISTORY_S or shrinking <= 0.1 * self.urls.per_second:
            return None
        return max(self._left / shrinking, self.by_politeness)
