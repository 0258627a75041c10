"""Find out how much more a disk takes."""

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

RESERVED_BYTES = 64 * 1024 * 1024
"""Bytes; with less room than this, or than a hundredth of a smaller disk, a disk counts as full."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors that say that there is no room for what was written."""


class FreeSpace(Enum):
    """The room that a disk has left."""

    NONE = 0
    """The disk takes nothing: it is full, read-only or broken."""
    LESS = 1
    """The disk takes documents, but not one of the given size."""
    ENOUGH = 2


def probe(directory: Path, size: int = 0) -> FreeSpace:
    """Return the room that is left beside a document of ``size`` bytes, found out by writing.

    The call blocks.
    """
    reserve = min(RESERVED_BYTES, capacity(directory) // 100)
    if not _takes(directory, max(reserve, 1)):
        return FreeSpace.NONE
    return FreeSpace.ENOUGH if size <= reserve or _takes(directory, size) else FreeSpace.LESS


def capacity(directory: Path) -> int:
    """Return the size in bytes of the directory's file system, 0 if it is not known."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return 0
    return found.f_blocks * found.f_frsize


def _takes(directory: Path, size: int) -> bool:
    """Return whether a file of that size can be created, written and renamed."""
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
