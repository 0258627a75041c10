"""The supervisor of a directory's `redis-server`: a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from pdfspider.embedded.locks import lock
from pdfspider.embedded.server import STOP_PATIENCE, Server
from pdfspider.exceptions import EmbeddedRedisError

SUPERVISION_INTERVAL = 0.2
RETRY_INTERVAL = 2.0


def _supervise(directory: Path, held: int) -> None:
    """Return at once and go on in the background, deaf to whoever ends a group of processes: users end first."""
    os.chdir(directory)  # so that a directory made anew at the same path is another one
    if os.fork():
        return
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    server = Server(Path())
    while _look_after(server, held):
        time.sleep(SUPERVISION_INTERVAL)


def _look_after(server: Server, supervisor_lock: int) -> bool:
    """Whether there is still something to supervise."""
    if not (server.directory / "start.lock").exists():
        server.send_signal(signal.SIGTERM)
        return False
    try:
        with lock(server.directory / "start.lock", patience=STOP_PATIENCE):
            if server.shut_down_if_unused():
                os.close(supervisor_lock)  # before start.lock, so that who comes next makes a supervisor of its own
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
