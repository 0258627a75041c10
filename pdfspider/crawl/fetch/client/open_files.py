"""The limit of open files, which connections and documents count against."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import suppress

from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import ConfigurationError

WANTED_LIMIT = 8192
"""The soft limit is raised to this where the hard limit allows it."""
FILES_PER_WORKER = 64
"""Files that a worker has open besides those of its requests."""
FILES_PER_REQUEST = 3
"""Files that a request has open at most: its connection, its staged document, and one for a moment."""
RETRY_DELAY_S = 1.0
"""Seconds until a request that could open no file may be sent again."""
EXHAUSTED_ERRORS = frozenset({errno.EMFILE, errno.ENFILE})

shortage = ConditionLogger("No more files can be opened: requests wait", "Files can be opened again", every=60)


def reserve(requests: int) -> None:
    """Raise the soft limit as far as it is useful.

    Raises ConfigurationError if so many requests at once need more files than the limit allows.
    """
    limit, needed = _raised(), FILES_PER_WORKER + FILES_PER_REQUEST * requests
    if limit < needed:
        raise ConfigurationError(
            f"CONCURRENT_REQUESTS={requests} needs {needed} open files, but only {limit} are allowed: raise the limit "
            f"(ulimit -n {needed}), or lower CONCURRENT_REQUESTS"
        )


def spare(most: int, requests: int) -> int:
    """Return how many connections may be kept, up to ``most``, beside what so many requests have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if limit == resource.RLIM_INFINITY else max(min(most, limit - FILES_PER_WORKER - 2 * requests), 1)


def are_exhausted() -> bool:
    """Return whether no file can be opened now, and log when that begins."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno in EXHAUSTED_ERRORS:
            shortage.begin(error.strerror)
            return True
    return False


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return WANTED_LIMIT
    wanted = WANTED_LIMIT if hard == resource.RLIM_INFINITY else min(WANTED_LIMIT, hard)
    if wanted > soft:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
