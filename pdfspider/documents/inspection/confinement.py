"""What a process gives up before it opens a document."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdfspider.documents.inspection.limits import Limits

FILES = 32
LOWEST_PRIORITY = 19

# linux/prctl.h, linux/sched.h
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "ctypes.dlopen")


def confine(limits: Limits) -> bool:
    """To be called once all is loaded. Whether the kernel keeps the process from the network.

    Where it does not (a container without user namespaces), Python's sockets are still refused, and PDFium has none.
    """
    os.nice(LOWEST_PRIORITY)
    isolated = sys.platform == "linux" and _isolate()
    _limit(resource.RLIMIT_AS, limits.memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, FILES)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)
    return isolated


def allow_cpu(seconds: float) -> None:
    """From now on; what takes more is ended by SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(
        resource.RLIMIT_CPU,
        (math.ceil(used.ru_utime + used.ru_stime + seconds), resource.getrlimit(resource.RLIMIT_CPU)[1]),
    )


def peak() -> int:
    """The most memory in KiB that was resident so far; a new process begins with what its parent had then."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _isolate() -> bool:
    """It dies with its parent, gains no rights by running other programs, and sees no network."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return any(libc.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):  # some systems know a limit by name only
        resource.setrlimit(kind, (least, least))


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(FORBIDDEN):
        raise PermissionError(f"{event} while a document is inspected")
