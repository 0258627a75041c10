"""The servers of a run: a Redis that can be killed, frozen and cut back, and the web site."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.server import serve
from tests.support import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.log import Entry
    from bench.site import Site

SAMPLE_SECONDS = 0.02
P = "{pdfs}:"


class Unavailable(Exception):  # noqa: N818
    """The fault cannot be made on this machine; the message says why."""


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


def remains(client: redis.Redis) -> Remains:
    with client:
        totals = {b"leased": 0, b"done": 0, b"dead": 0}
        for run in client.hvals(f"{P}jobs"):
            job = client.hgetall(f"{P}job:{run.decode()}")
            totals = {field: count + int(job.get(field, 0)) for field, count in totals.items()}
    return Remains(totals[b"leased"], totals[b"done"] + totals[b"dead"])


class Web:
    """The site's server, which may go away and come back on the same port; its log is that of all its lives."""

    def __init__(self, site: Site, latency: float) -> None:
        self._latency = latency
        self._past: list[Entry] = []
        self.thawed: list[float] = []
        """When (monotonic) it went on after it had been frozen."""
        self._stack = ExitStack()
        self.server = self._stack.enter_context(serve(site, latency=latency))

    @property
    def site(self) -> Site:
        return self.server.site

    def stop(self) -> None:
        """Every connection breaks, and new ones are refused."""
        self.server.stop()
        stopped = time.monotonic()
        self._past += [entry._replace(ended=entry.ended or stopped) for entry in self.server.log()]
        self._stack.close()

    def start(self) -> None:
        site = self.site
        self.server = self._stack.enter_context(serve(site, latency=self._latency, port=site.port))

    def freeze(self, seconds: float) -> None:
        """It neither reads nor answers; connections are taken."""
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.thawed.append(time.monotonic())
        self.server.process.send_signal(signal.SIGCONT)

    def log(self) -> list[Entry]:
        return self._past + self.server.log()

    def close(self) -> None:
        self._stack.close()


@contextmanager
def small_disk(directory: Path, mebibytes: int) -> Iterator[None]:
    """A file system of its own at ``directory``. Raises Unavailable where that may not be made."""
    directory.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


@contextmanager
def changed_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """For processes that are started meanwhile."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def fake_clock(file: Path) -> Mapping[str, str]:
    """The environment of a process whose wall clock is off by what stands in ``file``. Raises Unavailable."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise Unavailable("no libfaketime: apt-get install faketime")
    file.write_text("+0\n")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
