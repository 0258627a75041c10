"""What a job with many hosts, or hosts that do not answer, leave to others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pdfspider.frontier.audit import audit
from pdfspider.frontier.gates import HostSignal
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.reports.fleet import read_fleet
from pdfspider.items import Outcome
from tests.frontier.rig import FREE, entry, on_one_server, pages, subject

if TYPE_CHECKING:
    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.leases import Lease
    from tests.frontier.rig import Rig, Worker

SLOTS = 4
POLITE = JobOptions(robots=0, delay=1000)


def hosts(count: int, name: str = "dead") -> list[Entry]:
    """Return a page of each of so many hosts."""
    return [entry(f"http://{i}.{name}.test/") for i in range(count)]


async def answer(worker: Worker, lease: Lease, outcome: Outcome = Outcome.PAGE) -> None:
    lease.latency, lease.host_signal = 0.01, HostSignal.OK
    await worker.commit(worker.start(lease), outcome)


async def fail(worker: Worker, lease: Lease) -> None:
    lease.host_signal = HostSignal.DOWN
    await worker.commit(lease, Outcome.DNS_ERROR)


class TestJobs:
    async def test_a_job_whose_hosts_wait_behind_thousands_of_others_gets_its_share(self, rig: Rig) -> None:
        many = await rig.submit("many", *hosts(900))
        few = await rig.submit("few", *hosts(6, "live"))
        worker = rig.worker()
        await rig.sleep(1)
        leases = (await worker.ask(8, slots=SLOTS)).leases
        assert Counter(lease.run for lease in leases) == {few.run: 4, many.run: 4}

    async def test_what_becomes_free_goes_to_the_job_with_the_fewest_leases(self, rig: Rig) -> None:
        many = await rig.submit("many", *hosts(900))
        worker = rig.worker()
        await rig.sleep(1)
        held = (await worker.ask(2 * SLOTS, slots=SLOTS)).leases
        few = await rig.submit("few", *hosts(6, "live"))
        await rig.sleep(1, worker)
        for lease in held[:5]:
            await answer(worker, lease)
            (next_one,) = (await worker.ask(1, slots=SLOTS)).leases
            assert next_one.run == (few.run if lease in held[:4] else many.run)

    async def test_a_job_gets_everything_while_no_other_waits(self, rig: Rig) -> None:
        many = await rig.submit("many", *hosts(100))
        await rig.submit("polite", *pages(10), options=POLITE)
        worker = rig.worker()
        await rig.sleep(1)
        leases = (await worker.ask(2 * SLOTS, slots=SLOTS)).leases
        assert Counter(lease.run for lease in leases)[many.run] == 2 * SLOTS - 1

    @on_one_server
    async def test_all_of_many_jobs_get_turns(self, rig: Rig) -> None:
        await rig.submit("many", *hosts(900))
        small = [(await rig.submit(f"small-{i}", *hosts(1, f"small-{i}"))).run for i in range(30)]
        worker, runs = rig.worker(), Counter[int]()
        await rig.sleep(1)
        for _ in range(60):
            for lease in (await worker.ask(SLOTS, slots=SLOTS)).leases:
                runs[lease.run] += 1
                await answer(worker, lease)
        assert all(runs[run] == 1 for run in small)

    async def test_jobs_that_wait_are_listed_whoever_queued_them(self, rig: Rig) -> None:
        run = (await rig.submit("j", *pages(2), seal=True)).run
        assert await rig.redis.smembers("{pdfs}:queued") == {str(run).encode()}
        await rig.redis.delete("{pdfs}:queued")
        await rig.sweep()
        assert await rig.redis.smembers("{pdfs}:queued") == {str(run).encode()}
        await rig.worker().work()
        assert not await rig.redis.exists("{pdfs}:queued")

    async def test_a_list_of_another_type_stops_nobody(self, rig: Rig) -> None:
        await rig.redis.set("{pdfs}:queued", "")
        await rig.submit("j", *pages(2))
        await rig.submit("k", *hosts(2))
        await rig.sleep(1)
        assert len(await rig.worker().work()) == 4
        await rig.redis.delete("{pdfs}:queued")


class TestUnreachedHosts:
    async def test_they_get_no_more_leases_than_the_worker_takes(self, rig: Rig) -> None:
        await rig.submit("j", *hosts(100))
        worker = rig.worker()
        grant = await worker.ask(8, unreached=3)
        assert [lease.unreached for lease in grant.leases] == [True] * 3
        assert grant.wait is None
        assert not (await worker.ask(8, unreached=0)).leases

    async def test_they_keep_nobody_from_hosts_that_answer(self, rig: Rig) -> None:
        await rig.submit("j", *pages(40, "live.test"))
        worker = rig.worker()
        await answer(worker, await worker.one())
        await rig.submit("j", *hosts(900))
        await rig.sleep(1, worker)
        await rig.submit("k", *pages(40, "live.test", depth=1))
        leases = (await worker.ask(8, unreached=2)).leases
        assert sum("live.test" in subject(lease) for lease in leases) == 6

    async def test_one_that_fails_is_unreached_and_one_that_is_busy_is_not(self, rig: Rig) -> None:
        await rig.submit("j", *pages(10, "a.test"), options=JobOptions(robots=0))
        worker = rig.worker()
        await answer(worker, await worker.one())
        lease = await worker.one()
        assert not lease.unreached
        await fail(worker, lease)
        assert not (await worker.ask(1, unreached=0)).leases
        lease = await worker.one()
        assert lease.unreached
        lease.host_signal = HostSignal.BUSY
        await worker.release(worker.start(lease), counted=True)
        await rig.sleep(10, worker)
        assert not (await worker.one()).unreached

    async def test_they_count_as_hosts_that_may_be_asked(self, rig: Rig) -> None:
        await rig.submit("j", *hosts(5))
        await rig.sleep(3)
        fleet = await read_fleet(rig.redis, "pdfs:start_urls", 1, now=rig.clock() // 1000)
        assert (fleet.hosts_waiting, fleet.workers_wanted, fleet.oldest_ready) == (5, 5, 3.0)

    async def test_what_a_job_has_there_ends_when_its_time_is_over(self, rig: Rig) -> None:
        await rig.submit("j", *hosts(200), options=JobOptions(robots=0, max_time=2000), seal=True)
        worker = rig.worker()
        held = (await worker.ask(4, unreached=4)).leases
        await rig.sleep(4, worker)
        for _ in range(100):
            await rig.sweep()
            for lease in (await worker.ask(64, unreached=0)).leases:
                assert lease.verdict == "B"
                await worker.commit(lease, Outcome.OVER_BUDGET)
            if (await rig.status("j"))["queued"] == 0:
                break
            await rig.sleep(1, worker)
        assert (await rig.status("j"))["classes"] == {"over-budget": 196}
        assert len(held) == len(worker.held) == 4
        assert not (await audit(rig.redis, looks=1)).findings

    async def test_a_submit_wakes_workers_only_where_nothing_could_be_leased(self, rig: Rig) -> None:
        async with rig.redis.pubsub() as channel:
            await channel.subscribe("{pdfs}:wake")
            await channel.get_message(timeout=5)
            await rig.submit("j", *hosts(2))
            assert await channel.get_message(ignore_subscribe_messages=True, timeout=5)
            await rig.submit("j", *hosts(2, "other"))
            assert not await channel.get_message(ignore_subscribe_messages=True, timeout=0.05)


async def test_a_host_of_an_older_version_is_looked_at_once(rig: Rig) -> None:
    await rig.submit("j", *hosts(3), options=FREE)
    for hid, score in await rig.redis.zrange("{pdfs}:hosts", 0, -1, withscores=True):
        await rig.redis.zadd("{pdfs}:hosts", {hid: score % 2**50})
    worker = rig.worker()
    assert not (await worker.ask(3, unreached=0)).leases
    assert len((await worker.ask(3, unreached=3)).leases) == 3
