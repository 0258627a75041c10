"""Check that everything in the frontier's lists exists."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pdfspider.frontier.audit.hosts import LONGEST_WAIT
from pdfspider.frontier.audit.leases import SLACK
from pdfspider.frontier.audit.reading import Finding, P, batches

if TYPE_CHECKING:
    from pdfspider.frontier.audit.reading import KeyReader

SUMMED = ("queued", "delayed", "leased")
MOST_SUMMED = 2000
"""The most runs whose sums are compared with the totals: they are read in one step."""


async def look_at_lists(reader: KeyReader) -> set[Finding]:
    """Return the rules that the frontier's lists break."""
    return {
        *await _names(reader),
        *await _finished(reader),
        *await _garbage(reader),
        *await _solo(reader),
        *await _hold(reader),
        *await _totals(reader),
    }


async def _names(reader: KeyReader) -> set[Finding]:
    """Check that every job name leads to a run of that name."""
    names = [item async for item in reader.redis.hscan_iter(f"{P}jobs", count=500)]
    known = await reader.ask([("HGET", f"{P}job:{run.decode()}", "name") for _, run in names])
    return {
        Finding(f"{P}jobs", f"{name.decode()} leads to a run of that name", f"it leads to {run.decode()}")
        for (name, run), found in zip(names, known, strict=True)
        if found != name
    }


async def _finished(reader: KeyReader) -> set[Finding]:
    findings = set()
    for runs in batches([run async for run in reader.members("finished")]):
        states = await reader.ask([("HGET", f"{P}job:{run}", "state") for run in runs])
        ended = dict(zip(runs, states, strict=True))
        findings |= {
            Finding(f"{P}finished", f"run {run} has ended")
            for run, state in ended.items()
            if state not in (b"finished", b"cancelled")
        }
    return findings


async def _garbage(reader: KeyReader) -> set[Finding]:
    """Check that nothing that is being removed is in use."""
    runs = [entry.split()[0].decode() for entry in await reader.redis.lrange(f"{P}garbage", 0, -1)]
    there = await reader.ask([("EXISTS", f"{P}job:{run}") for run in runs])
    return {Finding(f"{P}garbage", f"run {run} is gone") for run, used in zip(runs, there, strict=True) if used}


async def _solo(reader: KeyReader) -> set[Finding]:
    there = await reader.ask([("EXISTS", f"{P}job:{solo.run}") for solo in reader.solo])
    findings = {
        Finding(f"{P}solo", f"run {solo.run} exists") for solo, used in zip(reader.solo, there, strict=True) if not used
    }
    late = [solo for solo in reader.solo if solo.at > reader.now + LONGEST_WAIT]
    return findings | {Finding(f"{P}solo", f"{solo.member[:8].hex()} is looked at within a day") for solo in late}


async def _hold(reader: KeyReader) -> set[Finding]:
    hold = float(await reader.redis.hget(f"{P}meta", "hold") or 0)
    held = hold > reader.now + reader.lease_period + SLACK
    return {Finding(f"{P}meta", "hold ends within one lease period")} if held else set()


async def _totals(reader: KeyReader) -> set[Finding]:
    """Check that the totals are the sums over all runs."""
    runs = sorted(reader.runs)
    if len(runs) > MOST_SUMMED:
        return set()
    async with reader.redis.pipeline(transaction=True) as pipe:
        pipe.hgetall(f"{P}totals")
        for run in runs:
            pipe.hmget(f"{P}job:{run}", "state", *SUMMED)
        totals, *jobs = await pipe.execute()
    sums: Counter[str] = Counter(dict.fromkeys(SUMMED, 0))
    for state, *numbers in jobs:
        if state is not None:
            sums[f"jobs:{state.decode()}"] += 1
            sums.update({name: int(number or 0) for name, number in zip(SUMMED, numbers, strict=True)})
    return {
        Finding(f"{P}totals", f"{name} is the sum over all runs", f"{int(totals.get(name.encode(), 0))}, not {number}")
        for name, number in sums.items()
        if int(totals.get(name.encode(), 0)) != number
    }
