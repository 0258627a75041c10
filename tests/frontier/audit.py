"""What must hold of the frontier's raw keys at any moment between two calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import msgpack

from pdfspider.items import OUTCOMES_BY_CODE

if TYPE_CHECKING:
    from redis.asyncio import Redis

P = "{pdfs}:"
DELAYED = 2**52


class Snapshot:
    """All keys, read and sorted by what they are."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, bytes]] = {}
        self.seen: dict[str, dict[bytes, str]] = defaultdict(dict)
        self.queues: dict[tuple[str, str], dict[bytes, float]] = {}
        self.hosts: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.leases: dict[str, tuple[str, dict[str, Any]]] = {}
        self.sets: dict[str, set[str]] = defaultdict(set)
        self.solo: list[tuple[str, str, bytes]] = []
        self.lasting: set[str] = set()

    @classmethod
    async def read(cls, redis: Redis) -> Snapshot:
        snapshot = cls()
        for raw in await redis.keys(f"{P}*"):
            key = raw.decode("latin-1")
            await snapshot._add(redis, key.removeprefix(P), raw)
        return snapshot

    async def _add(self, redis: Redis, key: str, raw: bytes) -> None:
        kind = (await redis.type(raw)).decode()
        if kind == "hash":
            await self._add_hash(redis, key, raw)
        elif key.startswith("q:"):
            _, host, run = key.split(":")
            self.queues[host, run] = dict(await redis.zrange(raw, 0, -1, withscores=True))
        elif key == "solo":
            for packed in await redis.zrange(raw, 0, -1):
                run, host, member, _ = msgpack.unpackb(packed, raw=True)
                self.solo.append((run.decode(), host.decode(), member))
        elif kind in ("set", "zset"):
            members = await (redis.smembers(raw) if kind == "set" else redis.zrange(raw, 0, -1))
            self.sets[key] = {member.decode() for member in members}

    async def _add_hash(self, redis: Redis, key: str, raw: bytes) -> None:
        fields = await redis.hgetall(raw)
        match key.split(":"):
            case ["job", run]:
                self.jobs[run] = _text(fields)
            case ["seen", run, _]:
                assert await redis.object("ENCODING", raw) in (b"listpack", b"ziplist"), f"{key} was converted"
                self.seen[run] |= {fp: code.decode() for fp, code in fields.items()}
            case ["host", host]:
                self.hosts[host] = _text(fields)
                if await redis.ttl(raw) == -1:
                    self.lasting.add(host)
            case ["worker", worker]:
                for token, record in fields.items():
                    self.leases[token.decode()] = worker, _text(msgpack.unpackb(record, raw=True))


async def audit(redis: Redis) -> Snapshot:
    """Raises AssertionError where the keys contradict each other."""
    snapshot = await Snapshot.read(redis)
    for run in snapshot.jobs:
        check_urls(snapshot, run)
        check_end(snapshot, run)
    for host, run in snapshot.queues:
        check_queue(snapshot, host, run)
    for host in {key.split(":")[1] for key in snapshot.sets if key.endswith(":jobs")} | snapshot.sets["hosts"]:
        check_host(snapshot, host)
    check_leases(snapshot)
    return snapshot


def check_urls(snapshot: Snapshot, run: str) -> None:
    """Each URL is in one state, and the counters say what is there."""
    job, seen = snapshot.jobs[run], snapshot.seen[run]
    queues = [queue for (_, other), queue in snapshot.queues.items() if other == run]
    scores = [(member, score) for queue in queues for member, score in queue.items()]
    queued = [member for member, score in scores if score < DELAYED]
    queued += [member for other, _, member in snapshot.solo if other == run]
    delayed = [member for member, score in scores if score >= DELAYED]
    leased = [lease["member"] for _, lease in snapshot.leases.values() if lease["run"] == run.encode()]
    waiting = Counter(member[:8] for member in (*queued, *delayed, *leased))
    assert not waiting or max(waiting.values()) == 1, f"run {run}: a URL is in two places"
    assert set(waiting) == {fp for fp, code in seen.items() if code == "."}, f"run {run}: a URL is nowhere"
    ended = Counter(code for code in seen.values() if code != ".")
    dead = sum(n for code, n in ended.items() if OUTCOMES_BY_CODE[code].dead)
    expected = {
        "queued": len(queued),
        "delayed": len(delayed),
        "leased": len(leased),
        "leased_pages": sum(member[8:9] == b"p" for member in leased),
        "done": ended.total() - dead,
        "dead": dead,
        "seen": len(seen),
        **{f"c:{code}": n for code, n in ended.items()},
    }
    counted = {field: int(value) for field, value in job.items() if field in expected or field.startswith("c:")}
    assert {field: n for field, n in counted.items() if n} == {field: n for field, n in expected.items() if n}


def check_end(snapshot: Snapshot, run: str) -> None:
    job = snapshot.jobs[run]
    empty = not any(int(job.get(field, 0)) for field in ("queued", "delayed", "leased"))
    ended = job["state"] in (b"finished", b"cancelled")
    assert ended == (run in snapshot.sets["finished"])
    assert ended == (empty and (job["sealed"] == b"1" or job["state"] == b"cancelled"))


def check_queue(snapshot: Snapshot, host: str, run: str) -> None:
    """Every queue is found by the turns, by the resume, or by the cancel."""
    state = snapshot.jobs[run]["state"]
    waits = run in snapshot.sets["chores"] or state == b"paused"
    parked = host in snapshot.sets[f"job:{run}:parked"] and waits
    turn = run in snapshot.sets[f"host:{host}:jobs"]
    assert turn or parked or state == b"cancelling", f"the queue of {run} at {host} was forgotten"
    assert host in snapshot.sets[f"job:{run}:hosts"]
    assert state != b"cancelling" or run in snapshot.sets["chores"]


def check_host(snapshot: Snapshot, host: str) -> None:
    """A host with work is scheduled, or something is out whose end will schedule it."""
    runs, record = snapshot.sets[f"host:{host}:jobs"], snapshot.hosts[host]
    for run in runs:
        assert (host, run) in snapshot.queues
    assert not runs or host in snapshot.lasting, f"{host} would be forgotten"
    if host in snapshot.sets["hosts"]:
        assert runs, f"{host} has no work"
        return
    cap = max(int(record.get("cap", 1)), 1)
    cap = min(cap, int(record.get("fcap", cap)))
    full = len(snapshot.sets[f"host:{host}:flight"]) >= cap
    assert not runs or full or "robots" in record or "starting" in record, f"{host} is never asked again"


def check_leases(snapshot: Snapshot) -> None:
    for token, (worker, lease) in snapshot.leases.items():
        assert worker in snapshot.sets["workers"], f"the lease {token} has no owner"
        flying = token in snapshot.sets[f"host:{lease['hid'].decode()}:flight"]
        assert flying == (lease["kind"] != b"v")
    for key, tokens in snapshot.sets.items():
        if key.endswith(":flight"):
            assert tokens <= set(snapshot.leases), f"{key} holds leases that have ended"
    for host, record in snapshot.hosts.items():
        for field in ("starting", "robots"):
            assert field not in record or record[field].decode() in snapshot.leases, f"{host}: {field} stays for ever"


def _text(raw: dict[bytes, Any]) -> dict[str, Any]:
    return {field.decode("latin-1"): value for field, value in raw.items()}
