"""How much a disk still takes."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from pdfspider.documents.store import open_new

if TYPE_CHECKING:
    from pathlib import Path

RESERVE = 64 * 1024 * 1024
"""Bytes; with less room than this, or than a hundredth of a smaller disk, a disk counts as full."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors that say that there is no room for what was written."""


class Room(Enum):
    """What a disk has room for."""

    NONE = 0
    """It takes nothing: it is full, read-only or broken."""
    LESS = 1
    """Documents, but not one of the size that was asked for."""
    ENOUGH = 2


def probe(directory: Path, size: int = 0) -> Room:
    """Return what there is room for beside a document of ``size`` bytes, by writing. Blocks."""
    reserve = min(RESERVE, capacity(directory) // 100)
    if not _takes(directory, max(reserve, 1)):
        return Room.NONE
    return Room.ENOUGH if size <= reserve or _takes(directory, size) else Room.LESS


def capacity(directory: Path) -> int:
    """Return the bytes that the file system of a directory holds in all; 0: not known."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return 0
    return found.f_blocks * found.f_frsize


def _takes(directory: Path, size: int) -> bool:
    """Return whether a file of that size can be made, written to its end and renamed."""
    path = directory / f"probe-{secrets.token_hex(4)}"
    renamed = path.with_suffix(".renamed")
    try:
        descriptor = open_new(path)
        try:
            os.write(descriptor, b"\0")
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        path.replace(renamed)
    except OSError:
        return False
    else:
        return True
    finally:
        for name in (path, renamed):
            with suppress(OSError):
                name.unlink()
