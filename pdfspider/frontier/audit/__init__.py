"""Check that the frontier's keys agree with each other, also while workers use them.

The audit reads the keys in bounded steps, so that nobody waits for it, and the keys change while it reads. Whatever
looks wrong is therefore read again several times. Only a rule that is broken every time becomes a finding.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from pdfspider.frontier.audit.hosts import look_at_hosts
from pdfspider.frontier.audit.keys import look_at_keys
from pdfspider.frontier.audit.leases import look_at_leases
from pdfspider.frontier.audit.lists import look_at_lists
from pdfspider.frontier.audit.reading import Finding, KeyReader, batches
from pdfspider.frontier.audit.runs import look_at_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

MAX_LOOKS = 8
FIRST_PAUSE_S = 0.02
KEYS_SHOWN = 20


@dataclass(slots=True)
class AuditReport:
    """The result of an audit: how much was checked, and the findings."""

    runs: int = 0
    urls: int = 0
    hosts: int = 0
    leases: int = 0
    findings: set[Finding] = field(default_factory=set)

    def lines(self) -> list[str]:
        """Return the findings as text, and only some of many that are alike."""
        lines = []
        for rule, alike in groupby(sorted(self.findings, key=lambda found: (found.rule, found.key)), _rule):
            same = [str(found) for found in alike]
            lines += same[:KEYS_SHOWN]
            if len(same) > KEYS_SHOWN:
                lines.append(f"and {len(same) - KEYS_SHOWN:,} more: {rule}")
        return lines


async def audit(redis: Redis, *, looks: int = MAX_LOOKS) -> AuditReport:
    """Check all keys and return a report.

    ``looks`` is how often a suspected fault is read before it counts. One look is enough where nothing changes.
    """
    reader, report = KeyReader(redis), AuditReport()

    async def confirm(look: Callable[[], Awaitable[set[Finding]]]) -> None:
        report.findings |= await _confirm(reader, look, looks)

    await reader.begin()
    await confirm(reader.wrong_types)
    if report.findings:
        return report  # the rest cannot be read
    for keys in batches(reader.names):
        await confirm(partial(look_at_keys, reader, keys))
    for run in sorted(reader.runs):
        await confirm(partial(look_at_run, reader, run))
    for hosts in batches(sorted(reader.hosts)):
        await confirm(partial(look_at_hosts, reader, hosts))
    await confirm(partial(look_at_leases, reader))
    await confirm(partial(look_at_lists, reader))
    report.runs, report.urls = len(reader.runs), reader.urls.total()
    report.hosts, report.leases = len(reader.hosts), len(reader.leases)
    return report


async def _confirm(reader: KeyReader, look: Callable[[], Awaitable[set[Finding]]], looks: int) -> set[Finding]:
    findings = await look()
    for number in range(1, looks):
        if not findings:
            break
        await asyncio.sleep(FIRST_PAUSE_S * 2**number)
        await reader.refresh()
        findings &= await look()
    return findings


def _rule(found: Finding) -> str:
    return found.rule
