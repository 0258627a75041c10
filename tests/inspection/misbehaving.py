"""The inspecting process with an engine that does what a file's name says."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdfspider.documents.inspection import engine, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pdfspider.documents.inspection.limits import Limits

HELD: list[Any] = []


def read(path: str, limits: Limits) -> Iterator[dict[str, Any]]:
    yield {"title": path}
    yield DEEDS[Path(path).stem]() or {"status": "ok"}


def burn() -> None:
    while True:
        pass


def eat() -> None:
    while True:
        HELD.append(b"x" * (1 << 20))


def eat_and_abort() -> None:
    try:
        eat()
    except MemoryError:
        die(signal.SIGABRT)


def leak() -> None:
    """Fails only where something was read before."""
    if HELD:
        raise MemoryError
    HELD.append(None)


def die(signum: signal.Signals) -> None:
    os.kill(os.getpid(), signum)
    time.sleep(60)


def attempts() -> dict[str, Any]:
    """What a process gets when it tries what it must not do."""
    tries: dict[str, Callable[[], Any]] = {
        "write": write,
        "socket": lambda: socket.create_connection(("127.0.0.1", 9)),
        "fork": os.fork,
        "files": many_files,
    }
    refused = [name for name, attempt in tries.items() if is_refused(attempt)]
    nice, core = os.nice(0), resource.getrlimit(resource.RLIMIT_CORE)[0]
    return {"status": "ok", "reason": f"{' '.join(refused)}, nice {nice}, core {core}", "links": interfaces()}


def many_files() -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Path("/dev/null").open())


def write() -> None:
    with Path(os.environ.get("TMPDIR", "/tmp"), f"inspection-{os.getpid()}").open("wb") as file:
        Path(file.name).unlink()
        file.write(b"x")


def is_refused(attempt: Callable[[], Any]) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno in {None, errno.EFBIG, errno.EMFILE, errno.EPERM}
    return False


def interfaces() -> list[str]:
    """The network's interfaces that the process can see, but for the loopback that is down."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return [name for line in lines if (name := line.split(":")[0].strip()) != "lo"]


DEEDS: dict[str, Callable[[], Any]] = {
    "fine": lambda: None,
    "hang": lambda: time.sleep(60),
    "burn": burn,
    "eat": eat,
    "eat-and-abort": eat_and_abort,
    "leak": leak,
    "SIGKILL": lambda: die(signal.SIGKILL),
    "SIGABRT": lambda: die(signal.SIGABRT),
    "SIGSEGV": lambda: die(signal.SIGSEGV),
    "SIGXCPU": lambda: die(signal.SIGXCPU),
    "exit": lambda: os._exit(3),
    "defect": lambda: 1 // 0,
    "no-object": lambda: [1],
    "unknown-field": lambda: {"status": "ok", "path": "/etc/passwd"},
    "unknown-status": lambda: {"status": "splendid"},
    "wrong-type": lambda: {"status": "ok", "pages": "many"},
    "negative": lambda: {"status": "ok", "pages": -1},
    "no-png": lambda: {"status": "ok", "thumbnail": "%%%"},
    "too-deep": lambda: os.write(3, b"[" * 200_000 + b"\n"),
    "no-end": lambda: os.write(3, b"x" * (10 << 20)),
    "attempts": attempts,
}

if __name__ == "__main__":
    engine.read = read
    process.main()
