"""Processes that begin with everything imported: each is forked from a server that has imported it before.

A forked ``python -m MODULE`` does what a started one does, a second of CPU time earlier.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import json
import os
import pkgutil
import re
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
PATIENCE = 300
"""Seconds after which something that does not come to pass never will, on a machine that is very busy too."""
STREAMS = 3
SIZE = 4
"""Bytes of what says how long a request is."""
STATUS = 16
"""Bytes that a process id, or a status, takes at most."""
PACKAGES = [
    "pdfspider",
    "scrapy.commands",
    "scrapy.extensions",
    "scrapy.downloadermiddlewares",
    "scrapy.spidermiddlewares",
]
MODULES = ["scrapy.cmdline", "sqlalchemy.dialects.sqlite.pysqlite", "tests.crawl.injected", "uvloop"]
LEFT_OUT = (".__main__.", ".transports.", ".migrations.", ".testing.", ".client.", ".process.", ".statsmailer.")
"""What few processes need, or what may not be imported before a fork."""
READ_AT_START = re.compile(r"PYTHON|LD_|DYLD_|FAKETIME|TZ|LANG|LC_|.*_proxy$", re.IGNORECASE).match
"""Tells which variables are read as Python starts, or as modules are loaded."""
ENVIRONMENT = dict(os.environ)
"""What the server starts with, whatever a test changes."""


class Forked:
    """A process as ``subprocess.Popen`` describes it, as far as tests use that."""

    def __init__(self, status: int) -> None:
        self.returncode: int | None = None
        self._status = status
        self.pid = int(os.read(status, STATUS))

    def __del__(self) -> None:
        os.close(self._status)

    def _has_ended(self, timeout: float | None) -> bool:
        """Look with poll, which takes descriptors of any number."""
        poll = select.poll()
        poll.register(self._status, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def poll(self) -> int | None:
        if self.returncode is None and self._has_ended(0):
            self._read()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._read()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self) -> None:
        said = os.read(self._status, STATUS)
        assert said, "the server of forked processes has ended"
        self.returncode = int(said)


Process = Forked | subprocess.Popen[bytes]


def start(
    words: Sequence[Any],
    *,
    stdout: IO[Any] | int = subprocess.DEVNULL,
    stderr: IO[Any] | int = subprocess.DEVNULL,
    terminal: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Process:
    """Start ``python -m WORDS``, with ``terminal`` in a session of its own that this terminal controls.

    It is forked, unless its environment has to be there when Python starts.
    """
    environment = dict(os.environ if env is None else env)
    arguments = [str(word) for word in words]
    if _reads_at_start(environment):
        command = [sys.executable, "-m", *arguments]
        return subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
    if terminal is not None:
        return _server().fork(arguments, [terminal] * STREAMS, environment, cwd, controlled=True)
    with Path(os.devnull).open("r+b") as null:
        outputs = [null if stream == subprocess.DEVNULL else stream for stream in (stdout, stderr)]
        streams = [stream if isinstance(stream, int) else stream.fileno() for stream in (null, *outputs)]
        return _server().fork(arguments, streams, environment, cwd)


def run(
    words: Sequence[Any], *, text: bool = True, env: Mapping[str, str] | None = None, timeout: float = PATIENCE
) -> subprocess.CompletedProcess[Any]:
    """Run ``python -m WORDS`` to its end; what it wrote is captured."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = start(words, stdout=stdout, stderr=stderr, env=env)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        written = []
        for file in (stdout, stderr):
            file.seek(0)
            written.append(file.read())
    return subprocess.CompletedProcess(list(words), code, *([one.decode() for one in written] if text else written))


def _reads_at_start(environment: dict[str, str]) -> bool:
    names = [name for name in {*environment, *ENVIRONMENT} if READ_AT_START(name)]
    return any(environment.get(name) != ENVIRONMENT.get(name) for name in names)


class _Server:
    """Our end of the server, which ends with this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=ENVIRONMENT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        atexit.register(self.end)

    def fork(
        self, words: list[str], streams: list[int], environment: dict[str, str], cwd: Path, *, controlled: bool = False
    ) -> Forked:
        asked = {"words": words, "environment": environment, "cwd": str(cwd), "controlled": controlled}
        request = json.dumps(asked).encode()
        reading, writing = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._socket, [len(request).to_bytes(SIZE, "big")], [*streams, writing])
                self._socket.sendall(request)
        finally:
            os.close(writing)
        return Forked(reading)

    def end(self) -> None:
        self._socket.close()
        self._process.wait()


@functools.cache
def _server() -> _Server:
    return _Server()


def stop() -> None:
    """End the server, if there is one."""
    if _server.cache_info().currsize:
        _server().end()


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork for each request, and return it in the process that is forked; None once nobody asks any more."""
    statuses: dict[int, int] = {}
    ended, wakeup = socket.socketpair()
    for end in (ended, wakeup):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup.fileno())
    with selectors.DefaultSelector() as selector, ended, wakeup:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ended in ready:
                ended.recv(4096)
                _report(statuses)
            if requests in ready:
                head, streams, _, _ = socket.recv_fds(requests, SIZE, STREAMS + 1)
                if not head:
                    return None
                request: dict[str, Any] = json.loads(_receive(requests, int.from_bytes(head, "big")))
                if not (pid := os.fork()):
                    break
                os.write(streams[-1], str(pid).encode())
                statuses[pid] = streams.pop()
                for stream in streams:
                    os.close(stream)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (*statuses.values(), streams.pop()):
        os.close(number)
    return {**request, "streams": streams}


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += connection.recv(size - len(received))
    return received


def _report(statuses: dict[int, int]) -> None:
    """Tell the status of each process that has ended."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = found
            with contextlib.suppress(BrokenPipeError):
                os.write(statuses[pid], str(os.waitstatus_to_exitcode(status)).encode())
            os.close(statuses.pop(pid))


def _become(words: list[str], environment: dict[str, str], cwd: str, streams: list[int], *, controlled: bool) -> None:
    """Run a module as its own process would."""
    if controlled:
        os.setsid()
        fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    os.chdir(cwd)
    sys.path[0] = cwd
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def _names() -> Iterator[str]:
    yield from MODULES
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not any(part in f"{module.name}." for part in LEFT_OUT):
                yield module.name


def main() -> None:
    for name in _names():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        request = _serve(requests)
    if request:
        _become(**request)


if __name__ == "__main__":
    main()
