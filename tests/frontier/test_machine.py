"""Random histories of a frontier against a few lines of plain Python."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pdfspider.exceptions import LeaseLost
from pdfspider.frontier.connection import connect
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest
from pdfspider.frontier.overflow import SCORE_RANGES, digest, pack_block, unpack_block
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.conftest import oldest_binary
from tests.frontier.rig import Clock, Rig, entry

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pdfspider.frontier.leases import Lease
    from tests.frontier.rig import Server, Worker

JOBS, WORKERS = ("j", "k"), ("w1", "w2", "w3")
OPTIONS = {"j": JobOptions(cap=2, robots=0), "k": JobOptions(cap=3, delay=700, robots=0)}
OUTCOMES = (Outcome.PAGE, Outcome.DOCUMENT, Outcome.TIMEOUT)
URLS = [f"http://{host}.test/{number}" for host in "abc" for number in range(10)]
WEIGHTS = {
    "submit": 2,
    "lease": 6,
    "end": 8,
    "renew": 1,
    "control": 1,
    "cancel": 0.1,
    "crash": 0.5,
    "wait": 3,
    "sweep": 1,
    "read": 1,
    "swap": 1,
}
"""What may happen, and how often."""
STEPS = 6_000
LEASE = 8
CAPS = {"w1": 2, "w2": 4, "sweeper": 2}
"""Of a queue, by worker: ten URLs of a host may wait, so that some of them go to blocks and come back."""
BURST = st.lists(st.integers(0, 2**32 - 1), min_size=20, max_size=40)
"""Each number is one step: the seed of everything that is random in it. So an example shrinks by leaving steps out."""


class History(RuleBasedStateMachine):
    """The model: for each job the state, and for each URL ``None`` while it waits, else the class that it ended in."""

    server: Server
    steps: list[str]
    swapped: Counter[str]
    """How often members have moved to blocks and back by what had been read before."""
    salt: int
    """So that every server has histories of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.run(self._open())
        self.state = dict.fromkeys(JOBS, "none")
        self.urls: dict[str, dict[str, Outcome | None]] = {name: {} for name in JOBS}
        self.jobs: dict[int, str] = {}
        self.read: list[tuple[str, tuple[Any, ...]]] = []
        """Calls of scripts that a client has prepared, and sends later or never."""

    async def _open(self) -> None:
        redis = connect(self.server.url)
        await redis.flushall()
        self.rig = Rig(self.server.url, redis, Clock(), [redis])
        self.workers: dict[str, Worker] = {name: self._worker(name) for name in WORKERS}
        self.sweeper = self._worker("sweeper").frontier

    def _worker(self, name: str) -> Worker:
        return self.rig.worker(name, ahead=0.3, lease_seconds=LEASE, queue_max=CAPS.get(name, 8))

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

    @rule(burst=BURST)
    def go_on(self, burst: list[int]) -> None:
        self.run(self._go_on(burst))

    async def _go_on(self, burst: list[int]) -> None:
        for seed in burst:
            chance = Random(seed + self.salt)
            (what,) = chance.choices([*WEIGHTS], [*WEIGHTS.values()])
            self.steps.append(what)
            await getattr(self, f"_{what}")(chance)

    async def _submit(self, chance: Random) -> None:
        name, urls = chance.choice(JOBS), _some_urls(chance)
        if self.state[name] in ("cancelling", "cancelled"):
            return
        self.state[name] = "running" if self.state[name] == "none" else self.state[name]
        answer = await self.sweeper.submit(name, list(map(entry, urls)), options=OPTIONS[name])
        self.jobs[answer.run] = name
        assert answer.added == len(set(urls) - set(self.urls[name]))
        self.admit(name, urls)

    async def _lease(self, chance: Random) -> None:
        for lease in await self._any_worker(chance).lease(chance.randint(1, 4)):
            name = self.jobs[lease.run]
            assert self.state[name] == "running"
            assert self.urls[name][lease.entry.url] is None

    async def _end(self, chance: Random) -> None:
        if busy := [worker for worker in self.workers.values() if worker.held]:
            worker = chance.choice(busy)
            delay = chance.choice([None, None, 0, 3])
            await self._settle(worker, chance.choice(worker.held), chance.choice(OUTCOMES), _some_urls(chance), delay)

    async def _renew(self, chance: Random) -> None:
        await self._any_worker(chance).frontier.renew()

    async def _control(self, chance: Random) -> None:
        name, action = chance.choice(JOBS), chance.choice(["pause", "resume", "resume"])
        if self.state[name] == "none":
            return
        if self.state[name] in ("running", "paused"):
            self.state[name] = {"pause": "paused", "resume": "running"}[action]
        state = await self.sweeper.control(name, action)
        assert state == self.state[name] or (self.state[name], state) == ("cancelling", "cancelled")

    async def _cancel(self, chance: Random) -> None:
        name = chance.choice(JOBS)
        if self.state[name] != "none" and "cancelling" not in self.state.values():
            await self.sweeper.control(name, "cancel")
            self.state[name] = "cancelling"

    async def _crash(self, chance: Random) -> None:
        """A worker dies, or stops and goes on later; the others go on for a lease period."""
        dead = self._any_worker(chance)
        if chance.random() < 0.5:
            dead.held.clear()
        others = [worker for worker in self.workers.values() if worker is not dead and worker.held]
        alive = [worker for worker in others if await worker.frontier.renew()]
        await self._expire(*alive)

    async def _expire(self, *alive: Worker) -> None:
        await self.rig.sleep(LEASE + 1, *alive)
        while await self.sweeper.sweep():
            pass

    async def _wait(self, chance: Random) -> None:
        await self.rig.sleep(chance.choice([0.1, 1, 4]))

    async def _sweep(self, _: Random) -> None:
        await self.sweeper.sweep()

    async def _read(self, chance: Random) -> None:
        """A client reads the end of a queue, or a block; it may die then, or go on when others have been quicker."""
        if queues := sorted(await self.rig.redis.keys("{pdfs}:q:*")):
            host, run = chance.choice(queues).decode().split(":")[-2:]
            kind = chance.choice(SCORE_RANGES)
            members = await self.sweeper._overflow._last(f"{{pdfs}}:q:{host}:{run}", *kind, chance.randint(1, 3))
            if members:
                ends = str(members[0].score), str(members[-1].score)
                what = host, run, *ends, len(members), digest(members), pack_block(members)
                self.read.append(("spill", what))
        if kept := sorted(await self.rig.redis.keys("{pdfs}:blocks:*")):
            host, run = chance.choice(kept).decode().split(":")[-2:]
            number, block = chance.choice(
                sorted((await self.rig.redis.hgetall(f"{{pdfs}}:blocks:{host}:{run}")).items())
            )
            flat = [part for member, score in unpack_block(block) for part in (str(score), member)]
            self.read.append(("refill", (host, run, number, flat)))

    async def _swap(self, chance: Random) -> None:
        if self.read:
            name, arguments = self.read.pop(chance.randrange(len(self.read)))
            self.swapped[name] += await self.sweeper._scripts(name, *arguments)

    def _any_worker(self, chance: Random) -> Worker:
        return self.workers[chance.choice(WORKERS)]

    async def _settle(
        self, worker: Worker, lease: Lease, outcome: Outcome, links: list[str], delay: int | None
    ) -> None:
        name, url = self.jobs[lease.run], lease.entry.url
        worker.held.remove(lease)
        holds = await self.rig.redis.hexists(f"{{pdfs}}:worker:{worker.frontier.worker}", lease.token)
        if delay is not None:
            await worker.frontier.release(lease, delay=delay, counted=True)
            if holds and self.state[name] == "cancelling":
                self.settle(name, url, Outcome.CANCELLED)
            return
        outcome = Outcome.POISON if lease.verdict == "P" else outcome
        ending = CommitRequest(lease, outcome.code, outcome.dead, 0, list(map(entry, links)))
        if not holds:
            with pytest.raises(LeaseLost):
                await worker.frontier.commit(ending)
            return
        await worker.frontier.commit(ending)
        self.settle(name, url, outcome)
        if self.state[name] != "cancelling":
            self.admit(name, links)

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
        await self._expire()
        last = self._worker("last")
        for _ in range(400):
            for lease in await last.lease(8):
                await self._settle(last, lease, Outcome.PAGE, [], None)
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


def _some_urls(chance: Random) -> list[str]:
    return chance.choices(URLS, k=chance.randint(1, 5))


@pytest.mark.timeout(600)  # where a history fails, a short one that fails is looked for
def test_random_histories_end_as_the_model_says(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock().install(monkeypatch)
    steps: list[str] = []
    salt = 2**32 * (server.binary == oldest_binary())
    machine = type(
        "HistoryOnServer", (History,), {"server": server, "steps": steps, "swapped": Counter(), "salt": salt}
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=16,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{len(steps):,} steps: {Counter(steps)}")
    assert len(steps) >= STEPS
    assert all(machine.swapped[name] > 10 for name in ("spill", "refill"))
