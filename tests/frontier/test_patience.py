"""What is bounded in time: hosts that ask to be asked slowly, and jobs that have a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider.frontier.gates import Gates, HostSignal
from pdfspider.frontier.jobs import JobOptions
from pdfspider.items import Outcome
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig, Worker

DAY = 24 * 3600
ROBOTS = JobOptions(robots=1)
HOUR = JobOptions(robots=0, max_time=3600_000)


async def serve_robots(worker: Worker, crawl_delay: float) -> None:
    (lease,) = await worker.lease(1)
    await worker.commit_robots(worker.start(lease), body=b"", crawl_delay=crawl_delay)


async def end_verdicts(worker: Worker) -> list[tuple[str, str]]:
    """Ends what is leased as a verdict; gives class codes and causes, and leaves the rest leased."""
    found = []
    while verdicts := [lease for lease in await worker.lease(8) if lease.verdict]:
        for lease in verdicts:
            found.append((lease.verdict, lease.verdict_cause))
            outcome = Outcome.OVER_BUDGET if lease.verdict == "B" else Outcome.HOST_DOWN
            await worker.commit(lease, outcome)
    return found


class TestSlowHosts:
    async def test_what_a_crawl_delay_leaves_no_time_for_ends_at_once(self, rig: Rig) -> None:
        await rig.submit("j", *pages(300), options=ROBOTS)
        worker = rig.worker(gates=Gates(patience=70))
        await serve_robots(worker, 10)
        await rig.sleep(10, worker)
        assert await end_verdicts(worker) == [("B", "s")] * (300 - 8)  # one now, and one on each of seven delays
        (lease,) = worker.held
        assert lease.entry
        assert lease.entry.url == pages(1)[0].url

    async def test_the_first_ones_are_kept_also_where_most_are_in_blocks(self, rig: Rig) -> None:
        worker = rig.worker(queue_max=24, gates=Gates(patience=70))
        for i in range(0, 300, 30):
            await worker.frontier.submit("j", pages(300)[i : i + 30], options=ROBOTS)
        await serve_robots(worker, 10)
        urls: list[str] = []
        while len(urls) < 300 and (await rig.status("j"))["queued"]:
            await rig.sleep(10, worker)
            urls += await fetch(rig, worker)
        assert urls == [each.url for each in pages(8)]
        assert (await rig.status("j"))["classes"] == {"page": 8, "over-budget": 292}

    async def test_the_delay_that_the_job_asks_for_itself_has_no_bound(self, rig: Rig) -> None:
        await rig.submit("j", *pages(100), options=JobOptions(robots=0, delay=10_000))
        worker = rig.worker(gates=Gates(patience=70))
        assert not (await worker.one()).verdict

    async def test_patience_without_an_end(self, rig: Rig) -> None:
        await rig.submit("j", *pages(100), options=ROBOTS)
        worker = rig.worker(gates=Gates(patience=0))
        await serve_robots(worker, 10)
        await rig.sleep(10, worker)
        assert not (await worker.one()).verdict

    async def test_a_host_that_asks_to_be_left_alone_again_and_again(self, rig: Rig) -> None:
        await rig.submit("j", *pages(100), options=JobOptions(robots=0))
        worker = rig.worker(gates=Gates(patience=50, breaker_failures=0))
        fetched = 0
        while (await rig.status("j"))["queued"]:
            fetched += len(await fetch(rig, worker, hold=10))
            await rig.sleep(10, worker)
            assert fetched < 40
        assert 10 <= fetched <= 13  # six until its patience is known to be used up, and six within what follows
        assert (await rig.status("j"))["classes"] == {"page": fetched, "over-budget": 100 - fetched}

    async def test_pauses_that_are_few_for_what_is_done_end_nothing(self, rig: Rig) -> None:
        await rig.submit("j", *pages(30), options=JobOptions(robots=0))
        worker = rig.worker(gates=Gates(patience=50, breaker_failures=0))
        for number in range(30):
            lease = await worker.one()
            assert not lease.verdict
            lease.hold = 26 if number in (5, 25) else 0
            await worker.commit(worker.start(lease))
            await rig.sleep(lease.hold, worker)

    async def test_one_long_pause_ends_nothing(self, rig: Rig) -> None:
        await rig.submit("j", *pages(100), options=JobOptions(robots=0))
        worker = rig.worker(gates=Gates(patience=50))
        lease = worker.start(await worker.one())
        lease.hold, lease.host_signal = 40, HostSignal.BUSY
        await worker.release(lease, delay=1)
        await rig.sleep(42, worker)
        assert not (await worker.one()).verdict


async def fetch(rig: Rig, worker: Worker, hold: float = 0) -> list[str]:
    """Ends all that may be ended now; gives the URLs that were fetched, at which the host asks to be left alone."""
    fetched, idle = [], 0
    while idle < 4:
        leases = await worker.lease(64)
        idle = 0 if leases else idle + 1
        for lease in leases:
            if not lease.verdict:
                assert lease.entry
                fetched.append(lease.entry.url)
                lease.hold = hold
                worker.start(lease)
            await worker.commit(lease, Outcome.OVER_BUDGET if lease.verdict else Outcome.PAGE)
        rig.clock.advance(0.05)
    return fetched


class TestJobsTime:
    async def test_what_is_queued_ends_and_what_is_out_ends_as_usual(self, rig: Rig) -> None:
        await rig.submit("j", *pages(20), options=HOUR, seal=True)
        worker = rig.worker()
        out = await worker.one()
        await rig.sleep(3601, worker)
        await worker.commit(worker.start(out), Outcome.PAGE, *pages(3, host="new.test"))
        await rig.sweep()
        assert set(await end_verdicts(worker)) == {("B", "t")}
        status = await rig.status("j")
        assert (status["state"], status["classes"]) == ("finished", {"page": 1, "over-budget": 22})

    @pytest.mark.parametrize("delayed", [False, True])
    async def test_hosts_that_may_not_be_asked_for_a_day_do_not_keep_it(self, rig: Rig, *, delayed: bool) -> None:
        await rig.submit("j", *pages(20), options=HOUR, seal=True)
        worker = rig.worker()
        lease = worker.start(await worker.one())
        lease.hold, lease.host_signal = DAY, HostSignal.BUSY
        if delayed:
            await worker.release(lease, delay=5, counted=True)
        else:
            await worker.commit(lease, Outcome.THROTTLED)
        await rig.sleep(3601, worker)
        await rig.sweep()
        assert len(await end_verdicts(worker)) == 19 + delayed
        assert (await rig.status("j"))["state"] == "finished"

    async def test_others_at_the_host_go_on_at_their_pace(self, rig: Rig) -> None:
        await rig.submit("j", *pages(5), options=HOUR, seal=True)
        worker = rig.worker()
        lease = worker.start(await worker.one())
        lease.hold = DAY
        await worker.commit(lease)
        await rig.submit("k", entry("http://a.test/k"), options=FREE)
        await rig.sleep(3601, worker)
        await rig.sweep()
        assert await end_verdicts(worker) == [("B", "t")] * 4
        assert (await rig.status("j"))["state"] == "finished"
        assert worker.held == []
        assert (await rig.status("k"))["queued"] == 1

    async def test_a_paused_job_is_left_until_it_goes_on(self, rig: Rig) -> None:
        await rig.submit("j", *pages(5), options=HOUR, seal=True)
        await rig.control("j", "pause")
        await rig.sleep(3601)
        await rig.sweep()
        worker = rig.worker()
        assert await end_verdicts(worker) == []
        await rig.control("j", "resume")
        await rig.sweep()
        assert len(await end_verdicts(worker)) == 5

    async def test_the_default_job_has_no_end(self, rig: Rig) -> None:
        await rig.submit("default", *pages(5), options=HOUR)
        await rig.sleep(3601)
        await rig.sweep()
        assert not (await rig.worker().one()).verdict

    async def test_a_run_that_is_opened_again_has_its_time_anew(self, rig: Rig) -> None:
        await rig.submit("j", *pages(2), options=HOUR, seal=True)
        worker = rig.worker()
        await worker.work(Outcome.TIMEOUT)
        await rig.sleep(7200)
        await rig.submit("j", *pages(2), options=None, revive={Outcome.TIMEOUT.code: "dead"}, seal=True)
        assert not (await worker.one()).verdict

    async def test_what_has_ended_is_forgotten(self, rig: Rig) -> None:
        await rig.submit("j", *pages(1), options=HOUR, seal=True)
        await rig.worker().work()
        await rig.sleep(3601)
        await rig.sweep()
        assert not await rig.redis.exists("{pdfs}:deadlines")
