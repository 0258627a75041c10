"""The `redis-server` of a directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pdfspider
from pdfspider.embedded.addresses import ask, socket_path
from pdfspider.embedded.binaries import choose_binary
from pdfspider.embedded.locks import POLL_INTERVAL_S, is_held, lock, wait
from pdfspider.embedded.memory import default_maxmemory
from pdfspider.exceptions import EmbeddedRedisError

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE_PARENT = Path(pdfspider.__file__).parents[1]
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 8.0
DIRECTIVES = (
    "--port 0 --unixsocket redis.sock --unixsocketperm 700 --daemonize yes --pidfile redis.pid --logfile redis.log "
    "--appendonly yes --appendfsync everysec --maxmemory-policy noeviction --save"
)


class Server:
    """The redis-server of a directory; every call needs start.lock."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "redis.log"
        self._maxmemory = directory / "maxmemory"
        self._pid: int | None = None

    def has_users(self) -> bool:
        """Return whether any process uses the server."""
        return is_held(self.directory / "users.lock")

    def is_running(self) -> bool:
        """Return whether a server process holds the directory."""
        return is_held(self.directory / "server.lock")

    def set_maxmemory(self, limit: int | None) -> None:
        """Set the number of bytes that the server may use, also while it runs.

        None keeps its limit, or sets the default if it has none.
        """
        if limit is None and self.is_running():
            return
        chosen = default_maxmemory() if limit is None else limit
        self._maxmemory.write_text(str(chosen))
        if self.is_running():
            ask(socket_path(self.directory), f"CONFIG SET maxmemory {chosen}")

    def ensure_supervisor(self) -> None:
        """Start a supervisor unless there is one."""
        with suppress(TimeoutError), lock(self.directory / "supervisor.lock") as held, self.log.open("ab") as log:
            path = os.pathsep.join(filter(None, (str(PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
            command = [sys.executable, "-P", "-m", "pdfspider.embedded", str(self.directory), str(held)]
            _detach(command, held, env={**os.environ, "PYTHONPATH": path}, stdout=log, stderr=log, check=True)

    def ensure_running(self) -> None:
        """Start the server unless it runs, and return once it answers.

        Raises EmbeddedRedisError.
        """
        if self.is_running() and not (self.directory / "redis.sock").exists():
            self.shut_down()  # unreachable: its socket was removed, or its stop has begun
        if self.is_running() and self._comes_to_answer():
            return
        self.log.touch()
        mark = self.log.stat().st_size
        self._launch()
        if not self._comes_to_answer():
            said = self.log.read_bytes()[mark:].decode(errors="replace").splitlines()
            raise EmbeddedRedisError(
                "\n".join([f"The embedded Redis in {self.directory} does not run. Its log says:", *said[-8:]])
            )

    def shut_down_if_unused(self) -> bool:
        """Stop a server without users, and return whether there are neither users nor a server now."""
        if self.has_users():
            return False
        self.shut_down()
        return not self.is_running()

    def shut_down(self) -> None:
        """Stop the server: ask first, then kill."""
        # First, so that nobody uses a dying server if this process is killed now.
        with suppress(OSError):
            (self.directory / "redis.sock").unlink()
        wait(lambda: bool(self.find_pid()) or not self.is_running(), STOP_TIMEOUT_S)
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_running():
                return
            self.send_signal(signum)
            wait(lambda: not self.is_running(), STOP_TIMEOUT_S)

    def send_signal(self, signum: int) -> None:
        """Send a signal to the server, if it exists."""
        pid = self.find_pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signum)

    def find_pid(self) -> int | None:
        """Return the pid in the pid file, or the last known one if the file is gone."""
        with suppress(OSError, ValueError):
            self._pid = int((self.directory / "redis.pid").read_text())
        return self._pid

    def _launch(self) -> None:
        binary = choose_binary(self.directory)
        self._pid = None
        (self.directory / "redis.pid").unlink(missing_ok=True)
        limit = self._maxmemory.read_text() if self._maxmemory.exists() else str(default_maxmemory())
        command: list[str | Path] = [binary, "--maxmemory", limit, *DIRECTIVES.split(), ""]
        with lock(self.directory / "server.lock") as held:
            done = _detach(command, held, cwd=self.directory, capture_output=True, text=True)
        if done.returncode:
            raise EmbeddedRedisError(f"{binary} did not start: {(done.stderr or done.stdout).strip()}")

    def _comes_to_answer(self) -> bool:
        """Return whether the server answers; one that loads a large file may take its time."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (answer := ask(socket_path(self.directory))) != b"+PONG\r\n":
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + START_TIMEOUT_S
            if not self.is_running() or time.monotonic() > deadline:
                return False
            time.sleep(POLL_INTERVAL_S)
        return True


def _detach(
    command: Sequence[str | Path], held: int, *, check: bool = False, **how: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command that leaves a process behind, in a session of its own that holds the lock."""
    common: dict[str, Any] = {"pass_fds": (held,), "stdin": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.run(command, check=check, **common, **how)
