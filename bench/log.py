"""The server's log of requests.

One line when a request has been received (``number  time  address  method  path  status``, separated by tabs), and one
when its answer has been handed to the kernel or its connection is gone (``number  time  sent|broken``). Times are
seconds of the monotonic clock.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class RequestLog:
    """Two lines for every request, buffered until ``flush``."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[str] = []
        self._numbers = itertools.count(1)

    def received(self, at: float, address: str, method: str, target: str, status: int) -> int:
        number = next(self._numbers)
        self._lines.append(f"{number}\t{at:.6f}\t{address}\t{method}\t{target}\t{status}\n")
        return number

    def ended(self, number: int, *, sent: bool) -> None:
        self._lines.append(f"{number}\t{time.monotonic():.6f}\t{'sent' if sent else 'broken'}\n")

    def flush(self) -> None:
        self._file.write("".join(self._lines).encode())
        self._file.flush()
        self._lines.clear()


class Entry(NamedTuple):
    """One request; ``ended`` is None while it is being answered, ``sent`` whether the whole answer went out."""

    received: float
    address: str
    method: str
    path: str
    status: int
    ended: float | None
    sent: bool


def parse_log(path: Path) -> list[Entry]:
    """Every request in the order of arrival. A last line that is not whole yet is left out."""
    entries: dict[str, Entry] = {}
    for line in path.read_text().rpartition("\n")[0].splitlines():
        number, at, *rest = line.split("\t")
        if len(rest) == 1:
            entries[number] = entries[number]._replace(ended=float(at), sent=rest[0] == "sent")
        else:
            address, method, target, status = rest
            entries[number] = Entry(float(at), address, method, target, int(status), None, sent=False)
    return list(entries.values())
