"""Check that every lease has an owner with a deadline and is in flight at its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.frontier.audit.reading import PREFIX, Finding

if TYPE_CHECKING:
    from typing import Any

    from pdfspider.frontier.audit.reading import KeyReader, LeaseRecord

CLOCK_SLACK_MS = 10_000
"""Milliseconds by which the recorded time may be late, or a clock may have been changed."""


async def look_at_leases(reader: KeyReader) -> set[Finding]:
    """Return the rules that leases and workers' deadlines break."""
    await reader.refresh()
    leases = list(reader.leases.items())
    commands: list[tuple[Any, ...]] = []
    for token, lease in leases:
        commands += [
            ("HEXISTS", f"{PREFIX}worker:{lease.worker}", token),
            ("SISMEMBER", f"{PREFIX}host:{lease.host}:flight", token),
            ("EXISTS", f"{PREFIX}job:{lease.run}"),
        ]
    answers = iter(await reader.ask(commands))
    findings = set(reader.unreadable)
    for token, lease in leases:
        there, in_flight, run = next(answers), next(answers), next(answers)
        if there and (rule := _broken(lease, in_flight=bool(in_flight), run=bool(run))):
            findings.add(Finding(f"{PREFIX}worker:{lease.worker}", f"the lease {token} {rule}"))
    return findings | _deadlines(reader)


def _broken(lease: LeaseRecord, *, in_flight: bool, run: bool) -> str:
    if lease.kind not in ("u", "r", "v"):
        return "is of a known kind"
    if in_flight != (lease.kind != "v") and not lease.moved:
        return "is not in flight" if in_flight else f"is in flight at host {lease.host}"
    if lease.kind != "r" and not run:
        return "is of a run that exists"
    return ""


def _deadlines(reader: KeyReader) -> set[Finding]:
    """Check that no deadline lies further ahead than one lease period."""
    latest = reader.now + reader.lease_period + CLOCK_SLACK_MS
    return {
        Finding(f"{PREFIX}workers", f"{worker} can be given up within one lease period")
        for worker, deadline in reader.workers.items()
        if deadline > latest
    }
