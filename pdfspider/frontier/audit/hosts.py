"""Check hosts: one with work is scheduled, or a lease is out whose end schedules it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdfspider.frontier.audit.reading import PREFIX, Finding
from pdfspider.frontier.scripts import UNREACHED_SCORE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pdfspider.frontier.audit.reading import KeyReader

MAX_WAIT_MS = 25 * 3600 * 1000
"""Milliseconds: hosts may ask for a day, retries wait an hour."""


@dataclass(slots=True)
class HostRecord:
    """The state of a host, as one look found it."""

    hid: str
    record: dict[bytes, bytes]
    runs: list[str]
    flight: set[str]
    at: float | None
    """The time of its next turn, None if it is not scheduled."""

    def number(self, name: bytes) -> float:
        """Return a number from the host's record, 0 if it is missing."""
        return float(self.record.get(name, 0))

    def openings(self) -> int:
        """Return how often the breaker opened since the last success."""
        return int(self.record.get(b"trouble", b"0 0 0").split()[2])

    def is_open(self) -> bool:
        """Return whether the gate admits one more request, apart from the delay."""
        cap = max(self.number(b"cap"), 1)
        if fleet_cap := self.number(b"fcap"):
            cap = min(cap, fleet_cap)
        if self.openings():
            cap = 1
        unreported = b"starting" in self.record and self.number(b"gap") > 0
        return len(self.flight) < cap and b"robots" not in self.record and not unreported


async def look_at_hosts(reader: KeyReader, hids: Sequence[str]) -> set[Finding]:
    """Return the rules that these hosts break."""
    hosts = await _read(reader, hids)
    turns = [(host.hid, run) for host in hosts for run in host.runs]
    lengths = await reader.ask(
        [("EXISTS", f"{PREFIX}q:{hid}:{run}", f"{PREFIX}overflow:{hid}:{run}") for hid, run in turns]
    )
    empty = [turn for turn, length in zip(turns, lengths, strict=True) if not length]
    findings = {Finding(f"{PREFIX}host:{hid}:jobs", f"run {run} has a queue there") for hid, run in empty}
    if any(_tokens(host) - reader.leases.keys() for host in hosts):
        await reader.refresh()
    for host in hosts:
        findings |= _schedule(host, reader.now) | _flight(host, reader)
    return findings


async def _read(reader: KeyReader, hids: Sequence[str]) -> list[HostRecord]:
    answers: list[Any] = []
    for name, *rest in (
        ("HGETALL", ""),
        ("ZRANGE", ":jobs", 0, -1),
        ("SMEMBERS", ":flight"),
    ):
        suffix, *arguments = rest
        answers.append(await reader.ask([(name, f"{PREFIX}host:{hid}{suffix}", *arguments) for hid in hids]))
    scores = await reader.ask([("ZSCORE", f"{PREFIX}hosts", hid) for hid in hids])
    times = [None if score is None else score % UNREACHED_SCORE for score in scores]
    return [
        HostRecord(hid, record, [run.decode() for run in runs], {token.decode() for token in flight}, at)
        for hid, record, runs, flight, at in zip(hids, *answers, times, strict=True)
    ]


def _schedule(host: HostRecord, now: float) -> set[Finding]:
    key = f"{PREFIX}host:{host.hid}"
    if host.at is None:
        lost = host.runs and host.is_open()
        return {Finding(key, "is scheduled, for it has work and nothing is out there")} if lost else set()
    if not host.runs:
        return {Finding(f"{PREFIX}hosts", f"{host.hid} has work")}
    late = max(host.at, host.number(b"until")) > now + MAX_WAIT_MS
    return {Finding(key, "is asked again within a day")} if late else set()


def _tokens(host: HostRecord) -> set[str]:
    fields = (host.record.get(name, b"").decode().split() for name in (b"starting", b"robots"))
    return host.flight.union(*fields)


def _flight(host: HostRecord, reader: KeyReader) -> set[Finding]:
    rule = "what is out there is leased by a worker"
    key = f"{PREFIX}host:{host.hid}"
    return {
        Finding(f"{key}:flight" if token in host.flight else key, f"{rule}: {token}")
        for token in _tokens(host) - reader.leases.keys()
    }
