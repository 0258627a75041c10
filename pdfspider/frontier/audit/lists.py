"""Check that everything in the frontier's lists exists."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pdfspider.frontier.audit.hosts import MAX_WAIT_MS
from pdfspider.frontier.audit.leases import CLOCK_SLACK_MS
from pdfspider.frontier.audit.reading import PREFIX, Finding, batches

if TYPE_CHECKING:
    from pdfspider.frontier.audit.reading import KeyReader

SUMMED_COUNTERS = ("queued", "delayed", "leased")
MAX_RUNS_SUMMED = 2000
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
    names = [item async for item in reader.redis.hscan_iter(f"{PREFIX}jobs", count=500)]
    known = await reader.ask([("HGET", f"{PREFIX}job:{run.decode()}", "name") for _, run in names])
    return {
        Finding(f"{PREFIX}jobs", f"{name.decode()} leads to a run of that name", f"it leads to {run.decode()}")
        for (name, run), found in zip(names, known, strict=True)
        if found != name
    }


async def _finished(reader: KeyReader) -> set[Finding]:
    findings = set()
    for runs in batches([run async for run in reader.members("finished")]):
        states = await reader.ask([("HGET", f"{PREFIX}job:{run}", "state") for run in runs])
        ended = dict(zip(runs, states, strict=True))
        findings |= {
            Finding(f"{PREFIX}finished", f"run {run} has ended")
            for run, state in ended.items()
            if state not in (b"finished", b"cancelled")
        }
    return findings


async def _garbage(reader: KeyReader) -> set[Finding]:
    """Check that nothing that is being removed is in use."""
    runs = [entry.split()[0].decode() for entry in await reader.redis.lrange(f"{PREFIX}garbage", 0, -1)]
    there = await reader.ask([("EXISTS", f"{PREFIX}job:{run}") for run in runs])
    return {Finding(f"{PREFIX}garbage", f"run {run} is gone") for run, used in zip(runs, there, strict=True) if used}


async def _solo(reader: KeyReader) -> set[Finding]:
    there = await reader.ask([("EXISTS", f"{PREFIX}job:{solo.run}") for solo in reader.solo])
    findings = {
        Finding(f"{PREFIX}solo", f"run {solo.run} exists")
        for solo, used in zip(reader.solo, there, strict=True)
        if not used
    }
    late = [solo for solo in reader.solo if solo.at > reader.now + MAX_WAIT_MS]
    return findings | {Finding(f"{PREFIX}solo", f"{solo.member[:8].hex()} is looked at within a day") for solo in late}


async def _hold(reader: KeyReader) -> set[Finding]:
    hold = float(await reader.redis.hget(f"{PREFIX}meta", "hold") or 0)
    held = hold > reader.now + reader.lease_period + CLOCK_SLACK_MS
    return {Finding(f"{PREFIX}meta", "hold ends within one lease period")} if held else set()


async def _totals(reader: KeyReader) -> set[Finding]:
    """Check that the totals are the sums over all runs."""
    runs = sorted(reader.runs)
    if len(runs) > MAX_RUNS_SUMMED:
        return set()
    async with reader.redis.pipeline(transaction=True) as pipe:
        pipe.hgetall(f"{PREFIX}totals")
        for run in runs:
            pipe.hmget(f"{PREFIX}job:{run}", "state", *SUMMED_COUNTERS)
        totals, *jobs = await pipe.execute()
    sums: Counter[str] = Counter(dict.fromkeys(SUMMED_COUNTERS, 0))
    for state, *numbers in jobs:
        if state is not None:
            sums[f"jobs:{state.decode()}"] += 1
            sums.update({name: int(number or 0) for name, number in zip(SUMMED_COUNTERS, numbers, strict=True)})
    return {
        Finding(
            f"{PREFIX}totals", f"{name} is the sum over all runs", f"{int(totals.get(name.encode(), 0))}, not {number}"
        )
        for name, number in sums.items()
        if int(totals.get(name.encode(), 0)) != number
    }
