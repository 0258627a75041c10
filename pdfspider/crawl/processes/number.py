"""The number of worker processes that a command runs."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

from pdfspider.exceptions import ConfigurationError

AUTO = "auto"
MAX_PROCESSES = 256
QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")
"""The files in which Linux gives the microseconds of CPU time of a container in each period."""


def number_of_workers(text: str) -> int:
    """Return the number that ``--workers`` asks for.

    Raises ConfigurationError unless it is ``auto`` or a number from 1 to 256.
    """
    if text == AUTO:
        return min(usable_cores(), MAX_PROCESSES)
    if text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= MAX_PROCESSES:
        return int(text)
    raise ConfigurationError(f"--workers {text}: it is neither {AUTO} nor a number from 1 to {MAX_PROCESSES}")


def usable_cores(quota: Path = QUOTA_FILE) -> int:
    """Return how many cores this process may use, by its affinity and by the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        return max(1, min(cores, ceil(int(limit) / int(period))))
    except (OSError, ValueError):  # no Linux, no container, or "max"
        return cores
