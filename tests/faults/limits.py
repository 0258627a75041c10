"""What a process can be made to run short of, and a clock that is wrong."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


MEMORY = 1 << 16
"""Bytes, on top of what the process has already."""


class Unavailable(Exception):
    """The fault cannot be made on this machine; the message says why."""


@contextmanager
def small_memory(pid: int) -> Iterator[None]:
    """The kernel kills the process when it takes more memory than it has; it must have ended when the block does.

    Raises Unavailable where that cannot be had.
    """
    group = Path(f"/sys/fs/cgroup/memory/pdfspider-{pid}")
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(MEMORY))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise Unavailable(f"no memory cgroup of one's own: {error}") from None
    try:
        yield
    finally:
        until(lambda: not (group / "cgroup.procs").read_text(), 10)
        group.rmdir()


@contextmanager
def small_disk(directory: Path, mebibytes: int) -> Iterator[None]:
    """A file system of its own at ``directory``. Raises Unavailable where that may not be made."""
    directory.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


@contextmanager
def changed_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """For processes that are started meanwhile."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def fake_clock(file: Path) -> Mapping[str, str]:
    """The environment of a process whose wall clock is off by what stands in ``file``. Raises Unavailable."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise Unavailable("no libfaketime: apt-get install faketime")
    if not file.exists():
        file.write_text("+0\n")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
