"""A process that confines itself, and then tries by native calls what it must not do.

Prints what became of each attempt: the error's name, or "done". Python's own checks are not in the way.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from pdfspider.documents.inspection import confinement, landlock, seccomp
from pdfspider.documents.inspection.limits import InspectionLimits

if TYPE_CHECKING:
    from collections.abc import Callable

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
PTRACE_SEIZE = 0x4206
IO_URING_SETUP, PIDFD_OPEN, PIDFD_SEND_SIGNAL, OPENAT2 = 425, 434, 424, 437
CLONE_NEWUSER = 0x10000000


def name_of(result: int) -> str:
    return errno.errorcode[ctypes.get_errno()] if result in {-1, None} else "done"


def opened(path: str, flags: int = os.O_RDONLY) -> str:
    found = LIBC.open(os.fsencode(path), flags, 0o600)
    result = name_of(found)
    if found >= 0:
        LIBC.close(found)
    return result


def connected(family: int, address: bytes, kind: int = socket.SOCK_STREAM) -> str:
    found = LIBC.socket(family, kind, 0)
    if found < 0:
        return name_of(found)
    result = name_of(LIBC.connect(found, address, len(address)))
    LIBC.close(found)
    return result


def listening() -> str:
    found = LIBC.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    address = loopback(0)
    if found < 0 or LIBC.bind(found, address, len(address)) or LIBC.listen(found, 1):
        return name_of(-1)
    return "done"


def loopback(port: int) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, b"\x7f\0\0\x01")


def unix(path: bytes) -> bytes:
    return struct.pack("=H", socket.AF_UNIX) + path


def forked() -> str:
    child = LIBC.fork()
    if child == 0:
        os._exit(0)
    return name_of(child)


def executed() -> str:
    """In place of this process where it succeeds: the output then ends early, with what it prints."""
    program = (ctypes.c_char_p * 3)(b"/bin/echo", b'{"program": "done"}', None)
    return name_of(LIBC.execv(b"/bin/echo", program))


def mapped_executable() -> str:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    found = LIBC.mmap(None, ctypes.c_size_t(4096), mmap.PROT_READ | mmap.PROT_EXEC, flags, -1, ctypes.c_long(0))
    return name_of(-1 if found == ctypes.c_size_t(-1).value else 0)


def attempts(place: dict[str, Any]) -> dict[str, Callable[[], str]]:
    worker, store = place["worker"], place["store"]
    return {
        "environment of the worker": lambda: opened(f"/proc/{worker}/environ"),
        "memory of the worker": lambda: opened(f"/proc/{worker}/mem"),
        "own environment": lambda: opened("/proc/self/environ"),
        "shadow": lambda: opened("/etc/shadow"),
        "a private file": lambda: opened(f"{store}/private"),
        "a file for all": lambda: opened("/etc/passwd"),
        "its own program": lambda: opened(sys.executable),
        "a directory": lambda: opened(store, os.O_DIRECTORY),
        "chmod": lambda: name_of(LIBC.chmod(os.fsencode(f"{store}/document"), 0o644)),
        "create": lambda: opened(f"{store}/new", os.O_CREAT | os.O_WRONLY),
        "write": lambda: opened(f"{store}/document", os.O_WRONLY),
        "truncate": lambda: name_of(LIBC.truncate(os.fsencode(f"{store}/document"), ctypes.c_long(0))),
        "unlink": lambda: name_of(LIBC.unlink(os.fsencode(f"{store}/document"))),
        "rename": lambda: name_of(LIBC.rename(os.fsencode(f"{store}/private"), os.fsencode(f"{store}/moved"))),
        "symlink": lambda: name_of(LIBC.symlink(b"/etc/shadow", os.fsencode(f"{store}/link"))),
        "Redis": lambda: connected(socket.AF_UNIX, unix(os.fsencode(place["redis"]) + b"\0")),
        "abstract socket": lambda: connected(socket.AF_UNIX, unix(b"\0" + place["abstract"].encode())),
        "TCP": lambda: connected(socket.AF_INET, loopback(place["port"])),
        "listen": listening,
        "UDP": lambda: connected(socket.AF_INET, loopback(place["port"]), socket.SOCK_DGRAM),
        "signal": lambda: name_of(LIBC.kill(worker, 0)),
        "signal by descriptor": lambda: signalled_by_descriptor(worker),
        "ptrace": lambda: name_of(LIBC.ptrace(PTRACE_SEIZE, worker, None, None)),
        "read memory": lambda: read_memory(worker),
        "root": lambda: name_of(LIBC.setuid(0)) if os.geteuid() else name_of(LIBC.mount(b"x", b"/", b"tmpfs", 0, None)),
        "namespace": lambda: name_of(LIBC.unshare(CLONE_NEWUSER)),
        "io_uring": lambda: name_of(LIBC.syscall(ctypes.c_long(IO_URING_SETUP), 1, (ctypes.c_char * 120)())),
        "executable memory": mapped_executable,
        "fork": forked,
        "program": executed,
    }


def signalled_by_descriptor(process: int) -> str:
    found = LIBC.syscall(ctypes.c_long(PIDFD_OPEN), process, 0)
    return name_of(found if found < 0 else LIBC.syscall(ctypes.c_long(PIDFD_SEND_SIGNAL), found, 0, None, 0))


def read_memory(process: int) -> str:
    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))

    buffer = ctypes.create_string_buffer(8)
    mine, theirs = Vector(ctypes.addressof(buffer), 8), Vector(0x10000, 8)
    found = LIBC.process_vm_readv(process, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
    return "done" if ctypes.get_errno() == errno.EFAULT else name_of(found)


def without(layers: list[str], abi: int) -> None:
    """Have these layers as they are where a system does not have them, and Landlock as in this version."""
    if "seccomp" in layers:
        seccomp.restrict = lambda **_: False
    known = landlock.version()
    landlock.version = lambda: min(known, abi)
    if "user" in layers:
        confinement._become_nobody = lambda: False
    if "network" in layers:
        confinement.CLONE_NEWNET = confinement.CLONE_NEWUSER = 1 << 5


def main() -> None:
    place = json.loads(sys.argv[1])
    without(place["without"], place["abi"])
    tries = attempts(place)
    if place["user"]:
        os.setresuid(place["user"], place["user"], place["user"])
    lacking = confinement.confine(InspectionLimits())
    os.write(1, json.dumps({"lacking": lacking}).encode() + b"\n")
    for name, attempt in tries.items():
        os.write(1, json.dumps({name: attempt()}).encode() + b"\n")


if __name__ == "__main__":
    main()
