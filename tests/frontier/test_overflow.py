"""Queues beyond their cap: they go to compressed blocks and come back in their order, whatever happens meanwhile."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ResponseError

from pdfspider.exceptions import FrontierError
from pdfspider.frontier import overflow
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.overflow import Member, digest, pack_block, unpack_block
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import FREE, entry, on_one_server, pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.frontier import Frontier
    from tests.frontier.rig import Rig, Worker

CAP = 24
HOST = "a.test"


def small(rig: Rig, name: str = "w1", cap: int = CAP) -> Worker:
    return rig.worker(name, queue_max=cap)


async def submit(worker: Worker, entries: Sequence[Entry], job: str = "j", step: int = 40, **how: Any) -> None:
    """Submits in parts, as several calls do."""
    for i in range(0, len(entries), step):
        await worker.frontier.submit(job, entries[i : i + step], **{"options": FREE, **how})


async def live(rig: Rig, host: str = HOST) -> int:
    """The members of a host's queue that are not in blocks."""
    keys = await rig.redis.keys(f"{{pdfs}}:q:{host_id(host)}:*")
    return sum([await rig.redis.zcard(key) for key in keys])


async def blocks(rig: Rig) -> int:
    keys = await rig.redis.keys("{pdfs}:overflow:*")
    return sum([await rig.redis.zcard(key) for key in keys])


def mixed(count: int, seed: int = 1, host: str = HOST) -> list[Entry]:
    """Documents and pages of several priorities and depths."""
    chance = Random(seed)
    return [
        entry(
            f"http://{host}/{seed}/{i}",
            document=chance.random() < 0.4,
            priority=chance.choice([-1, 0, 0, 5]),
            depth=chance.randint(0, 4),
        )
        for i in range(count)
    ]


async def test_what_is_beyond_the_cap_is_compressed_and_counted(rig: Rig) -> None:
    worker = small(rig)
    await submit(worker, pages(1000))
    assert await live(rig) <= 2 * CAP
    assert await blocks(rig) > 100
    status = await rig.status("j")
    assert (status["queued"], status["delayed"]) == (1000, 0)
    await audit(rig.redis)


@on_one_server
@pytest.mark.parametrize("step", [7, 300])
async def test_the_order_is_that_of_a_queue_without_a_cap(rig: Rig, step: int) -> None:
    entries = mixed(600)
    await submit(rig.worker("w0", queue_max=0), entries, step=step)
    expected = await rig.worker("w0", queue_max=0).work()
    await rig.redis.flushall()
    worker = small(rig)
    await submit(worker, entries, step=step)
    assert await blocks(rig) > 50
    assert await drain(rig, worker) == expected
    assert await rig.redis.keys("{pdfs}:overflow:*") == await rig.redis.keys("{pdfs}:blocks:*") == []


async def drain(rig: Rig, *workers: Worker) -> list[str]:
    """What the workers lease, one at a time, until nothing is left; blocks come back after some moments."""
    done: list[str] = []
    idle = 0
    while idle < 4:
        before = len(done)
        for worker in workers:
            for lease in await worker.lease(1):
                assert lease.entry
                done.append(lease.entry.url)
                await worker.commit(lease)
        idle = 0 if len(done) > before else idle + 1
        rig.clock.advance(0.05)
    return done


@on_one_server
async def test_urls_that_come_late_take_their_place(rig: Rig) -> None:
    worker = small(rig)
    await submit(worker, pages(300, priority=0))
    await submit(worker, [entry(f"http://{HOST}/low/{i}", priority=-3) for i in range(100)])
    await submit(worker, [entry(f"http://{HOST}/high/{i}", priority=9) for i in range(100)])
    order = await drain(rig, worker)
    kinds = [url.split("/")[3] if not url.split("/")[3].isdecimal() else "middle" for url in order]
    assert kinds == ["high"] * 100 + ["middle"] * 300 + ["low"] * 100


@on_one_server
async def test_a_commit_of_many_links_is_shortened_by_the_next_sweep(rig: Rig) -> None:
    worker = small(rig)
    await submit(worker, pages(1, host="b.test"))
    lease = await worker.one()
    await worker.commit(lease, Outcome.PAGE, *pages(400))
    assert await live(rig) == 400
    while await worker.frontier.sweep():
        pass
    assert await live(rig) <= CAP
    assert len(await drain(rig, worker)) == 400


@on_one_server
async def test_a_host_does_not_idle_while_a_block_comes_back(rig: Rig) -> None:
    worker = small(rig)
    await submit(worker, pages(500))
    for _ in range(500):
        lease = await worker.one()
        await worker.commit(lease)


@on_one_server
async def test_several_submit_at_once_and_several_lease(rig: Rig) -> None:
    first, second = small(rig, "w1"), small(rig, "w2")
    one, two = mixed(300, seed=1), mixed(300, seed=2)
    for i in range(0, 300, 20):
        await submit(first, one[i : i + 20])
        await submit(second, two[i : i + 20])
    done = await drain(rig, first, second)
    assert sorted(done) == sorted(each.url for each in one + two)


class TestDeath:
    """Whoever dies between two steps changes nothing."""

    async def test_between_reading_and_swapping(self, rig: Rig) -> None:
        worker = small(rig)
        await submit(rig.worker("w0", queue_max=10**6), pages(200))
        run = str(await worker.frontier.run_of("j"))
        moved = worker.frontier._overflow
        members = await moved._last(f"{{pdfs}}:q:{host_id(HOST)}:{run}", *overflow.SCORE_RANGES[1], 10)
        await audit(rig.redis)
        await submit(worker, [entry("http://a.test/late", depth=200)])
        await audit(rig.redis)
        assert await moved._swap(host_id(HOST), run, members) is False  # another client has been quicker
        assert len(await drain(rig, worker)) == 201

    async def test_between_fetching_a_block_and_bringing_it_back(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        worker, other = small(rig, "w1"), small(rig, "w2")
        await submit(worker, pages(300))

        async def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(worker.frontier._overflow, "_refill", die)
        with pytest.raises(KeyboardInterrupt):
            await worker.work()
        await audit(rig.redis)
        await rig.expire(seconds=40)
        left = await drain(rig, other)
        status = await rig.status("j")
        assert (status["queued"], status["leased"], status["done"]) == (0, 0, 300)
        assert len(left) == 300

    async def test_two_bring_the_same_block_back(self, rig: Rig) -> None:
        worker = small(rig)
        await submit(worker, pages(200))
        run, host = str(await worker.frontier.run_of("j")), host_id(HOST)
        (number,) = await rig.redis.zrange(f"{{pdfs}}:overflow:{host}:{run}", 0, 0)
        block = await rig.redis.hget(f"{{pdfs}}:blocks:{host}:{run}", number)
        flat = [part for member, score in unpack_block(block) for part in (str(score), member)]
        answers = [await worker.frontier._scripts("refill", host, run, number, flat) for _ in range(2)]
        assert answers == [1, 0]
        await audit(rig.redis)


class TestControl:
    async def test_cancel_drops_blocks_in_steps(self, rig: Rig) -> None:
        worker = small(rig)
        await submit(worker, pages(300))
        await rig.control("j", "cancel")
        calls = 0
        while await worker.frontier.sweep():
            calls += 1
            await audit(rig.redis)
            assert calls < 500
        status = await rig.status("j")
        assert (status["state"], status["queued"], status["classes"]) == ("cancelled", 0, {"cancelled": 300})
        assert await rig.redis.keys("{pdfs}:overflow:*") == []

    async def test_pause_and_resume(self, rig: Rig) -> None:
        worker = small(rig)
        await submit(worker, pages(200))
        first = [await worker.one() for _ in range(8)]
        await rig.control("j", "pause")
        assert await worker.lease(8) == []
        for lease in first:
            await worker.commit(lease)
        await rig.sweep()
        await audit(rig.redis)
        await rig.control("j", "resume")
        await rig.sweep()
        assert len(await drain(rig, worker)) == 192

    async def test_a_budget_ends_what_waits_in_blocks(self, rig: Rig) -> None:
        worker = small(rig)
        await submit(worker, pages(100), options=JobOptions(cap=8, robots=0, max_pages=5))
        await drain_verdicts(rig, worker)
        status = await rig.status("j")
        assert status["classes"] == {"page": 5, "over-budget": 95}

    async def test_retries_and_expired_leases_come_before_blocks(self, rig: Rig) -> None:
        worker = small(rig)
        await submit(worker, pages(200))
        one, two = await worker.one(), await worker.one()
        await worker.release(one, delay=3, counted=True)
        await worker.release(two)
        await rig.sleep(4, worker)
        again = await worker.urls(1) + await worker.urls(1)
        assert again == [one.entry.url, two.entry.url]


async def drain_verdicts(rig: Rig, worker: Worker) -> None:
    for _ in range(600):
        for lease in await worker.lease(4):
            outcome = Outcome.OVER_BUDGET if lease.verdict else Outcome.PAGE
            await worker.commit(lease, outcome)
        rig.clock.advance(0.05)


class TestScripts:
    """Nothing is half done where arguments make no sense."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("a" * 16, "1", "x", "2", 1, "0" * 40, "b"),
            ("a" * 16, "1", "1", str(2**52), 1, "0" * 40, "b"),
            ("a", "1", "1", "2", 1, "0" * 40, "b"),
            ("a" * 16, "1", "1", "2", 513, "0" * 40, "b"),
            ("a" * 16, "1", "1", "2", 1, "0", "b"),
            ("a" * 16, "1", "1", "2", 1, "0" * 40, 7),
            (),
        ],
    )
    async def test_spill(self, rig: Rig, arguments: tuple[Any, ...]) -> None:
        worker = small(rig)
        await submit(worker, pages(3))
        with pytest.raises(ResponseError, match="malformed block"):
            await worker.frontier._scripts("spill", *arguments)
        await audit(rig.redis)

    @pytest.mark.parametrize("change", ["fewer", "other", "delayed", "text"])
    async def test_refill(self, rig: Rig, change: str) -> None:
        worker = small(rig)
        await submit(worker, pages(200))
        run, host = str(await worker.frontier.run_of("j")), host_id(HOST)
        (number,) = await rig.redis.zrange(f"{{pdfs}}:overflow:{host}:{run}", 0, 0)
        block = await rig.redis.hget(f"{{pdfs}}:blocks:{host}:{run}", number)
        flat: list[Any] = [part for member, score in unpack_block(block) for part in (str(score), member)]
        if change == "fewer":
            flat = flat[2:]
        else:
            flat[:2] = {"other": [flat[0], b"x" * 20], "delayed": [str(2**52), flat[1]], "text": ["x", flat[1]]}[change]
        with pytest.raises(ResponseError, match=r"known by|malformed"):
            await worker.frontier._scripts("refill", host, run, number, flat)
        await audit(rig.redis)


class TestBlocks:
    def test_they_come_back_as_they_were(self) -> None:
        members = [Member(bytes(range(i, i + 20)), 2**50 + 7 * i * i) for i in range(200)]
        assert unpack_block(pack_block(members)) == members

    def test_digest_is_of_scores_and_members(self) -> None:
        one = [Member(b"a" * 12, 1), Member(b"b" * 12, 2)]
        assert digest(one) != digest([Member(b"a" * 12, 1), Member(b"b" * 12, 3)])

    @pytest.mark.parametrize("block", [b"", b"\x02abc", b"\x01", b"\x01\xc1", b"\x01" + b"\x92\xa1a\xa1b"])
    def test_what_is_none_is_an_error(self, block: bytes) -> None:
        with pytest.raises(FrontierError, match="overflow"):
            unpack_block(block)


async def test_a_cap_of_nothing_never_spills(rig: Rig) -> None:
    worker = small(rig, cap=0)
    await submit(worker, pages(300))
    assert await live(rig) == 300


async def test_out_of_memory_a_queue_is_shortened_all_the_same(rig: Rig) -> None:
    worker = small(rig)
    await submit(rig.worker("w0", queue_max=10**6), pages(300))
    await rig.redis.sadd("{pdfs}:overfull", f"{host_id(HOST)}:{await worker.frontier.run_of('j')}")
    try:
        await rig.redis.config_set("maxmemory", 1)
        frontier: Frontier = worker.frontier
        while await frontier.sweep():
            pass
    finally:
        await rig.redis.config_set("maxmemory", 0)
    assert await live(rig) <= CAP
