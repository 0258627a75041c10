"""Leases and commits, as a worker holds them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.entries import Entry, links_of
from pdfspider.frontier.gates import HostSignal

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_START_DELAY_S = 2.0
"""Seconds after which a start that others wait for is given up; permit.lua waits a little longer."""


class LeaseKind(StrEnum):
    """The purpose of a lease."""

    URL = "u"
    ROBOTS = "r"
    """The origin's robots.txt has to be fetched before anything else of its host."""
    VERDICT = "v"
    """The frontier has decided the URL's end; it only has to be recorded."""


KINDS_BY_CODE = {kind.value.encode(): kind for kind in LeaseKind}


@dataclass(slots=True, eq=False)
class Lease:
    """One worker's right to work on one URL; times are in seconds of the local monotonic clock."""

    token: str
    run: int
    kind: LeaseKind
    starts_at: float
    report: bool
    """True if the start has to be reported at once, because the host's next start waits for it."""
    deliveries: int
    expiries: int
    entry: Entry | None
    origin: str = ""
    reach: int = 0
    """The reach of the entry, or for a robots.txt that of the URL for which it is fetched."""
    verdict: str = ""
    """The code of the outcome class that the frontier has decided."""
    verdict_cause: str = ""
    """The cause of the verdict: "t" the job's time, "s" the host's slowness, or empty."""
    leased_at: float = 0.0
    started_at: float | None = field(default=None)
    """The time at which the last request under this lease was sent; None: never."""
    requests: int = 0
    """The number of requests under this lease, apart from redirects and resumptions."""
    begun: bool = False
    """True once work has begun; until then the lease may be released at any moment."""
    hold: float = 0.0
    """Seconds for which the host asked to be left alone (Retry-After)."""
    host_signal: HostSignal = HostSignal.NOTHING
    """The signal about the host that this lease gave."""
    latency: float | None = None
    """Seconds from the start of the last request to the head of its response; None: no response."""
    usual: bool = False
    """True for a 200: other responses are quick and must not shorten the host's delay."""
    resting: bool = False
    """True while the host's back-off still grows."""
    unreached: bool = False
    """True if nothing is known of the host, or it was down when it was asked last."""

    @property
    def attempt(self) -> int:
        """The number of this try, 1 for the first."""
        return self.deliveries + self.expiries + 1

    @classmethod
    def unpack(cls, values: Sequence[Any], received: float) -> Lease:
        """Return the lease that the script granted in an answer received at ``received``."""
        token, run, kind, start_in, report, deliveries, expiries, subject, payload, verdict, resting, unreached = values
        kind = KINDS_BY_CODE[kind]
        entry = None if kind is LeaseKind.ROBOTS else Entry.unpack(payload, fingerprint=subject)
        return cls(
            token=token.decode(),
            run=int(run),
            kind=kind,
            starts_at=received + start_in / 1000,
            leased_at=received,
            report=bool(report),
            deliveries=deliveries,
            expiries=expiries,
            entry=entry,
            origin="" if entry else subject.decode(),
            reach=entry.reach if entry else int(payload),
            verdict=verdict[:1].decode(),
            verdict_cause=verdict[1:].decode(),
            resting=bool(resting),
            unreached=bool(unreached),
        )

    def settle_reach(self, reach: int) -> None:
        """Replace the reach of a seed by that of the address that it resolved to.

        Links found under this lease inherit it.
        """
        self.reach = reach
        if self.entry:
            self.entry = self.entry.child(reach=reach)

    def signal(self) -> tuple[str, int, int, bool]:
        """Return the signals about the host, as the scripts take them."""
        latency = -1 if self.latency is None else round(self.latency * 1000)
        return str(self.host_signal), int(self.hold * 1000), latency, self.usual


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """The answer to a lease call."""

    epoch: int
    wait: float | None
    """Seconds until a call may be granted a lease; None: not before a lease ends or a URL is submitted."""
    drain: bool
    """True if the worker has to finish its leases before it leases again."""
    watched: str
    """State of the watched run, "gone" if it does not exist any more, "" if none is watched."""
    leases: list[Lease]


class CommitRequest(NamedTuple):
    """The end of a lease: everything that one commit tells the frontier."""

    lease: Lease
    code: str
    dead: bool
    size: int = 0
    links: Sequence[Entry] = ()

    def pack(self) -> tuple[Any, ...]:
        """Return the form that commit.lua takes."""
        lease, links = self.lease, links_of(self.links)
        started = ago(lease.started_at)
        return lease.token, self.code, self.dead, started, self.size, lease.signal(), links, bool(self.code)


def ago(started_at: float | None) -> float:
    """Return the milliseconds since a start, -1 if there was none.

    They are not rounded: each millisecond by which a start seems later is lost to the next one at its host.
    """
    return -1 if started_at is None else (time.monotonic() - started_at) * 1000
