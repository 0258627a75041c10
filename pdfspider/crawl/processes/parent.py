"""The first of several worker processes: it starts the others, replaces those that die, and adds up what they did."""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from scrapy import signals

from pdfspider.crawl.worker import Worker
from pdfspider.tasks import poll

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.2
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
"""Seconds before a process takes the place of one that died; it doubles while they die early."""
EARLY_DEATH_S = 30.0
"""Seconds within which a death is early."""
KILL_SLACK_S = 10.0
"""Seconds beyond FRONTIER_GRACE after which a process that was told to stop is killed."""
MAX_LINE_LENGTH = 2**24


class WorkerProcesses:
    """Further worker processes for the crawler's job, started with ``command``.

    The crawler's stats are the sum over all of them, and its inspections are made for all of them.
    """

    def __init__(self, crawler: Crawler, command: Sequence[str], number: int) -> None:
        self._crawler, self._command, self._number = crawler, command, number
        self._processes: dict[Process, asyncio.StreamWriter] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._watch: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._worker: Worker
        crawler.signals.connect(self.start, signals.engine_started)

    def start(self) -> None:
        """Start the processes, unless this worker was refused."""
        self._worker = Worker.of(self._crawler)
        if not hasattr(self._worker, "frontier") or not self._crawler.crawling:
            return
        atexit.register(self._kill)
        self._worker.before_end.insert(0, self.wait)
        self._worker.before_close.insert(0, self.stop)
        self._keepers = [asyncio.create_task(self._keep_one()) for _ in range(self._number)]
        self._watch = asyncio.create_task(self._stop_with_crawler())

    async def wait(self) -> None:
        """Wait until all processes have ended, as they do when the job is finished."""
        assert self._watch
        ended = asyncio.ensure_future(asyncio.wait(self._keepers))
        await asyncio.wait([ended, self._watch], return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Tell all processes to stop, and wait until they have ended."""
        self._tell_to_stop()
        patience = self._worker.config.grace + KILL_SLACK_S
        _, late = await asyncio.wait(self._keepers, timeout=patience)
        if late:
            logger.warning("%d worker processes do not stop: they are killed", len(self._processes))
            self._kill()
            await asyncio.wait(late)
        if self._watch:
            self._watch.cancel()
        atexit.unregister(self._kill)

    async def _stop_with_crawler(self) -> None:
        await poll(lambda: not self._crawler.crawling, POLL_INTERVAL_S)
        self._tell_to_stop()

    def _tell_to_stop(self) -> None:
        self._stopping.set()
        for writer in self._processes.values():
            writer.write(b"stop\n")

    def _kill(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()

    async def _keep_one(self) -> None:
        """Run a process, and another one in its place whenever it dies."""
        pause, loop = FIRST_PAUSE_S, asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._run()
            if code == 0 or self._stopping.is_set():
                return
            pause = min(2 * pause, MAX_PAUSE_S) if loop.time() - began < EARLY_DEATH_S else FIRST_PAUSE_S
            logger.warning("A worker process ended with %s: another one takes its place in %g s", _said(code), pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run(self) -> int:
        """Run a process to its end, and return its exit code."""
        ours, theirs = socket.socketpair()
        try:
            process = await self._spawn(theirs.fileno())
        except OSError as error:
            ours.close()
            logger.warning("A worker process cannot be started: %s", error)
            return 1
        finally:
            theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE_LENGTH)
        self._processes[process] = writer
        if self._stopping.is_set():
            writer.write(b"stop\n")
        try:
            await asyncio.gather(self._read_reports(reader), _pass_on(process.stderr))
            return await process.wait()
        finally:
            del self._processes[process]
            writer.close()

    async def _spawn(self, descriptor: int) -> Process:
        """Start a process in a session of its own, so that Ctrl-C reaches it only through this one."""
        job = ("-a", f"job={self._worker.job}") if self._worker.job else ()
        return await asyncio.create_subprocess_exec(
            *self._command,
            *job,
            f"--reports-to={descriptor}",
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(descriptor,),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    async def _read_reports(self, reader: asyncio.StreamReader) -> None:
        """Add what a process reports to the stats, and have its documents inspected, until it has ended."""
        with suppress(OSError):
            while line := await reader.readline():
                report = json.loads(line)
                for name, number in report["counters"].items():
                    self._crawler.stats.inc_value(name, number)
                for sha256 in report["stored"]:
                    self._announce(sha256)

    def _announce(self, sha256: str) -> None:
        for tell in self._worker.when_stored:
            tell(sha256)


async def _pass_on(stream: asyncio.StreamReader | None) -> None:
    """Write the log of another process to this one's standard error, where a display shows it above itself."""
    assert stream
    while piece := await stream.read(2**16):
        sys.stderr.write(piece.decode(errors="replace"))


def _said(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name
