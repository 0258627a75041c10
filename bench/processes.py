"""The processes that a comparison consists of: a crawl whose use of the machine is measured, and a Redis."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from pdfspider.embedded.binaries import bundled_binary

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from resource import struct_rusage

LOG_LINES = 40
PROJECT = Path(__file__).parent.parent
FIRST_PORT, PORTS, PORT_RANGES = 12_000, 1_000, 18
REDIS_TRIES = 6_000


class CrawlFailed(Exception):
    """The command did not end well; the message has its last lines."""


def run_scrapy(words: Sequence[str], directory: Path, output: Path, limit: float) -> tuple[float, struct_rusage]:
    """As ``run``, for a command of Scrapy's."""
    return run([sys.executable, "-m", "scrapy", *words], directory, output, limit)


def run(
    words: Sequence[str], directory: Path, output: Path, limit: float, good: Container[int] = (0,)
) -> tuple[float, struct_rusage]:
    """Run a command, and return the seconds that it took and what it used.

    It is killed after ``limit`` seconds. Raises CrawlFailed if its exit code is not among the good ones.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCRAPY_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # every start would compile all modules, as no installation does
    environment["PYTHONPATH"] = str(PROJECT)
    started = time.monotonic()
    with output.open("wb") as file:
        process = subprocess.Popen(words, cwd=directory, env=environment, stdout=file, stderr=file)
    with killed_after(process.pid, limit):
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        tail = "\n".join(output.read_text(errors="replace").splitlines()[-LOG_LINES:])
        raise CrawlFailed(f"{' '.join(words)} ended with {process.returncode}:\n{tail}")
    return time.monotonic() - started, usage


@contextlib.contextmanager
def killed_after(pid: int, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        timer.cancel()


@contextlib.contextmanager
def redis_server(directory: Path, port: int = 0) -> Iterator[str]:
    """A Redis of its own on a socket in ``directory``, or on this port; gives its URL."""
    path = directory / "redis.sock"
    options = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(path)]
    options += ["--dir", str(directory), "--save", "", "--appendonly", "yes"]
    process = subprocess.Popen([redis_binary(), *options], stdout=subprocess.DEVNULL)
    try:
        retry = Retry(ConstantBackoff(0.05), REDIS_TRIES)
        with redis.Redis(unix_socket_path=str(path), retry=retry) as client:
            client.ping()
        yield f"redis://127.0.0.1:{port}" if port else f"unix://{path}"
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port of loopback on which nobody listens, and which this process has not returned lately.

    It is none of those that the system gives to connections, so nothing else takes it before it is used. Processes of
    pytest-xdist take theirs from different ranges.
    """
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("ports have no end")


def _ports() -> Iterator[int]:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PORT_RANGES
    first = FIRST_PORT + number * PORTS
    begin = secrets.randbelow(PORTS)  # others on this machine may run the same
    return (first + (begin + n) % PORTS for n in count())


_PORTS = _ports()


def redis_binary() -> str:
    if system := shutil.which("redis-server"):
        return system
    return str(bundled_binary())
