"""Random histories of a frontier against a few lines of plain Python."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pdfspider.exceptions import LeaseLost
from pdfspider.frontier.connection import connect
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import Ending
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import Clock, Rig, entry

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pdfspider.frontier.leases import Lease
    from tests.frontier.rig import Server, Worker

JOBS, WORKERS = ("j", "k"), ("w1", "w2", "w3")
OPTIONS = {"j": JobOptions(cap=2, robots=0), "k": JobOptions(cap=3, delay=700, robots=0)}
OUTCOMES = st.sampled_from([Outcome.PAGE, Outcome.DOCUMENT, Outcome.TIMEOUT])
URL = st.builds("http://{}.test/{}".format, st.sampled_from("abc"), st.integers(0, 9))
URLS = st.lists(URL, min_size=1, max_size=5)
names, workers = st.sampled_from(JOBS), st.sampled_from(WORKERS)


class History(RuleBasedStateMachine):
    """The model: for each job the state, and for each URL ``None`` while it waits, else the class that it ended in."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.run(self._open())
        self.state = dict.fromkeys(JOBS, "none")
        self.urls: dict[str, dict[str, Outcome | None]] = {name: {} for name in JOBS}
        self.jobs: dict[int, str] = {}

    async def _open(self) -> None:
        redis = connect(self.server.url)
        await redis.flushall()
        self.rig = Rig(self.server.url, redis, Clock(), [redis])
        self.workers: dict[str, Worker] = {name: self.rig.worker(name, ahead=0.3) for name in WORKERS}
        self.sweeper = self.rig.worker("sweeper").frontier

    def teardown(self) -> None:
        self.run(self._finish())
        self.run(self.rig.close())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def settle(self, name: str, url: str, outcome: Outcome) -> None:
        assert self.urls[name][url] is None, f"{url} ended twice"
        self.urls[name][url] = outcome

    def admit(self, name: str, urls: list[str]) -> None:
        for url in urls:
            self.urls[name].setdefault(url, None)

    @rule(name=names, urls=URLS)
    def submit(self, name: str, urls: list[str]) -> None:
        if self.state[name] in ("cancelling", "cancelled"):
            return
        self.state[name] = "running" if self.state[name] == "none" else self.state[name]
        answer = self.run(self.sweeper.submit(name, list(map(entry, urls)), options=OPTIONS[name]))
        self.jobs[answer.run] = name
        assert answer.added == len(set(urls) - set(self.urls[name]))
        self.admit(name, urls)

    @rule(worker=workers, wanted=st.integers(1, 4))
    def lease(self, worker: str, wanted: int) -> None:
        for lease in self.run(self.workers[worker].lease(wanted)):
            name = self.jobs[lease.run]
            assert self.state[name] == "running"
            assert self.urls[name][lease.entry.url] is None

    @precondition(lambda self: any(worker.held for worker in self.workers.values()))
    @rule(data=st.data(), outcome=OUTCOMES, links=URLS, delay=st.sampled_from([None, 0, 3]))
    def end(self, data: st.DataObject, outcome: Outcome, links: list[str], delay: int | None) -> None:
        worker = data.draw(st.sampled_from([worker for worker in self.workers.values() if worker.held]))
        lease = data.draw(st.sampled_from(worker.held))
        self.run(self._end(worker, lease, outcome, links, delay))

    async def _end(self, worker: Worker, lease: Lease, outcome: Outcome, links: list[str], delay: int | None) -> None:
        name, url = self.jobs[lease.run], lease.entry.url  # type: ignore[union-attr]
        worker.held.remove(lease)
        holds = await self.rig.redis.hexists(f"{{pdfs}}:worker:{worker.frontier.worker}", lease.token)
        if delay is not None:
            await worker.frontier.release(lease, delay=delay, counted=True)
            if holds and self.state[name] == "cancelling":
                self.settle(name, url, Outcome.CANCELLED)
            return
        outcome = Outcome.POISON if lease.verdict == "P" else outcome
        ending = Ending(lease, outcome.code, outcome.dead, 0, list(map(entry, links)))
        if not holds:
            with pytest.raises(LeaseLost):
                await worker.frontier.commit(ending)
            return
        await worker.frontier.commit(ending)
        self.settle(name, url, outcome)
        if self.state[name] != "cancelling":
            self.admit(name, links)

    @rule(name=names, action=st.sampled_from(["pause", "resume"]))
    def control(self, name: str, action: str) -> None:
        if self.state[name] == "none":
            return
        if self.state[name] in ("running", "paused"):
            self.state[name] = {"pause": "paused", "resume": "running"}[action]
        state = self.run(self.sweeper.control(name, action))
        assert state == self.state[name] or (self.state[name], state) == ("cancelling", "cancelled")

    @precondition(lambda self: "cancelling" not in self.state.values())
    @rule(name=names)
    def cancel(self, name: str) -> None:
        if self.state[name] != "none":
            self.run(self.sweeper.control(name, "cancel"))
            self.state[name] = "cancelling"

    @rule(worker=workers)
    def crash(self, worker: str) -> None:
        """A worker dies; the others go on for a lease period."""
        self.workers[worker].held.clear()
        self.run(self._outlive(worker))

    async def _outlive(self, dead: str) -> None:
        for name, worker in self.workers.items():
            if name != dead:
                await worker.ask(0)
        alive = [worker for name, worker in self.workers.items() if name != dead]
        await self.rig.expire(*(worker for worker in alive if worker.held))

    @rule(seconds=st.sampled_from([0.1, 1, 4]))
    def wait(self, seconds: float) -> None:
        self.run(self.rig.sleep(seconds))

    @rule()
    def sweep(self) -> None:
        self.run(self.sweeper.sweep())

    @invariant()
    def keys_agree(self) -> None:
        self.run(audit(self.rig.redis))

    async def _finish(self) -> None:
        """Whatever happened: in the end every URL has ended, and in the class that the model says."""
        for worker in self.workers.values():
            worker.held.clear()
        for name in JOBS:
            if self.state[name] != "none":
                await self.sweeper.control(name, "resume")
                await self.sweeper.control(name, "seal")
        await self.rig.expire(seconds=40)
        last = self.rig.worker("last")
        for _ in range(400):
            for lease in await last.lease(8):
                await self._end(last, lease, Outcome.PAGE, [], None)
            await self.rig.sleep(1)
            if not await self.rig.redis.exists("{pdfs}:hosts", "{pdfs}:solo", "{pdfs}:chores"):
                break
        for run, name in self.jobs.items():
            await self._compare(run, name)

    async def _compare(self, run: int, name: str) -> None:
        status = await self.sweeper.status_of_run(run)
        assert status is not None
        cancelled = self.state[name] == "cancelling"
        assert status["state"] == ("cancelled" if cancelled else "finished")
        ended = [outcome or Outcome.CANCELLED for outcome in self.urls[name].values()]
        assert cancelled or None not in self.urls[name].values()
        assert status["classes"] == {outcome.value: ended.count(outcome) for outcome in set(ended)}


def test_random_histories_end_as_the_model_says(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdfspider.frontier.frontier.time", Clock())
    machine = type("HistoryOnServer", (History,), {"server": server})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
