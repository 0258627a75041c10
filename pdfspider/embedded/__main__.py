"""Supervise the `redis-server` of a directory in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from pdfspider.embedded.locks import lock
from pdfspider.embedded.server import STOP_TIMEOUT_S, Server
from pdfspider.exceptions import EmbeddedRedisError

SUPERVISION_INTERVAL = 0.2
RETRY_INTERVAL = 2.0


def _supervise(directory: Path, held: int) -> None:
    """Return at once, and supervise in the background.

    The supervisor ignores the signals that end a group of processes, because its users have to end first.
    """
    os.chdir(directory)  # a directory that is created again at the same path is another one
    if os.fork():
        return
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    server = Server(Path())
    while _look_after(server, held):
        time.sleep(SUPERVISION_INTERVAL)


def _look_after(server: Server, supervisor_lock: int) -> bool:
    """Start or stop Redis as needed, and return whether there is still something to supervise."""
    if not (server.directory / "start.lock").exists():
        server.send_signal(signal.SIGTERM)
        return False
    try:
        with lock(server.directory / "start.lock", patience=STOP_TIMEOUT_S):
            if server.shut_down_if_unused():
                os.close(supervisor_lock)  # before start.lock, so that the next user starts its own supervisor
                return False
            server.find_pid()
            if not server.is_running():
                server.ensure_running()
    except (OSError, EmbeddedRedisError) as error:
        sys.stderr.write(f"{error}\n")
        time.sleep(RETRY_INTERVAL)
    return True


if __name__ == "__main__":
    _supervise(Path(sys.argv[1]), int(sys.argv[2]))
