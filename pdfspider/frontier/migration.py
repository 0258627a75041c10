"""Brings the frontier's keys from the first format to the present one, in bounded steps that can be broken off.

Every key that changes is renamed to one that begins with ``OLD_PREFIX``; then its parts move to where they belong, each
part in one script. So it is known at any moment what is still to be moved.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgpack

from pdfspider.exceptions import ConfigurationError, FormatError, PdfSpiderError
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.reach import networks_number, reach_with
from pdfspider.frontier.scripts import KEY_FORMAT, PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from redis.asyncio import Redis

OLD_PREFIX = f"{PREFIX}format-1:"
META_KEY = f"{PREFIX}meta"
ITEMS_PER_CALL = 256
"""Parts of a key that one call moves."""
CHANGED_KEYS = re.compile(r"seen:\d+:\d+|q:[0-9a-f]{16}:\d+|solo|worker:[^:]+")
OUTDATED_KEYS = re.compile(r"worker:[^:]+:calls")
HEADER_SIZE = 12
"""Bytes of a member before its payload, in the first format."""
ANY_ADDRESS, PUBLIC_ADDRESSES = 1, 0
"""Blocks of addresses, as in ``discovery/addresses.py``: the URL's own, and none that is private."""
ADVICE = (
    "it cannot be migrated: let the version that wrote it end its jobs, or begin with an empty one (another REDIS_URL"
    " or DATA_DIR, or `redis-cli --scan --pattern '{pdfs}:*' | xargs redis-cli unlink`). Documents and database stay"
)
_USERINFO = re.compile(r"^(https?://)[^/?#]*@")


async def check_format(redis: Redis) -> None:
    """Raise FormatError where the frontier's keys are not of the present format."""
    found = await _format_of(redis)
    if found is not None and found != KEY_FORMAT:
        raise FormatError(found, newer=found > KEY_FORMAT)


async def migrate(redis: Redis) -> str:
    """Bring the keys to the present format; return a line that says what was done. Raises ConfigurationError."""
    found = await _format_of(redis)
    if found is None:
        return "frontier: there is none"
    if found == KEY_FORMAT:
        return f"frontier: it has the format {KEY_FORMAT} already"
    if found > KEY_FORMAT:
        raise FormatError(found, newer=True)
    await _refuse_while_used(redis)
    moved = await Migration(redis).run()
    return f"frontier: {moved:,} keys were brought to the format {KEY_FORMAT}"


async def _format_of(redis: Any) -> int | None:
    """Return the version of the keys; None where nothing was ever written."""
    run_id, version = await redis.hmget(META_KEY, "run_id", "format")
    if version and not version.isdigit():
        raise ConfigurationError(f"the frontier's keys have the format {version.decode(errors='replace')!r}; {ADVICE}")
    return int(version) if version else 1 if run_id else None


async def _refuse_while_used(redis: Any) -> None:
    """Raise ConfigurationError while a worker may be alive, or where what there is was never released."""
    seconds, microseconds = await redis.time()
    now = seconds * 1000 + microseconds // 1000 + int(await redis.hget(META_KEY, "shift") or 0)
    alive = await redis.zrangebyscore(f"{PREFIX}workers", now, "+inf")
    if alive:
        names = ", ".join(name.decode() for name in alive[:3])
        raise ConfigurationError(f"workers may still be at work ({names}): stop all, or wait until their leases end")
    if [key async for key in _keys(redis, f"{PREFIX}overflow:*")]:
        raise ConfigurationError(f"the frontier was written by a version between two formats; {ADVICE}")


async def _keys(redis: Any, pattern: str) -> AsyncIterator[str]:
    async for key in redis.scan_iter(match=pattern, count=1000):
        yield key.decode()


class Migration:
    """One migration, which goes on where another was broken off."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._script = redis.register_script(_source())
        self._reach: dict[str, int] = {}
        """The addresses that the URLs of each run may reach, as a number (see reach.py)."""

    async def run(self) -> int:
        """Move everything; return how many keys there were."""
        await self._redis.hsetnx(META_KEY, "secret", secrets.token_hex(32))
        if not await self._redis.hexists(META_KEY, "migrating"):
            await self._check()
            await self._set_aside()
            await self._redis.hset(META_KEY, "migrating", KEY_FORMAT)
        moved = 0
        async for key in _keys(self._redis, f"{OLD_PREFIX}*"):
            await self._move(key.removeprefix(OLD_PREFIX))
            moved += 1
        await self._sum_up()
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(META_KEY, "format", KEY_FORMAT)
            pipe.hdel(META_KEY, "migrating")
            await pipe.execute()
        return moved

    async def _sum_up(self) -> None:
        """Make the sums over all runs from what there is."""
        sums: Counter[str] = Counter()
        ended = [run.decode() for run in await self._redis.zrange(f"{PREFIX}finished", 0, -1)]
        for run in {*await self._runs(), *ended}:
            raw = await self._redis.hgetall(f"{PREFIX}job:{run}")
            job = {name.decode("latin-1"): value for name, value in raw.items()}
            if "state" in job:
                sums[f"jobs:{job['state'].decode()}"] += 1
            for name, value in job.items():
                if name in ("queued", "delayed", "leased", "bytes") or name.startswith("c:"):
                    sums[name] += int(value)
        await self._redis.delete(f"{PREFIX}totals")
        if sums:
            await self._redis.hset(f"{PREFIX}totals", mapping=sums)

    async def _check(self) -> None:
        """Raise ConfigurationError for a queue whose first member is not of the first format."""
        async for key in _keys(self._redis, f"{PREFIX}q:*"):
            for member in await self._redis.zrange(key, 0, 0):
                try:
                    _renewed(member, PUBLIC_ADDRESSES)
                except (ValueError, TypeError, LookupError, AttributeError, PdfSpiderError):
                    raise ConfigurationError(f"{key} is not of the first format; {ADVICE}") from None

    async def _set_aside(self) -> None:
        """Rename what changes, remove what nobody can use any more, and begin with a single bucket in each run."""
        async for key in _keys(self._redis, f"{PREFIX}*"):
            name = key.removeprefix(PREFIX)
            if CHANGED_KEYS.fullmatch(name):
                await self._redis.renamenx(key, OLD_PREFIX + name)
            elif OUTDATED_KEYS.fullmatch(name) or (name.startswith("robots:") and await self._is_refused(key)):
                await self._redis.delete(key)
            elif re.fullmatch(r"job:\d+", name):
                await self._redis.hset(key, mapping={"level": 0, "split": 0})

    async def _is_refused(self, key: str) -> bool:
        return bool(await self._redis.hget(key, "failure") == b"S")

    async def _move(self, name: str) -> None:
        kind, *ids = name.split(":")
        if kind == "seen":
            await self._move_bucket(name, ids[0])
        elif kind == "worker":
            await self._move_hash(name)
        else:
            await self._move_queue(name)

    async def _move_bucket(self, name: str, run: str) -> None:
        if not await self._redis.exists(f"{PREFIX}job:{run}"):
            await self._redis.unlink(OLD_PREFIX + name)  # its run is being removed
            return
        fingerprints = await self._redis.hkeys(OLD_PREFIX + name)
        for i in range(0, len(fingerprints), ITEMS_PER_CALL):
            await self._call("seen", name, run, fingerprints[i : i + ITEMS_PER_CALL])

    async def _move_queue(self, name: str) -> None:
        """Move a queue, or the URLs that are to be leased alone."""
        if name == "solo":
            reaches = {run: await self._reach_of(run) for run in await self._runs()}
            renewed = partial(_renewed_solo, reaches=reaches)
        else:
            renewed = partial(_renewed, reach=await self._reach_of(name.rpartition(":")[2]))
        while members := await self._redis.zrange(OLD_PREFIX + name, 0, ITEMS_PER_CALL - 1):
            await self._call("zset", name, PREFIX + name, [(member, renewed(member)) for member in members])

    async def _move_hash(self, name: str) -> None:
        """Move the leases of a worker that is gone."""
        for token, packed in (await self._redis.hgetall(OLD_PREFIX + name)).items():
            lease = msgpack.unpackb(packed, raw=True)
            if member := lease.get(b"member"):
                lease[b"member"] = _renewed(member, await self._reach_of(lease[b"run"].decode()))
            if lease.pop(b"targets", None) is not None:
                lease[b"reach"] = str(PUBLIC_ADDRESSES)
            await self._call("hash", name, PREFIX + name, [(token, msgpack.packb(lease, use_bin_type=False))])

    async def _call(self, kind: str, name: str, to: str, items: Sequence[Any]) -> None:
        await self._script(args=[msgpack.packb((kind, OLD_PREFIX + name, to, items), use_bin_type=False)])

    async def _runs(self) -> list[str]:
        return [run.decode() for run in await self._redis.hvals(f"{PREFIX}jobs")]

    async def _reach_of(self, run: str) -> int:
        """Return what the URLs of a run may reach, which stood with the run in the first format."""
        if run not in self._reach:
            targets = (await self._redis.hget(f"{PREFIX}job:{run}", "targets") or b"").decode()
            networks = targets.removeprefix("public").strip()
            if networks:
                await self._redis.hset(f"{PREFIX}networks", networks_number(networks), networks)
            self._reach[run] = reach_with(PUBLIC_ADDRESSES, networks) if targets else ANY_ADDRESS
        return self._reach[run]


def _renewed(member: bytes, reach: int) -> bytes:
    """Return a member of a queue in the present format."""
    return member[:HEADER_SIZE] + b"\0" + _entry(member[HEADER_SIZE:], reach).pack()


def _renewed_solo(packed: bytes, reaches: dict[str, int]) -> bytes:
    run, host, member, score = msgpack.unpackb(packed, raw=True)
    renewed = _renewed(member, reaches.get(run.decode(), PUBLIC_ADDRESSES))
    return bytes(msgpack.packb((run, host, renewed, score), use_bin_type=False))


def _entry(payload: bytes, reach: int) -> Entry:
    """Return the entry of a payload of the first format: it had no origin, and might have userinfo."""
    url, depth, flags, *rest = msgpack.unpackb(payload, raw=False)
    entry = Entry.unpack(msgpack.packb((url, depth, flags, 0, *rest)))
    return entry.child(
        url=_without_userinfo(entry.url),
        found_on=entry.found_on and _without_userinfo(entry.found_on),
        hops=tuple(hop._replace(url=_without_userinfo(hop.url)) for hop in entry.hops),
        reach=reach,
    )


def _without_userinfo(url: str) -> str:
    return _USERINFO.sub(r"\1", url)


def _source() -> str:
    room = files("pdfspider.frontier") / "lua"
    clock = "local now, secret = 0, call('HGET', P .. 'meta', 'secret')"
    shared = [(room / f"shared/{part}.lua").read_text("utf-8") for part in ("keys", "jobs", "seen")]
    return "\n".join((shared[0], clock, *shared[1:], (room / "migrate.lua").read_text("utf-8")))
