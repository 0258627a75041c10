"""seccomp: give up all system calls except those that reading an open document needs."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | 1
"""The call fails with EPERM."""

# linux/bpf_common.h, linux/seccomp.h
LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
X32_BIT = 0x40000000
PROT_EXEC = 4
SAFE_COMMANDS = (1, 2, 3, 1030)
"""Of fcntl: get and set a descriptor's flags, get a file's flags, duplicate. F_SETOWN would send signals."""

READING = {
    "read": (0, 63),
    "pread64": (17, 67),
    "recvmsg": (47, 212),
    "write": (1, 64),
    "writev": (20, 66),
    "readv": (19, 65),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "futex": (202, 98),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "setrlimit": (160, 164),
    "times": (100, 153),
    "time": (201, None),
    "gettimeofday": (96, 169),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "poll": (7, None),
    "ppoll": (271, 73),
    "getrandom": (318, 278),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "rseq": (334, 293),
    "set_robust_list": (273, 99),
    "membarrier": (324, 283),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
"""System calls with their numbers on x86-64 and aarch64."""
OPENING = {
    "open": (2, None),
    "openat": (257, 56),
    "getdents64": (217, 61),
    "stat": (4, None),
    "lstat": (6, None),
}
MAPPING = {"mmap": (9, 222), "mprotect": (10, 226)}
SIGNALLING = {"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)}
LIMITING = {"prlimit64": (302, 261)}
DESCRIPTORS = {"fcntl": (72, 25)}


class _Machine(NamedTuple):
    audit_number: int
    column: int


MACHINES = {"x86_64": _Machine(0xC000003E, 0), "aarch64": _Machine(0xC00000B7, 1)}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def restrict(*, may_open: bool) -> bool:
    """Refuse all other system calls from now on, and return whether the kernel does so.

    ``may_open`` allows the process to open files, which Landlock has to restrict. Needs PR_SET_NO_NEW_PRIVS.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 1 << 32:
        return False
    instructions = [*_program(machine, may_open=may_open)]
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    mode = ctypes.c_ulong(SECCOMP_MODE_FILTER)
    return int(ctypes.CDLL(None).prctl(PR_SET_SECCOMP, mode, ctypes.byref(program), 0, 0)) == 0


def _program(machine: _Machine, *, may_open: bool) -> Iterator[_Instruction]:
    yield from _check_architecture(machine)
    for numbers in chain(READING.values(), OPENING.values() if may_open else ()):
        yield from _allow(numbers[machine.column])
    for numbers in MAPPING.values():
        yield from _allow(numbers[machine.column], _has_no_bit(2, PROT_EXEC))
    for numbers in SIGNALLING.values():
        yield from _allow(numbers[machine.column], _is_one_of(0, os.getpid()))
    for numbers in LIMITING.values():
        yield from _allow(numbers[machine.column], _is_one_of(0, 0, os.getpid()))
    for numbers in DESCRIPTORS.values():
        yield from _allow(numbers[machine.column], _is_one_of(1, *SAFE_COMMANDS))
    yield _Instruction(RETURN, 0, 0, REFUSE)


def _check_architecture(machine: _Machine) -> Iterator[_Instruction]:
    """Refuse calls by another architecture's numbers, then load the number."""
    yield _Instruction(LOAD_WORD, 0, 0, ARCHITECTURE)
    yield _Instruction(JUMP_EQUAL, 1, 0, machine.audit_number)
    yield _Instruction(RETURN, 0, 0, REFUSE)
    yield _Instruction(LOAD_WORD, 0, 0, NUMBER)
    yield _Instruction(JUMP_GREATER_EQUAL, 0, 1, X32_BIT)
    yield _Instruction(RETURN, 0, 0, REFUSE)


def _allow(number: int | None, condition: Sequence[_Instruction] = ()) -> Iterator[_Instruction]:
    """Allow the call with this number, unless the condition skips an instruction."""
    if number is None:
        return
    end = [_Instruction(RETURN, 0, 0, REFUSE)] if condition else []
    end.append(_Instruction(RETURN, 0, 0, ALLOW))
    yield _Instruction(JUMP_EQUAL, 0, len(condition) + len(end), number)
    yield from condition
    yield from end


def _is_one_of(argument: int, *values: int) -> list[_Instruction]:
    tests = [_Instruction(JUMP_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [_load(argument), *tests]


def _has_no_bit(argument: int, bits: int) -> list[_Instruction]:
    return [_load(argument), _Instruction(JUMP_ANY_BIT, 0, 1, bits)]


def _load(argument: int) -> _Instruction:
    """Load the lower half of an argument; both architectures are little-endian."""
    return _Instruction(LOAD_WORD, 0, 0, ARGUMENTS + 8 * argument)
