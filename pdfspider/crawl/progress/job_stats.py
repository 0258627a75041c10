"""Where a crawl stands, how fast it goes, and when it may be done."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pdfspider.formatting import FAILURES, counted, total
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

RECENT = 15.0
"""Seconds over which rates are taken."""
ENOUGH = 10.0
"""Seconds of history without which nothing is said of the end."""
OWN_OUTCOMES = "pdfspider/outcome/"
OWN_BYTES = "pdfspider/bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStats:
    """What is known at one moment: of a job, over all its workers, or of what one serving worker has done."""

    name: str
    state: str
    queued: int = 0
    delayed: int = 0
    leased: int = 0
    hosts: int | None = None
    """Where the job has URLs; not told over all jobs."""
    workers: int = 0
    bytes: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of_job(cls, name: str, status: Mapping[str, Any]) -> Self:
        """From the status of one run, with its ``hosts`` and ``workers``."""
        fields = ("state", "queued", "delayed", "leased", "hosts", "workers", "bytes", "classes")
        return cls(name=f"job {name}", **{field: status[field] for field in fields})

    @classmethod
    def of_worker(cls, status: Mapping[str, Any], stats: Mapping[str, Any]) -> Self:
        """From the status of the whole frontier, and from what this worker has counted."""
        open_jobs = [job for job in status["jobs"].values() if job["state"] not in ("finished", "cancelled")]
        waiting = {name: sum(job[name] for job in open_jobs) for name in ("queued", "delayed", "leased")}
        return cls(
            name=counted(len(open_jobs), "open job"),
            state="serving",
            workers=len(status["workers"]),
            bytes=stats.get(OWN_BYTES, 0),
            classes=own_classes(stats),
            **waiting,
        )

    @property
    def documents(self) -> int:
        return self.classes.get(Outcome.DOCUMENT.value, 0)

    @property
    def pages(self) -> int:
        return self.classes.get(Outcome.PAGE.value, 0)

    @property
    def failures(self) -> int:
        return total(self.classes, FAILURES)

    @property
    def ended(self) -> int:
        """URLs that need no more work."""
        return sum(self.classes.values())

    @property
    def remaining(self) -> int:
        return self.queued + self.delayed + self.leased


def own_classes(stats: Mapping[str, Any]) -> dict[str, int]:
    """How many URLs this worker has ended in each class."""
    return {name.removeprefix(OWN_OUTCOMES): n for name, n in stats.items() if name.startswith(OWN_OUTCOMES)}


class Pace:
    """The recent speed of something that is counted, from samples of it."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def add(self, at: float, value: float) -> None:
        self._samples.append((at, value))
        while at - self._samples[0][0] > RECENT and len(self._samples) > 2:
            self._samples.popleft()

    @property
    def span(self) -> float:
        """Seconds that the samples cover."""
        return self._samples[-1][0] - self._samples[0][0] if self._samples else 0.0

    @property
    def per_second(self) -> float:
        return (self._samples[-1][1] - self._samples[0][1]) / self.span if self.span else 0.0


class Paces:
    """The speeds that are shown."""

    def __init__(self) -> None:
        self.urls, self.own = Pace(), Pace()
        self._stored, self._received, self._remaining = Pace(), Pace(), Pace()
        self._left = 0

    def add(self, at: float, job_stats: JobStats, own_ended: int, received: int) -> None:
        """Takes a sample; ``received`` are the bytes that have come to this worker, of unfinished documents too."""
        self._left = job_stats.remaining
        self.urls.add(at, job_stats.ended)
        self.own.add(at, own_ended)
        self._stored.add(at, job_stats.bytes)
        self._received.add(at, received)
        self._remaining.add(at, job_stats.remaining)

    @property
    def bytes(self) -> float:
        """Per second: what the fleet stores, or what this worker receives where that is more."""
        return max(self._stored.per_second, self._received.per_second)

    @property
    def eta(self) -> float | None:
        """Seconds until nothing remains; None while as much is found as is done: then nobody knows."""
        shrinking = -self._remaining.per_second
        if self._remaining.span < ENOUGH or shrinking <= 0.1 * self.urls.per_second:
            return None
        return self._left / shrinking
