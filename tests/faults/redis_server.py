"""A Redis that can be killed, frozen and cut back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.processes import free_port
from tests.support import until

SAMPLE_SECONDS = 0.02
P = "{pdfs}:"


class Remains(NamedTuple):
    """What a frontier holds: URLs that are leased, and URLs that have ended."""

    leased: int
    ended: int


class RedisProcess:
    """A redis-server on a loopback port of its own, with an append-only file."""

    def __init__(self, directory: Path, *options: str, binary: str = "redis-server", **environment: str) -> None:
        self.directory, self.port = directory, free_port()
        self._options, self._binary, self._environment = options, binary, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._sizes: list[tuple[float, int]] = []
        self.started = 0.0
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, timeout: float = 2) -> redis.Redis:
        """A client that never tries twice."""
        return redis.Redis(port=self.port, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))

    def start(self) -> None:
        command = [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        command += ["--repl-diskless-sync-delay", "0", *self._options]
        with (self.directory / "log").open("ab") as log:
            environment = {**os.environ, **self._environment}
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        until(self.answers, 20)
        self.started, self._sizes = time.monotonic(), []
        threading.Thread(target=self._sample, args=(self._process,), daemon=True).start()

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    def send(self, signum: int) -> None:
        if self._process:
            self._process.send_signal(signum)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def cut_back(self, seconds: float) -> None:
        """Takes the last writes from the append-only file of a killed server that had run for longer than that."""
        before = self._sizes[-1][0] - seconds
        size = max(size for at, size in self._sizes if at <= before)
        os.truncate(self._log(), size)

    def remains(self) -> Remains:
        """What the files of a killed server hold, seen by another server on a copy of them."""
        with tempfile.TemporaryDirectory(prefix="remains-") as directory:
            copy = RedisProcess(Path(directory) / "copy", binary=self._binary)
            shutil.copytree(self.directory, copy.directory, dirs_exist_ok=True)
            copy.start()
            try:
                return remains(copy.client())
            finally:
                copy.kill()

    def _log(self) -> Path:
        return max(self.directory.rglob("appendonly*.aof"), key=lambda path: path.stat().st_mtime_ns)

    def _sample(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and self._process is process:
            try:
                self._sizes.append((time.monotonic(), self._log().stat().st_size))
            except (FileNotFoundError, ValueError):
                return
            time.sleep(SAMPLE_SECONDS)


CROWD = "crowd"
"""The name of a job that only stands in the way: it is not counted."""


def remains(client: redis.Redis) -> Remains:
    with client:
        jobs = {name.decode(): run.decode() for name, run in client.hgetall(f"{P}jobs").items()}
        with client.pipeline(transaction=False) as pipe:
            for run in [run for name, run in jobs.items() if name != CROWD]:
                pipe.hmget(f"{P}job:{run}", "leased", "done", "dead")
            counts = [[int(count or 0) for count in job] for job in pipe.execute()]
    return Remains(sum(job[0] for job in counts), sum(job[1] + job[2] for job in counts))
