"""Locks that end with the processes that hold them."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POLL_INTERVAL_S = 0.01
"""Seconds between two checks."""


@contextmanager
def lock(path: Path, patience: float = 0) -> Iterator[int]:
    """Hold a lock exclusively, and yield its descriptor.

    A process that inherits the descriptor keeps the lock. Raises TimeoutError after `patience` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not wait(lambda: _try_lock(descriptor), patience):
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


def is_held(path: Path) -> bool:
    """Return whether another process holds the lock."""
    try:
        with lock(path):
            return False
    except TimeoutError:
        return True


def wait(condition: Callable[[], bool], patience: float) -> bool:
    """Wait until the condition is true, and return whether it became so within `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True
