"""What a worker holds of the frontier."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.entries import Entry
from pdfspider.frontier.gates import HostSignal

if TYPE_CHECKING:
    from collections.abc import Sequence

LATEST_START = 2.0
"""Seconds after which a start that others wait for is given up; permit.lua waits a little longer than that."""


class LeaseKind(StrEnum):
    """What a lease is for."""

    URL = "u"
    ROBOTS = "r"
    """The origin's robots.txt has to be fetched before anything else of its host."""
    VERDICT = "v"
    """The frontier has decided the URL's end; it only has to be recorded."""


@dataclass(slots=True, eq=False)
class Lease:
    """One worker's right to work on one URL. Times are of the local monotonic clock, in seconds."""

    token: str
    run: int
    kind: LeaseKind
    starts_at: float
    report: bool
    """Whether the frontier wants to hear of the start at once: the host's next start waits for it."""
    deliveries: int
    expiries: int
    entry: Entry | None
    origin: str = ""
    reach: int = 0
    """That of the entry; for a robots.txt, that of the URL for which it is fetched."""
    verdict: str = ""
    """The code of the class in which the URL ends."""
    verdict_cause: str = ""
    """What made the frontier decide so: "t" the job's time, "s" the host's slowness; else empty."""
    started_at: float | None = field(default=None)
    """When the last request under this lease was sent; None: never."""
    requests: int = 0
    """Requests that were made under it, apart from redirects and resumptions."""
    begun: bool = False
    """Whether work on it has begun; one that has not may be given back at any moment."""
    hold: float = 0.0
    """Seconds for which the host asked to be left alone."""
    shown: HostSignal = HostSignal.NOTHING
    """What the work under this lease showed of the host."""
    latency: float | None = None
    """Seconds from the departure of the last request to the head of its answer; None: there was none."""
    usual: bool = False
    """Whether that answer was a 200: others are quick and must not make the host's delay shorter."""
    resting: bool = False
    """Whether the host wanted to be left alone the last time, and its back-off still grows."""

    @property
    def attempt(self) -> int:
        return self.deliveries + self.expiries + 1

    @classmethod
    def unpack(cls, values: Sequence[Any], received: float) -> Lease:
        """The lease that the script granted, in an answer that came at ``received``."""
        token, run, kind, start_in, report, deliveries, expiries, subject, payload, verdict, resting = values
        kind = LeaseKind(kind.decode())
        entry = None if kind is LeaseKind.ROBOTS else Entry.unpack(payload, fingerprint=subject)
        return cls(
            token=token.decode(),
            run=int(run),
            kind=kind,
            starts_at=received + start_in / 1000,
            report=bool(report),
            deliveries=deliveries,
            expiries=expiries,
            entry=entry,
            origin="" if entry else subject.decode(),
            reach=entry.reach if entry else int(payload),
            verdict=verdict[:1].decode(),
            verdict_cause=verdict[1:].decode(),
            resting=bool(resting),
        )

    def settle_reach(self, reach: int) -> None:
        """Replace the reach of a seed by that of the address where it was found; what it leads to inherits this."""
        self.reach = reach
        if self.entry:
            self.entry = self.entry.child(reach=reach)

    def signal(self) -> tuple[str, int, int, bool]:
        """What it showed of its host, as the scripts take it."""
        latency = -1 if self.latency is None else round(self.latency * 1000)
        return self.shown.value, int(self.hold * 1000), latency, self.usual


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to a lease call."""

    epoch: int
    wait: float | None
    """Seconds until a call may be granted something; None: not before a lease ends or something is submitted."""
    drain: bool
    """Whether the worker is asked to finish what it holds before it leases again."""
    watched: str
    """State of the watched run; "gone" where it is no longer known; "" where none is watched."""
    leases: list[Lease]


class CommitRequest(NamedTuple):
    """How a lease ends: everything that one commit tells the frontier."""

    lease: Lease
    code: str
    dead: bool
    size: int = 0
    links: Sequence[Entry] = ()

    def pack(self) -> tuple[Any, ...]:
        """As commit.lua takes it."""
        lease, links = self.lease, [entry.link() for entry in self.links]
        started = ago(lease.started_at)
        return lease.token, self.code, self.dead, started, self.size, lease.signal(), links, bool(self.code)


def ago(started_at: float | None) -> int:
    """Milliseconds since a start, rounded so that the start is never taken to be earlier than it was; -1: never."""
    return -1 if started_at is None else max(int((time.monotonic() - started_at) * 1000) - 1, 0)
