"""Landlock: give up rights to files, TCP ports and other processes (Linux 5.13 and later).

The kernel's Landlock version (ABI) tells what it can restrict. The rest is left to seccomp and to the user's rights.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/landlock.h; the numbers of the system calls are the same on all architectures
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Rights to files by the version that brought them: the first thirteen, refer, truncate, device ioctl."""
TCP_RIGHTS = {4: 0b11}
"""Bind and connect."""
SCOPES = {6: 0b11}
"""Abstract Unix sockets and signals."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("directory", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that the kernel has, 0 if it has none."""
    found = _call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(CREATE_RULESET_VERSION))
    return max(found, 0)


def restrict(readable: Iterable[str]) -> int:
    """Give up all that Landlock covers except reading below these directories, and return the version.

    The version is 0 if that is impossible. Needs PR_SET_NO_NEW_PRIVS. Open files stay open.
    """
    abi = version()
    rights = _Ruleset(*(_known(known, abi) for known in (FILE_RIGHTS, TCP_RIGHTS, SCOPES)))
    ruleset = _call(CREATE_RULESET, ctypes.byref(rights), ctypes.c_size_t(ctypes.sizeof(rights)), ctypes.c_uint32(0))
    if not abi or ruleset < 0:
        return 0
    try:
        for directory in readable:
            with suppress(OSError):  # it does not exist
                _allow_reading(ruleset, directory)
        return abi if _call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0 else 0
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, directory: str) -> None:
    descriptor = os.open(directory, os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        rule = _PathBeneath(READ_FILE | READ_DIR, descriptor)
        _call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(RULE_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def _known(rights: dict[int, int], abi: int) -> int:
    return sum(bits for least, bits in rights.items() if least <= abi)


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), *arguments))
