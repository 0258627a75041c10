"""Check that each URL of a run is in one state, and that the counters are right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

from pdfspider.frontier.audit.reading import PREFIX, SCAN_COUNT, Finding
from pdfspider.frontier.jobs import COUNTERS
from pdfspider.frontier.overflow import unpack_block
from pdfspider.items import OUTCOMES_BY_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pdfspider.frontier.audit.reading import KeyReader

CENSUS_COUNTERS = ("queued", "delayed", "leased", "leased_pages", "spilled")
CENSUS_LIMIT = 2000
"""The most hosts and the most leases that are counted in one step: some milliseconds of Redis's time."""
BUCKETS_PER_CALL = 64
BLOCKS_PER_CALL = 32
PRIME = 2**31 - 1


@dataclass(slots=True)
class RunRecord:
    """The hash of a run, and the lists that the run is in."""

    fields: dict[str, bytes]
    finished: bool
    chore: bool
    parked: bool

    def __getitem__(self, name: str) -> int:
        return int(self.fields.get(name, 0))

    @property
    def state(self) -> str:
        """Return the state of the run."""
        return self.fields["state"].decode()

    @property
    def buckets(self) -> int:
        """Return the number of buckets that hold the run's URLs."""
        return int(2 ** self["level"] + self["split"])

    def codes(self) -> Counter[str]:
        """Return how many URLs ended in each outcome class, by its code."""
        return Counter({name[2:]: int(n) for name, n in self.fields.items() if name.startswith("c:")})


@dataclass(slots=True)
class SeenCounts:
    """The content of a run's buckets: the URLs that wait, and the number that ended in each class."""

    waiting: set[bytes] = field(default_factory=set)
    ended: Counter[str] = field(default_factory=Counter)
    misplaced: set[str] = field(default_factory=set)
    """Buckets with a URL that belongs in another one."""


async def look_at_run(reader: KeyReader, run: str) -> set[Finding]:
    """Return the rules that a run breaks."""
    before = await _job(reader, run)
    if before is None:
        return set()
    key, seen = f"{PREFIX}job:{run}", await _seen(reader, run, before)
    places = await _places(reader, run)
    census = await reader.redis.eval(_census_source(), 0, run, CENSUS_LIMIT)
    after = await _job(reader, run)
    if after is None:
        return set()
    findings = {Finding(key, rule) for rule in _ending(before)} | _sums(key, before) | _waiting(run, seen, places)
    if census:
        findings |= _compared(
            key,
            dict(
                zip(
                    CENSUS_COUNTERS,
                    zip(census[: len(CENSUS_COUNTERS)], census[len(CENSUS_COUNTERS) :], strict=True),
                    strict=True,
                )
            ),
        )
    if before.buckets == after.buckets:
        findings |= _ended(key, before, after, seen)
        findings |= {Finding(bucket, "its URLs are those that it is asked for") for bucket in seen.misplaced}
    reader.urls[run] = seen.ended.total() + len(seen.waiting)
    return findings


async def _job(reader: KeyReader, run: str) -> RunRecord | None:
    async with reader.redis.pipeline(transaction=True) as pipe:
        pipe.hgetall(f"{PREFIX}job:{run}")
        pipe.zscore(f"{PREFIX}finished", run)
        pipe.sismember(f"{PREFIX}chores", run)
        pipe.scard(f"{PREFIX}job:{run}:parked")
        raw, finished, chore, parked = await pipe.execute()
    fields = {name.decode("latin-1"): value for name, value in raw.items()}
    return RunRecord(fields, finished is not None, bool(chore), bool(parked)) if "state" in fields else None


def _ending(job: RunRecord) -> Iterable[str]:
    """Yield the rules about the end of a run that it breaks."""
    ended = job.state in ("finished", "cancelled")
    empty = not any(job[name] for name in ("queued", "delayed", "leased"))
    if ended != job.finished:
        yield "has ended and is kept for a while" if ended else "is not yet to be removed"
    if ended and not empty:
        yield "has no URL left, for it has ended"
    if empty and not ended and (job["sealed"] or job.state == "cancelling"):
        yield "has ended, for it has no URL left"
    if job.parked and job.state == "running" and not job.chore:
        yield "has no parked queues, for it is not paused"


def _sums(key: str, job: RunRecord) -> set[Finding]:
    """Check that the counters add up."""
    codes = job.codes()
    dead = sum(n for code, n in codes.items() if code in OUTCOMES_BY_CODE and OUTCOMES_BY_CODE[code].dead)
    unknown = {code for code, n in codes.items() if n and code not in OUTCOMES_BY_CODE}
    findings = {Finding(key, f"c:{code} counts a known outcome class") for code in unknown}
    findings |= {
        Finding(key, f"{name} is not negative") for name in (*CENSUS_COUNTERS, "done", "dead") if job[name] < 0
    }
    pairs = {
        "seen": (job["seen"], sum(job[name] for name in COUNTERS)),
        "dead": (job["dead"], dead),
        "done": (job["done"], codes.total() - dead),
    }
    return findings | _compared(key, pairs)


def _compared(key: str, pairs: dict[str, tuple[int, int]]) -> set[Finding]:
    return {
        Finding(key, f"{name} counts what is there", f"it is {counted}, there are {there}")
        for name, (counted, there) in pairs.items()
        if counted != there
    }


def _ended(key: str, before: RunRecord, after: RunRecord, seen: SeenCounts) -> set[Finding]:
    """Check the counters of ended URLs against what the buckets hold.

    These counters only grow, so each number lies between the counter before and the counter after the look.
    """
    codes = before.codes(), after.codes()
    ranges = {f"c:{code}": (codes[0][code], codes[1][code], seen.ended[code]) for code in {*codes[1], *seen.ended}}
    ranges["seen"] = (before["seen"], after["seen"], seen.ended.total() + len(seen.waiting))
    return {
        Finding(key, f"{name} counts what is there", f"it is {low}, there are {found}")
        for name, (low, high, found) in ranges.items()
        if not low <= found <= high
    }


def _waiting(run: str, seen: SeenCounts, places: Counter[bytes]) -> set[Finding]:
    key = f"{PREFIX}job:{run}"
    findings = {
        Finding(key, f"the URL {fp.hex()} is in one place", f"it is in {n}") for fp, n in places.items() if n > 1
    }
    findings |= {
        Finding(key, f"the URL {fp.hex()} waits somewhere, for it has not ended") for fp in seen.waiting - places.keys()
    }
    findings |= {
        Finding(key, f"the URL {fp.hex()} waits nowhere, for it has ended or was never admitted")
        for fp in places.keys() - seen.waiting
    }
    return findings


async def _seen(reader: KeyReader, run: str, job: RunRecord) -> SeenCounts:
    """Read the buckets from the first to the last.

    URLs move only to later buckets, so none is missed.
    """
    seen, first, end = SeenCounts(), 0, job.buckets
    while first < end:
        keys = [f"{PREFIX}seen:{run}:{i}" for i in range(first, min(first + BUCKETS_PER_CALL, end))]
        for i, bucket in enumerate(await reader.ask([("HGETALL", key) for key in keys]), first):
            _add(seen, keys[i - first], bucket, partial(_is_in, job, reader.secret, i))
        first += BUCKETS_PER_CALL
        if first >= end and (now := await _job(reader, run)):
            end = now.buckets
    return seen


def _add(seen: SeenCounts, key: str, bucket: dict[bytes, bytes], is_in: Callable[[bytes], bool]) -> None:
    for fingerprint, state in bucket.items():
        if state == b".":
            seen.waiting.add(fingerprint)
        else:
            seen.ended[state.decode("latin-1")] += 1
        if not is_in(fingerprint):
            seen.misplaced.add(key)


def _is_in(job: RunRecord, secret: bytes, bucket: int, fingerprint: bytes) -> bool:
    """Return whether a fingerprint belongs in a bucket, by the rule of ``lua/shared/seen.lua``."""
    weights = (int(secret[i : i + 8], 16) % PRIME for i in range(0, 64, 8))
    number = sum(byte * weight for byte, weight in zip(fingerprint, weights, strict=True)) % PRIME
    index = number % 2 ** job["level"]
    return bool((number % 2 ** (job["level"] + 1) if index < job["split"] else index) == bucket)


async def _places(reader: KeyReader, run: str) -> Counter[bytes]:
    """Return in how many places each URL of a run waits."""
    hosts = reader.queues[run] | {host async for host in reader.members(f"job:{run}:hosts")}
    places: Counter[bytes] = Counter()
    for host in hosts:
        found = {member async for member, _ in reader.redis.zscan_iter(f"{PREFIX}q:{host}:{run}", count=SCAN_COUNT)}
        places.update(member[:8] for member in found)
        async for _, block in reader.redis.hscan_iter(f"{PREFIX}blocks:{host}:{run}", count=BLOCKS_PER_CALL):
            places.update(member[:8] for member, _ in unpack_block(block))
    places.update(solo.member[:8] for solo in reader.solo if solo.run == run)
    places.update(lease.member[:8] for lease in reader.leases.values() if lease.run == run and lease.member)
    return places


def _census_source() -> str:
    return (files("pdfspider.frontier") / "lua/census.lua").read_text("utf-8")
