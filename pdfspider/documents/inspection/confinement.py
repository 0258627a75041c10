"""Give up rights before a document is opened.

Each layer is used if the system has it, and none relies on another: seccomp leaves few system calls, Landlock no files
but fonts, a network namespace no network, and another user no rights to the worker's files.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pdfspider.documents.inspection import landlock, seccomp
from pdfspider.documents.inspection.limits import MAX_MAPPED

if TYPE_CHECKING:
    from pdfspider.documents.inspection.limits import InspectionLimits

MAX_OPEN_FILES = 32
LOWEST_PRIORITY = 19
FONTS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/X11/fonts",
)
"""Directories in which PDFium looks for fonts that a document does not embed."""

# linux/prctl.h, linux/sched.h, linux/capability.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CAPABILITY_VERSION_3 = 0x20080522

NOBODY = 65534
FIRST_USER, USER_COUNT = 61184, 4336
"""The range of user ids that systemd keeps free; each process takes another one."""

FORBIDDEN_EVENTS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "ctypes.dlopen")


def confine(limits: InspectionLimits) -> list[str]:
    """Give up all rights that reading does not need, and return the layers that this system lacks.

    Call it when everything is loaded, in a process with one thread.
    """
    parent = os.getppid()
    os.nice(LOWEST_PRIORITY)
    lacking = _confine_by_kernel(parent) if sys.platform == "linux" else ["seccomp", "Landlock", "network namespaces"]
    _limit(resource.RLIMIT_AS, limits.memory + MAX_MAPPED)
    allow_memory(limits.memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)
    return lacking


def allow_cpu(seconds: float) -> None:
    """Allow so many seconds of CPU from now on; SIGXCPU ends the process after them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(
        resource.RLIMIT_CPU,
        (math.ceil(used.ru_utime + used.ru_stime + seconds), resource.getrlimit(resource.RLIMIT_CPU)[1]),
    )


def allow_memory(size: int) -> None:
    """Set the size of the address space that the process may have, up to the limit set by ``confine``."""
    with suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def peak() -> int:
    """Return the most memory in KiB that was resident so far.

    A new process begins with the value of its parent.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _confine_by_kernel(parent: int) -> list[str]:
    """Apply the kernel's layers in an order in which no step needs a right that an earlier one gave up."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    has_network = any(libc.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))
    has_landlock = bool(landlock.restrict(FONTS))
    has_user = os.geteuid() != 0 or _become_nobody()
    _drop_capabilities(libc)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of the user would reset it
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    has_seccomp = seccomp.restrict(may_open=has_landlock)
    layers = {
        "seccomp": has_seccomp,
        "Landlock": has_landlock,
        "network namespaces": has_network,
        "a user of its own": has_user,
    }
    return [name for name, has in layers.items() if not has]


def _become_nobody() -> bool:
    for user in (FIRST_USER + os.getpid() % USER_COUNT, NOBODY):
        with suppress(OSError):  # a container may have few users, or forbid the change
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            return True
    return False


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Drop the capabilities of this process, also in its own namespaces."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):  # some systems know a limit by name only
        resource.setrlimit(kind, (least, least))


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(FORBIDDEN_EVENTS):
        raise PermissionError(f"{event} while a document is inspected")
