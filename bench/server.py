"""Serve the benchmark site: ``python -m bench.server --hosts 16 --port 0 --log FILE``.

Prints ``READY http://127.0.0.1:PORT/`` when it listens on every address, and ends at SIGTERM. The log (``bench.log``)
is flushed five times a second, at SIGUSR1 (then ``FLUSHED`` is printed) and at the end.

Beside the site, every host has these, linked from nowhere: ``/huge.pdf?size=BYTES``, ``/slow?ms=N``,
``/redirect?to=URL[&code=CODE]``, ``/status/CODE[?retry_after=S]``, ``/cut.pdf`` (half of what its length says),
``/gz.pdf`` (gzip though nobody asked), ``/list?n=N&prefix=P`` (a page that links to P0, P1, …; P may be
``/slow?ms=5&id=`` or the like, quoted).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import uvloop

from bench.answers import Answers
from bench.log import Entry, RequestLog, parse_log
from bench.protocol import HttpProtocol
from bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.shaped.answers import ShapedAnswers
    from bench.shaped.site import Shaped

S = TypeVar("S", "Site", "Shaped")
FLUSH_SECONDS = 0.2
STOP_SECONDS = 10
BIND_TRIES = 50
BACKLOG = 1024
PROJECT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Server(Generic[S]):
    """A running server; ``site`` knows its port."""

    site: S
    process: subprocess.Popen[str]
    log_file: Path

    @property
    def url(self) -> str:
        return self.site.url

    @property
    def port(self) -> int:
        return self.site.port

    def log(self) -> list[Entry]:
        """Every request that the server has received until now, in that order."""
        if self.process.poll() is None and self.process.stdout:
            self.process.send_signal(signal.SIGUSR1)
            self.process.stdout.readline()
        return parse_log(self.log_file)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def serve(
    site: Site | None = None,
    *,
    latency: float = 0,
    crawl_delay: float | None = None,
    robots_deny: Sequence[str] = (),
    port: int = 0,
) -> Iterator[Server[Site]]:
    """Serve ``site`` from a process of its own until the block ends. ``latency`` is in milliseconds."""
    options = [f"--latency={latency}", f"--port={port}"]
    options += [f"--crawl-delay={crawl_delay}"] if crawl_delay is not None else []
    options += [f"--robots-deny={prefix}" for prefix in robots_deny]
    with serving("bench.server", site or Site(), options) as server:
        yield server


@contextlib.contextmanager
def serving(module: str, site: S, options: Sequence[str] = ()) -> Iterator[Server[S]]:
    """Serve ``site`` by running ``module`` with its fields and these options until the block ends."""
    names = [field.name for field in fields(site) if field.name != "port"]
    described: list[str] = [f"--{name}={getattr(site, name)}" for name in names]
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        log_file = Path(directory) / "requests.log"
        server = _start(module, [*described, *options, f"--log={log_file}"], site, log_file)
        try:
            yield server
        finally:
            server.stop()
            if server.process.stdout:
                server.process.stdout.close()


def _start(module: str, options: list[str], site: S, log_file: Path) -> Server[S]:
    command = [sys.executable, "-m", module, *options]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    ready = process.stdout.readline() if process.stdout else ""
    if not ready.startswith("READY "):
        process.kill()
        process.wait()
        raise RuntimeError("the benchmark server did not start")
    return Server(replace(site, port=int(ready.rstrip("/\n").rpartition(":")[2])), process, log_file)


def listen(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """One socket per address, all on the same port: ``port``, or with 0 one that is free on all of them."""
    for _ in range(0 if port else BIND_TRIES):
        with contextlib.suppress(OSError):
            return _bind(addresses, port)
    return _bind(addresses, port)


def _bind(addresses: Sequence[str], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        for address in addresses:
            listener = stack.enter_context(socket.create_server((address, port), backlog=BACKLOG))
            port = listener.getsockname()[1]
            sockets.append(listener)
        stack.pop_all()
    return sockets


async def run(
    site: Site | Shaped, sockets: Sequence[socket.socket], answers: Answers | ShapedAnswers, log: RequestLog
) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, _flush_aloud, log)
    for address, listener in zip(site.addresses, sockets, strict=True):
        await loop.create_server(functools.partial(HttpProtocol, answers.to, log, address), sock=listener)
    print(f"READY {site.url}", flush=True)
    while not stopped.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), FLUSH_SECONDS)
        log.flush()


def _flush_aloud(log: RequestLog) -> None:
    log.flush()
    print("FLUSHED", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.server", description="Serve the benchmark site.")
    for field in fields(Site):
        default = 0 if field.name == "port" else field.default
        parser.add_argument(f"--{field.name}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="where to log the requests")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds before every answer")
    parser.add_argument("--crawl-delay", type=float, help="seconds, for robots.txt")
    parser.add_argument("--robots-deny", action="append", default=[], help="a path prefix, for robots.txt")
    return parser.parse_args()


def main() -> None:
    options = _arguments()
    site = Site(**{field.name: getattr(options, field.name) for field in fields(Site)})
    sockets = listen(site.addresses, site.port)
    site = replace(site, port=sockets[0].getsockname()[1])
    answers = Answers(site, options.latency / 1000, options.crawl_delay, options.robots_deny)
    with options.log.open("wb") as file:
        uvloop.run(run(site, sockets, answers, RequestLog(file)))


if __name__ == "__main__":
    main()
