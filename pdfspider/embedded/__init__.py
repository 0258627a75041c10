"""A private `redis-server` on a Unix socket, shared by all processes that name the same directory.

Four locks in that directory say who uses it. They are `flock`s, so they end with the processes that hold them:

start.lock       exclusive, around every start and stop
users.lock       shared, held by every process between `EmbeddedRedis.start` and `EmbeddedRedis.stop`
server.lock      held by the redis-server itself, so that no second one opens the same append-only file
supervisor.lock  held by the supervisor, which restarts a lost Redis while there are users and stops it afterwards
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from pdfspider.embedded.addresses import socket_path
from pdfspider.embedded.locks import lock
from pdfspider.embedded.server import START_TIMEOUT_S, STOP_TIMEOUT_S, Server
from pdfspider.exceptions import EmbeddedRedisError

if TYPE_CHECKING:
    from pathlib import Path


class EmbeddedRedis:
    """One process's use of the Redis in `directory` (`DATA_DIR/redis`).

    The first user starts Redis, the last one stops it. ``maxmemory`` is the number of bytes that Redis may use, 0 for
    no limit. With None, a Redis that this process starts gets a part of the machine's memory, and one that runs keeps
    its limit.
    """

    def __init__(self, directory: Path, maxmemory: int | None = None) -> None:
        self.directory, self.maxmemory = directory.absolute(), maxmemory
        self.alone = False
        """True if no other user was there when this one started."""
        self._membership: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of the Redis."""
        return f"unix://{quote(str(socket_path(self.directory)))}"

    def start(self) -> str:
        """Start Redis unless it runs, and return its URL once it answers.

        Raises EmbeddedRedisError.
        """
        try:
            if self._membership is None:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                _check_owner(self.directory)
                with lock(self.directory / "start.lock", patience=2 * START_TIMEOUT_S):
                    self._join(Server(self.directory))
            return self.url
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedRedisError(f"{self.directory} cannot be used for the embedded Redis: {error}") from error

    def stop(self) -> None:
        """Stop using Redis; the last user stops it before this returns.

        The call is bounded: whatever fails here is left to the supervisor.
        """
        if self._membership is None:
            return
        with suppress(OSError), lock(self.directory / "start.lock", patience=STOP_TIMEOUT_S):
            self._leave()
            Server(self.directory).shut_down_if_unused()
        self._leave()

    def _join(self, server: Server) -> None:
        self.alone = not server.has_users()
        self._membership = os.open(self.directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        os.register_at_fork(after_in_child=self._leave)  # a forked child must not stay a user
        try:
            fcntl.flock(self._membership, fcntl.LOCK_SH | fcntl.LOCK_NB)
            server.ensure_supervisor()  # first, so that Redis is stopped whatever happens to this process
            server.set_maxmemory(self.maxmemory)
            server.ensure_running()
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        membership, self._membership = self._membership, None
        if membership is not None:
            os.close(membership)


def _check_owner(directory: Path) -> None:
    """Raise EmbeddedRedisError if another user has made the directory in one that this user can write to.

    The owner of a directory can put another socket in the place of Redis's.
    """
    owner = directory.stat().st_uid
    if owner not in (os.geteuid(), directory.parent.stat().st_uid):
        raise EmbeddedRedisError(
            f"{directory} belongs to another user (uid {owner}): remove it, or choose another DATA_DIR"
        )
