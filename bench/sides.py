"""What a measurement of the gateway consists of: publishers and bare consumers, and commands of ours that serve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.server import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIMIT = 300
TICKS = os.sysconf("SC_CLK_TCK")


class Side:
    """A publisher or a bare consumer, ready when this is made."""

    def __init__(self, name: str, side: str, address: str, first: int, count: int) -> None:
        words = [sys.executable, "-m", "bench.ways", name, side, address, str(first), str(count)]
        self._process = subprocess.Popen(words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("READY")

    def expect(self, word: str) -> None:
        assert self._process.stdout
        if self._process.stdout.readline().strip() != word:
            self._process.kill()
            raise RuntimeError("a client ended before its time")

    def go(self) -> None:
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def dismiss(self) -> None:
        """It has done its work; a worker that would go on is told to stop."""
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait(LIMIT)

    def wait(self) -> None:
        self._process.wait(LIMIT)


class Process:
    """A command of ours; its log has the sign that it serves when this is made."""

    def __init__(self, command: str, sign: str, directory: Path, settings: Mapping[str, object]) -> None:
        self._log = directory / f"{command.partition(' ')[0]}.log"
        words = [sys.executable, "-m", "scrapy", *command.split(), *(f"-s{n}={v}" for n, v in settings.items())]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(words, cwd=PROJECT, stdout=output, stderr=output)
        until(lambda: sign in self.output or self._process.poll() is not None)
        if self._process.poll() is not None:
            raise RuntimeError(self.output)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def cpu(self) -> float:
        """Seconds until now."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self) -> float:
        """Returns the CPU seconds that it took in all."""
        self._process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode:
            raise RuntimeError(self.output)
        return usage.ru_utime + usage.ru_stime

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
