"""Move the part of a queue that is over its cap to compressed blocks, and back in its order."""

from __future__ import annotations

import zlib
from hashlib import sha1
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack
from redis.exceptions import RedisError

from pdfspider.exceptions import FrontierError
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis.asyncio import Redis

    from pdfspider.frontier.scripts import Scripts

    Refill = tuple[bytes, bytes, bytes, bytes, int]
    """Host id, run, the range of least scores of the blocks to bring back, and whether the last come first."""

MAX_MEMBERS = 512
"""The most members of a block; spill.lua takes no more."""
BLOCK_FORMAT = b"\x01"
"""First byte of a block."""
PAGE_SCORE, DELAYED_SCORE = 2**50, 2**52
"""Scores from which on a member is a page, and delayed, as in lua/shared/keys.lua."""
SCORE_RANGES = (("-inf", f"({PAGE_SCORE}"), (str(PAGE_SCORE), f"({DELAYED_SCORE}"))
"""The ranges of scores of documents and of pages."""
MAX_BLOCKS_PER_CALL = 64
"""The most blocks that one call makes; the rest is noted in Redis."""


class Member(NamedTuple):
    """A member of a queue with its score."""

    member: bytes
    score: int


def pack_block(members: Sequence[Member]) -> bytes:
    """Return a block: compressed scores and members, followed by the fingerprints, which do not compress."""
    fingerprints = b"".join(member[:8] for member, _ in members)
    scores = [members[0].score, *(later.score - one.score for one, later in pairwise(members))]
    columns = [scores, [member[8:] for member, _ in members]]
    packed: bytes = msgpack.packb((fingerprints, zlib.compress(msgpack.packb(columns), 1)))
    return BLOCK_FORMAT + packed


def unpack_block(block: bytes) -> list[Member]:
    """Return the members of a block in their order.

    Raises FrontierError.
    """
    if block[:1] != BLOCK_FORMAT:
        raise FrontierError("a queue's overflow was written by a later version of pdfspider")
    try:
        fingerprints, compressed = msgpack.unpackb(block[1:])
        deltas, rests = msgpack.unpackb(zlib.decompress(compressed))
        members, score = [], 0
        for i, (delta, rest) in enumerate(zip(deltas, rests, strict=True)):
            score += delta
            members.append(Member(fingerprints[8 * i : 8 * i + 8] + rest, score))
    except (ValueError, TypeError, zlib.error, msgpack.UnpackException) as error:
        raise FrontierError(f"a queue's overflow cannot be read: {error}") from error
    return members


def digest(members: Iterable[Member]) -> str:
    """Return the SHA-1 by which the scripts know the members of a block."""
    return sha1(b"".join(b"%d %b" % (score, member) for member, score in members), usedforsecurity=False).hexdigest()


class Overflow:
    """Moves members between queues and blocks.

    A worker that dies in between changes nothing. A queue is shortened to three eighths of the cap for documents and as
    much for pages.
    """

    def __init__(self, redis: Redis, scripts: Scripts, queue_max: int) -> None:
        self._redis: Any = redis
        self._scripts = scripts
        self._most = queue_max // 2
        self._kept = queue_max * 3 // 8
        self._size = max(1, min(MAX_MEMBERS, queue_max // 8))
        self._at_once = max(1, min(4, (self._most - queue_max // 8) // self._size))

    async def spill(self, host: str, run: str) -> None:
        """Move the members of a queue beyond its cap to blocks.

        If Redis fails, the queue stays listed as overfull.
        """
        try:
            for _ in range(MAX_BLOCKS_PER_CALL):
                if not await self._spill_once(host, run):
                    break
            else:
                return
            await self._redis.srem(f"{PREFIX}overfull", f"{host}:{run}")
        except RedisError as error:
            if not may_pass(error):
                raise

    async def refill(self, refills: Iterable[Refill]) -> None:
        """Bring back the first or the last blocks of each range.

        If Redis fails, they are asked for again.
        """
        try:
            for host, run, least, most, last in refills:
                await self._refill(host.decode(), run.decode(), least, most, last=bool(last))
        except RedisError as error:
            if not may_pass(error):
                raise

    async def _spill_once(self, host: str, run: str) -> bool:
        """Make a block of each kind of member that the queue has too many of.

        Return whether there may be more to do.
        """
        key = f"{PREFIX}q:{host}:{run}"
        async with self._redis.pipeline(transaction=False) as pipe:
            for least, most in SCORE_RANGES:
                pipe.zcount(key, least, most)
            counts = await pipe.execute()
        done = False
        for (least, most), number in zip(SCORE_RANGES, counts, strict=True):
            if number > self._most:
                size = min(self._size, number - self._kept)
                done |= await self._swap(host, run, await self._last(key, least, most, size))
        return done

    async def _last(self, key: str, least: str, most: str, size: int) -> list[Member]:
        """Return the last members of a range, and either all or none of those with the same score."""
        found = await self._redis.zrange(
            key, most, least, desc=True, byscore=True, offset=0, num=size + 1, withscores=True
        )
        members = [Member(member, int(score)) for member, score in found]
        if len(members) > size:
            members = [one for one in members if one.score != members[-1].score]
        return members[::-1]

    async def _swap(self, host: str, run: str, members: list[Member]) -> bool:
        if not members:
            return False
        least, most = str(members[0].score), str(members[-1].score)
        block = pack_block(members)
        return bool(await self._scripts("spill", host, run, least, most, len(members), digest(members), block))

    async def _refill(self, host: str, run: str, least: bytes, most: bytes, *, last: bool) -> None:
        key, ends = f"{PREFIX}overflow:{host}:{run}", (most, least) if last else (least, most)
        ids = await self._redis.zrange(key, *ends, desc=last, byscore=True, offset=0, num=self._at_once)
        blocks = await self._redis.hmget(f"{PREFIX}blocks:{host}:{run}", ids) if ids else []
        for number, block in zip(ids, blocks, strict=True):
            if block is not None:
                flat = [part for member, score in unpack_block(block) for part in (str(score), member)]
                await self._scripts("refill", host, run, number, flat)
