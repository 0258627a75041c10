"""The inspecting process with an engine that does what a document says."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from pdfspider.documents.inspection import engine, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pdfspider.documents.inspection.limits import InspectionLimits

HELD: list[Any] = []
ANSWERS: list[BinaryIO] = []
SAY = process._say


def read(descriptor: int, limits: InspectionLimits) -> Iterator[dict[str, Any]]:
    name = os.pread(descriptor, 100, 0).decode()
    yield {"title": name}
    yield DEEDS[name]() or {"status": "ok"}


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


def write(answer: bytes) -> None:
    """Writes where the answers go."""
    os.write(ANSWERS[0].fileno(), answer)


def say(answers: BinaryIO, part: dict[str, Any]) -> None:
    ANSWERS[:] = [answers]
    SAY(answers, part)


def connect() -> dict[str, Any]:
    try:
        socket.socket()
    except OSError as error:
        return {"status": "ok", "reason": str(error)}
    return {"status": "ok"}


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
    "defect": lambda: {}[0],
    "no-object": lambda: [1],
    "unknown-field": lambda: {"status": "ok", "path": "/etc/passwd"},
    "unknown-status": lambda: {"status": "splendid"},
    "wrong-type": lambda: {"status": "ok", "pages": "many"},
    "negative": lambda: {"status": "ok", "pages": -1},
    "no-png": lambda: {"status": "ok", "thumbnail": "%%%"},
    "too-deep": lambda: write(b"[" * 200_000 + b"\n"),
    "no-end": lambda: write(b"x" * (10 << 20)),
    "connect": connect,
}

if __name__ == "__main__":
    engine.read, process._say = read, say
    process.main()
