"""Calls of the frontier's Lua scripts in a row, each of them changed at some places, on a real Redis."""

from __future__ import annotations

import asyncio
import atexit
import copy
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from pdfspider.embedded.binaries import bundled_binary
from pdfspider.frontier.connection import connect
from pdfspider.frontier.scripts import SCRIPT_NAMES
from tests.frontier.audit import audit
from tests.frontier.rig import Rig, Server
from tests.frontier.scene import Scene

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, -2, 255, 2**53, 2.0**70, -1e308, 0.5, float("nan"), float("inf")),
    *("", "0", "-1", "1e999", "nan", "j", "w1", "a.test", "call-1", "x" * 65_536, "0" * 16, "pause", "cancel", "\0"),
    *(b"\xff\0", [], {}, [[]], ["y"], [["y"] * 9] * 600, list(range(9_000)), {"": ""}, {"cap": "0"}),
)
MOST = 4
"""Changes of one call."""


class Numbers:
    """Numbers out of bytes; 0 behind their end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def has_more(self) -> bool:
        return self._at < len(self._data)

    def below(self, limit: int) -> int:
        """A number below the limit, which is 256 at most."""
        byte = self._data[self._at] if self.has_more else 0
        self._at += 1
        return byte % limit


def check(data: bytes) -> None:
    """A call is done or changes nothing, and what is left is in order."""
    runner, scene = _surroundings()
    runner.run(_check(scene, Numbers(data)))


async def _check(scene: Scene, numbers: Numbers) -> None:
    await scene.set()
    before = await scene.state()
    while numbers.has_more:
        name = SCRIPT_NAMES[numbers.below(len(SCRIPT_NAMES))]
        arguments: Any = copy.deepcopy(scene.calls[name])
        for _ in range(numbers.below(MOST)):
            arguments = changed(arguments, numbers)
        if not isinstance(arguments, list):
            continue
        try:
            succeeded = await scene.call(name, arguments)
        except (TypeError, ValueError, OverflowError):
            continue  # it cannot be sent
        after = await scene.state()
        assert succeeded or after == before, f"{name} {str(arguments)[:500]}"
        before = after
    await audit(scene.redis)


def changed(value: Any, numbers: Numbers) -> Any:
    """The value with another one in some place of it."""
    kind = numbers.below(8)
    if isinstance(value, list) and value and kind:
        place = numbers.below(len(value)) if len(value) <= 256 else 0
        if kind == 1:
            return [*value[:place], *value[place + 1 :]]
        return [*value[:place], changed(value[place], numbers), *value[place + 1 :]]
    if isinstance(value, dict) and value and kind:
        key = sorted(value)[numbers.below(len(value))]
        return {**value, key: changed(value[key], numbers)}
    return copy.deepcopy(ODD[numbers.below(len(ODD))])


@cache
def _surroundings() -> tuple[asyncio.Runner, Scene]:
    """A Redis that ends with the process."""
    directory = tempfile.TemporaryDirectory(prefix="redis-")
    server = Server(str(bundled_binary() or "redis-server"), Path(directory.name))
    server.start()
    runner = asyncio.Runner()

    def stop() -> None:
        runner.run(rig.close())
        runner.close()
        server.stop()
        directory.cleanup()

    async def make() -> Rig:
        redis = connect(server.url)
        return Rig(server.url, redis, opened=[redis])

    rig = runner.run(make())
    atexit.register(stop)
    return runner, Scene(rig)
