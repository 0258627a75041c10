"""Transports, results and documents without servers, and a clock that jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from pdfspider.frontier.results.pending_events import PendingEvent
from pdfspider.frontier.results.pending_results import EndedRun
from pdfspider.frontier.results.stream_consumer import IDLE_MS
from pdfspider.gateway.health import Health
from pdfspider.gateway.outbound.result_publisher import ResultPublisher
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from pdfspider.gateway.base import Event, Result

HOUR = 3600.0


class JumpingLoop(asyncio.SelectorEventLoop):
    """Instead of waiting it puts its clock forward."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 1.0
        select = self._selector.select

        def jump(timeout: float | None = None) -> Any:
            found = select(0)
            if not found and timeout:
                self._ahead += timeout
            return found

        self._selector.select = jump

    def time(self) -> float:
        return self._ahead


def on_jumping_clock(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(test)


def now() -> float:
    return asyncio.get_running_loop().time()


class FakePendingResults:
    """Runs with one message each, as the frontier gives them: again when they were not settled for a minute."""

    def __init__(self) -> None:
        self.messages: dict[int, dict[bytes, bytes]] = {}
        self._given: dict[int, float] = {}
        self.given_up: list[int] = []

    def add(self, *replies: str) -> None:
        run = len(self.messages) + 1
        records = {
            str(n).encode() * 16: json.dumps({"task_id": run, "reply": {"reply_to": reply}}).encode()
            for n, reply in enumerate(replies)
        }
        self.messages[run] = records
        self._given[run] = 0.0

    async def next(self, count: int, timeout: float) -> list[EndedRun]:
        due = [run for run, at in self._given.items() if at == 0 or at < now() - IDLE_MS / 1000][:count]
        if not due:
            await asyncio.sleep(timeout)
        self._given |= dict.fromkeys(due, now())
        return [EndedRun(str(run).encode(), run, f"job-{run}", "finished") for run in due]

    async def tasks(self, run: int) -> AsyncIterator[tuple[bytes, bytes]]:
        for key, record in list(self.messages[run].items()):
            yield key, record

    async def settle_task(self, run: int, key: bytes, _: bytes) -> None:
        del self.messages[run][key]

    async def give_up(self, ended: EndedRun, key: bytes, record: bytes, _: str) -> None:
        self.given_up.append(ended.run)
        await self.settle_task(ended.run, key, record)

    async def settle(self, ended: EndedRun) -> None:
        assert not self.messages[ended.run]
        del self._given[ended.run]

    @property
    def left(self) -> int:
        return len(self._given)


class FakeTransport:
    name, tells = "fake", False

    def __init__(self, take: Callable[[str, str], Exception | None], *, has_destinations: bool = False) -> None:
        self._take = take
        self.has_destinations = has_destinations
        self.health = Health(self.name)
        self.tried: Counter[str] = Counter()
        self.published: dict[str, list[tuple[float, str]]] = defaultdict(list)

    def destination(self, reply: dict[str, Any]) -> str:
        return reply["reply_to"] if self.has_destinations else ""

    async def publish(self, result: Result) -> None:
        await self._send(result.reply["reply_to"], result.job)

    async def tell(self, event: Event) -> None:
        await self._send(event.job, event.id)

    async def _send(self, to: str, what: str) -> None:
        await asyncio.sleep(0.01)
        self.tried[to] += 1
        if error := self._take(to, what):
            raise error
        self.published[to].append((now(), what))


class FakeResults:
    limit = 0

    def __init__(self) -> None:
        self.described = 0

    async def describe(self, job: str, run: int, state: str) -> dict[str, Any]:
        self.described += 1
        return {"job": job, "run": run, "state": state}

    async def events(self, job: str, run: int, fingerprints: list[bytes]) -> dict[bytes, dict[str, Any]]:
        return {each: {"id": f"{run}-{each.hex()}", "job": job} for each in fingerprints}


async def publish(pending: FakePendingResults, transport: FakeTransport, seconds: float) -> None:
    """For so long, or until nothing is left."""
    answers = ResultPublisher(None, transport, FakeResults())
    answers._pending_results = pending
    work = asyncio.create_task(answers.run())
    try:
        async with asyncio.timeout(seconds):
            while pending.left:
                await asyncio.sleep(0.1)
                assert not work.done()
    except TimeoutError:
        pass
    finally:
        await end([work])


class FakeFound:
    def __init__(self) -> None:
        self.notes = [PendingEvent(b"%d" % n, n % 50, f"job-{n % 50}", b"%08d" % n) for n in range(1000)]
        self.untold_left = {(note.run, note.fingerprint) for note in self.notes}
        self._given: dict[bytes, float] = {}

    async def next(self, count: int, timeout: float) -> list[PendingEvent]:
        due = [note for note in self.notes if self._given.get(note.id, -100) < now() - 60][:count]
        if not due:
            await asyncio.sleep(timeout)
        self._given |= {note.id: now() for note in due}
        return due

    async def untold(self, run: int, fingerprints: list[bytes]) -> list[bytes]:
        return [each for each in fingerprints if (run, each) in self.untold_left]

    async def told(self, run: int, fingerprints: list[bytes]) -> None:
        self.untold_left -= {(run, each) for each in fingerprints}

    async def settle(self, notes: list[PendingEvent]) -> None:
        self.notes = [note for note in self.notes if note not in notes]
