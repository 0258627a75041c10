"""Processes that use the embedded Redis of a directory, and what can be seen of its server."""

from __future__ import annotations

import re
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import psutil
import pytest
import redis.asyncio

from tests.support import PATIENCE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

Launch: TypeAlias = "Callable[..., subprocess.Popen[str]]"
ROOT = Path(__file__).parents[2]
SYSTEM = shutil.which("redis-server")
SYSTEM_PATH = str(Path(SYSTEM).parent) if SYSTEM else ""
NO_PATH = "/nonexistent"
NEEDS_SYSTEM = pytest.mark.skipif(SYSTEM is None, reason="no redis-server on PATH")
SERVER_NAMES = {"redis-server", "valkey-server"}

USER = """
import select
import signal
import sys
from pathlib import Path
from pdfspider.embedded import EmbeddedRedis

signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where the tests run in the background
with EmbeddedRedis(Path(sys.argv[1])) as embedded:
    try:
        print(embedded.alone, embedded.url, flush=True)
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            pass  # a signal that came just before it would not end a wait
    except KeyboardInterrupt:
        import redis
        with redis.Redis.from_url(embedded.url) as client:
            client.set("released", 1)
"""

PARENT = """
import os, sys, time
from pathlib import Path
from pdfspider.embedded import EmbeddedRedis

embedded = EmbeddedRedis(Path(sys.argv[1]))
embedded.start()
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(600)
"""


def end(directory: Path) -> None:
    for process in [*servers(directory), *supervisors(directory)]:
        process.kill()


def kill(user: subprocess.Popen[str]) -> None:
    user.kill()
    user.wait()
    for pipe in (user.stdin, user.stdout):
        assert pipe
        pipe.close()


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate("\n", timeout=PATIENCE)
    assert user.returncode == 0


def joined(user: subprocess.Popen[str]) -> tuple[bool, str]:
    assert user.stdout
    alone, url = user.stdout.readline().split()
    return alone == "True", url


def servers(directory: Path) -> list[psutil.Process]:
    return [
        process
        for process in living()
        if process.info["cwd"] == str(directory) and process.info["name"] in SERVER_NAMES
    ]


def supervisors(directory: Path) -> list[psutil.Process]:
    def supervises(process: psutil.Process) -> bool:
        command = process.info["cmdline"] or []
        return "pdfspider.embedded" in command and str(directory) in command

    return [process for process in living() if supervises(process)]


def living() -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["name", "cwd", "cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            yield process


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(directory: Path) -> bool:
    return not servers(directory) and not supervisors(directory)


def has_pending_sigterm(process: psutil.Process) -> bool:
    """Or has been killed since, because it did not end: on a busy machine that may be missed."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return True
    (pending,) = re.findall(r"ShdPnd:\s+(\w+)", status)
    return bool(int(pending, 16) >> (signal.SIGTERM - 1) & 1)


def answers(url: str) -> bool:
    try:
        return get(url, "") is None
    except redis.ConnectionError:
        return False


def put(url: str, key: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(key, value)


def get(url: str, key: str) -> object:
    with redis.Redis.from_url(url) as client:
        return client.get(key)


def rewrite(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
