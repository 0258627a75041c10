"""Processes that start scheduled runs are really killed, at random moments."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.leases import CommitRequest
from pdfspider.frontier.schedules import Schedule, Schedules
from pdfspider.items import Outcome
from tests.frontier.rig import FREE, pages
from tests.support import PATIENCE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = 1_800_000_000
EVERY = 4000
"""Milliseconds, less than what the frontier takes for a jump of the clock: a process may have read it just before."""
PERIODS, SEEDS = 3, 1200


class Helpers:
    """Two processes, one of which is killed and replaced."""

    def __init__(self, url: str, clock: Path) -> None:
        self._command = [sys.executable, "-m", "tests.frontier.scheduling", url, str(clock)]
        self.running = [self._start() for _ in range(2)]

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE)

    def wait(self) -> None:
        for process in self.running:
            assert process.stdout
            with process.stdout:
                assert process.stdout.readline() == b"ready\n"

    def kill_one(self) -> None:
        process = self.running.pop(0)
        process.kill()
        process.wait(PATIENCE)

    def stop(self) -> None:
        while self.running:
            self.kill_one()


async def test_each_run_starts_once_while_processes_are_killed(redis_url: str, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    now = BEGIN * 1_000_000
    clock.write_text(str(now))
    redis = connect(redis_url)
    frontier = Frontier(redis, worker="w", clock=lambda: now)
    await frontier.sweep()
    schedules = Schedules(redis)
    await schedules.put(Schedule(job="j", options=FREE, every=EVERY, next=BEGIN * 1000 + EVERY), pages(SEEDS))
    helpers = Helpers(redis_url, clock)
    helpers.wait()
    try:
        for period in range(1, PERIODS + 1):
            now += EVERY * 1000
            new = tmp_path / "new"
            new.write_text(str(now))
            new.replace(clock)
            time.sleep(random.Random(period).random() * 0.03)
            if len(helpers.running) > 1:
                helpers.kill_one()
            async with asyncio.timeout(PATIENCE):
                while (found := await schedules.get("j")) and found.next <= now // 1000:
                    await asyncio.sleep(0.01)
            assert await work(frontier) == SEEDS
            assert await redis.xlen("{pdfs}:events") == period
    finally:
        helpers.stop()
        await redis.aclose()


async def work(frontier: Frontier) -> int:
    """Ends all URLs that there are, and gives their number."""
    done = 0
    while leases := (await frontier.lease(64, 0)).leases:
        for lease in leases:
            await frontier.commit(CommitRequest(lease, Outcome.PAGE.code, dead=False))
        done += len(leases)
    return done
