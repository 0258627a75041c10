"""Start URLs are claimed, settled, and come back when their claimer dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ResponseError

from tests.frontier.rig import FREE, entry

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

KEY = "pdfs:start_urls"


async def test_start_urls_are_claimed_in_the_order_in_which_they_were_pushed(rig: Rig) -> None:
    await rig.redis.lpush(KEY, *[b"%d" % i for i in range(5)])
    worker = rig.worker().frontier
    assert await worker.claim_start_urls(1, limit=3) == [b"0", b"1", b"2"]
    assert await rig.redis.lrange(KEY, 0, -1) == [b"4", b"3"]


async def test_start_urls_are_claimed_from_what_scrapy_redis_keeps_them_in(rig: Rig) -> None:
    worker = rig.worker().frontier
    await rig.redis.sadd(KEY, *[b"%d" % i for i in range(5)])
    claimed = await worker.claim_start_urls(0.01, limit=3)
    assert len(claimed) == 3
    assert await rig.redis.smembers(KEY) == {b"%d" % i for i in range(5)} - set(claimed)
    assert sorted(await worker.claim_start_urls(0.01)) == [b"%d" % i for i in range(5)]
    for raw in await worker.claim_start_urls(0.01):
        await worker.reject(raw, b"")
    await rig.redis.zadd(KEY, {b"%d" % i: i % 3 for i in range(6)})
    assert await worker.claim_start_urls(0.01, limit=4) == [b"5", b"2", b"4", b"1"]
    assert await rig.redis.zrange(KEY, 0, -1) == [b"0", b"3"]


async def test_a_key_of_another_type_is_refused_and_left_alone(rig: Rig) -> None:
    worker = rig.worker().frontier
    await rig.redis.hset(KEY, "http://a.test/", "1")
    with pytest.raises(ResponseError, match=r"^WRONGTYPE pdfs:start_urls is a hash, not a list"):
        await worker.claim_start_urls(0.01)
    await rig.redis.delete(KEY)
    await rig.redis.lpush(KEY, b"0")
    assert await worker.claim_start_urls(0.01) == [b"0"]


async def test_what_cannot_be_set_aside_stays_claimed(rig: Rig) -> None:
    await rig.redis.lpush(KEY, b"no sense")
    worker = rig.worker().frontier
    (claimed,) = await worker.claim_start_urls(1)
    await rig.redis.set(f"{KEY}:rejected", "no list")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await worker.reject(claimed, b"the reason")
    assert await worker.claim_start_urls(0.01) == [claimed]


@pytest.mark.parametrize("kind", ["list", "set", "zset"])
async def test_what_cannot_be_claimed_stays(rig: Rig, kind: str) -> None:
    fill = {"list": rig.redis.lpush, "set": rig.redis.sadd, "zset": lambda key, raw: rig.redis.zadd(key, {raw: 1})}
    worker = rig.worker().frontier
    await worker.lease(0, 0)
    await fill[kind](KEY, b"0")
    await rig.redis.execute_command("ACL", "SETUSER", "default", "-lpush")
    try:
        with pytest.raises(ResponseError, match=r"lpush|permissions|run this command"):
            await worker.claim_start_urls(0.01)
    finally:
        await rig.redis.execute_command("ACL", "SETUSER", "default", "+lpush")
    assert await worker.claim_start_urls(0.01) == [b"0"]


async def test_nothing_is_claimed_where_nothing_is(rig: Rig) -> None:
    assert await rig.worker().frontier.claim_start_urls(0.01) == []


async def test_a_claim_ends_with_the_submit_that_settles_it(rig: Rig) -> None:
    await rig.redis.lpush(KEY, b"http://a.test/", b"http://b.test/")
    worker = rig.worker().frontier
    claimed = await worker.claim_start_urls(1)
    await worker.submit("default", [entry("http://a.test/")], options=FREE, claimed=claimed[:1])
    assert await rig.redis.lrange(worker.taking, 0, -1) == claimed[1:]
    await worker.reject(claimed[1], b"the reason")
    assert await rig.redis.lrange(worker.taking, 0, -1) == []
    assert await rig.redis.lrange(f"{KEY}:rejected", 0, -1) == [b"the reason"]


async def test_what_was_claimed_and_not_settled_is_claimed_first(rig: Rig) -> None:
    await rig.redis.lpush(KEY, *[b"%d" % i for i in range(6)])
    worker = rig.worker().frontier
    first = await worker.claim_start_urls(1, limit=4)
    assert await worker.claim_start_urls(1, limit=2) == first[:2]
    for raw in first[:2]:
        await worker.reject(raw, b"")
    assert await worker.claim_start_urls(1, limit=2) == first[2:]
    assert await worker.claim_start_urls(1) == [*first[2:], b"4", b"5"]


async def test_what_a_dead_worker_claimed_comes_back_in_its_order(rig: Rig) -> None:
    await rig.redis.lpush(KEY, *[b"%d" % i for i in range(200)])
    dead, heir = rig.worker("w1").frontier, rig.worker("w2").frontier
    await dead.claim_start_urls(1, limit=150)
    await rig.expire()
    assert await heir.claim_start_urls(1, limit=200) == [b"%d" % i for i in range(200)]


@pytest.mark.parametrize("command", ["LPUSH", "SADD", "ZADD"])
async def test_what_a_worker_claimed_goes_to_others_when_it_leaves(rig: Rig, command: str) -> None:
    """And whoever hands in goes on with what the key was."""
    values = (0, b"1") if command == "ZADD" else (b"1",)
    await rig.redis.execute_command(command, KEY, *values)
    worker, heir = rig.worker("w1").frontier, rig.worker("w2").frontier
    await worker.claim_start_urls(0.01)
    await worker.leave()
    await rig.redis.execute_command(command, KEY, *(values[:-1]), b"2")
    assert sorted(await heir.claim_start_urls(0.01)) == [b"1", b"2"]


async def test_a_start_url_that_is_claimed_twice_is_one_url_of_its_job(rig: Rig) -> None:
    await rig.redis.lpush(KEY, b"http://a.test/")
    dead, heir = rig.worker("w1").frontier, rig.worker("w2").frontier
    claimed = await dead.claim_start_urls(1)
    await rig.expire()
    assert await heir.claim_start_urls(1) == claimed
    for frontier in (dead, heir):
        await frontier.submit("default", [entry("http://a.test/")], options=FREE, claimed=claimed)
    assert (await rig.status("default"))["queued"] == 1
    assert await rig.redis.exists(dead.taking, heir.taking, KEY) == 0


async def test_what_a_worker_claims_that_was_given_up_meanwhile_goes_to_others_if_it_dies(rig: Rig) -> None:
    worker = rig.worker("w1").frontier
    assert await worker.claim_start_urls(0.01) == []
    await worker.lease(0, 0)
    await rig.expire()
    assert await rig.redis.zscore("{pdfs}:workers", "w1") is None
    await rig.redis.lpush(KEY, b"1")
    assert await worker.claim_start_urls(0.01) == [b"1"]
    await rig.expire()
    assert await rig.worker("w2").frontier.claim_start_urls(0.01) == [b"1"]
