"""Sync Redis's append-only file to the disk, without waiting for Redis to do so."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sync(directory: Path) -> None:
    """Return when all data that Redis has written before this call is on disk.

    Raises OSError.
    """
    synced: set[tuple[Path, int]] | None = None
    while (files := _files(directory)) != synced:  # a rewrite may have replaced them
        for path, _ in files:
            _sync(path)
        synced = files


def _files(directory: Path) -> set[tuple[Path, int]]:
    """Return the append-only files with their inodes.

    Redis 7 has several in a directory of their own, Redis 6 has one.
    """
    found = set()
    for pattern in ("appendonly*.aof", "appendonlydir/*"):
        for path in directory.glob(pattern):
            with suppress(FileNotFoundError):
                found.add((path, path.stat().st_ino))
    return found


def _sync(path: Path) -> None:
    with suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())
