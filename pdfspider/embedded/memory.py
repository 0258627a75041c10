"""Choose how much memory the embedded server may use."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MEMORY_DIVISOR = 4
"""The server gets one part in so many: it doubles for a while when it rewrites its file, and workers need some too."""
LEAST_MEMORY = 64 * 2**20
ASSUMED_MEMORY = 2**30
"""The assumed memory in bytes of a machine that does not tell."""


def default_maxmemory() -> int:
    """Return the server's share of the memory of this machine, or of this process's control group."""
    return max(min([_physical_memory(), *_group_limits(Path("/"))]) // MEMORY_DIVISOR, LEAST_MEMORY)


def _physical_memory() -> int:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return ASSUMED_MEMORY * MEMORY_DIVISOR


def _group_limits(root: Path) -> list[int]:
    """Return the limits in bytes of the control group and those above it, empty if there are none."""
    limits = []
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                limits += _limits_above(root / "sys/fs/cgroup", path, "memory.max")
            elif "memory" in controllers.split(","):
                limits += _limits_above(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes")
    return limits


def _limits_above(mount: Path, path: str, name: str) -> list[int]:
    """Return the limits of a group and of its parents.

    In a container the group's own path may not be visible.
    """
    group, limits = mount / path.lstrip("/"), []
    for directory in (group, *group.parents):
        if directory.is_relative_to(mount):
            with suppress(OSError, ValueError):
                limits.append(int((directory / name).read_text()))
    return limits
