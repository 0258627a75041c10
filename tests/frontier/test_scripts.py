"""No script fails after its first write, whatever it is given and whatever stands in its keys."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from pdfspider.frontier.scripts import SCRIPT_NAMES
from tests.frontier.audit import audit
from tests.frontier.rig import FREE
from tests.frontier.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.frontier.rig import Rig

ODD: tuple[Any, ...] = (None, -2, 2.0**70, float("nan"), "", "x" * 65_536, b"\xff\0", [])
MANY: tuple[Any, ...] = ([["y"] * 9] * 6_000, list(range(9_000)))


def variants(value: Any) -> Iterator[Any]:
    """Every value that differs in one place, which is odd, is missing, or holds too much."""
    if isinstance(value, list):
        yield from (copy.deepcopy(odd) for odd in MANY)
        yield value[:-1]
        for i, part in enumerate(value):
            if part is False:
                continue  # any truth value is one
            for variant in variants(part):
                yield [*value[:i], variant, *value[i + 1 :]]
    elif isinstance(value, dict):
        for key in value:
            for odd in ODD:
                yield {**value, key: odd}
    yield from ODD


async def check(scene: Scene, name: str, arguments: list[Any], before: dict[bytes, Any]) -> dict[bytes, Any]:
    """Call a script; return the state before the next call, in which nothing of this one is left."""
    try:
        succeeded = await scene.call(name, arguments)
    except (TypeError, ValueError):
        return before  # it cannot be sent
    if succeeded:
        try:
            await audit(scene.redis)
        except AssertionError as error:
            raise AssertionError(f"{str(arguments)[-700:]} {error}") from None
        await scene.set()
        return await scene.state()
    assert await scene.state() == before, str(arguments)[-500:]
    return before


@pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SCRIPT_NAMES)
async def test_what_is_odd_is_done_or_changes_nothing(rig: Rig, name: str, step: int) -> None:
    scene = Scene(rig)
    await scene.set()
    assert await scene.call(name, copy.deepcopy(scene.calls[name])) or name == "refill"
    await audit(rig.redis)
    await scene.set()
    before = await scene.state()
    places = len(list(variants(scene.calls[name])))
    for i in range(SCRIPT_NAMES.index(name) % step, places, step):
        arguments = [*variants(scene.calls[name])][i]  # of this scene, whose tokens differ from those of the one before
        if isinstance(arguments, list):
            before = await check(scene, name, arguments, before)
    await rig.redis.flushall()


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
async def test_a_key_of_a_wrong_type_lets_a_call_change_nothing_or_succeed(rig: Rig, step: int) -> None:
    scene = Scene(rig)
    await scene.set()
    touched = {key for key in await scene.redis.keys("*") if not key.endswith(b":meta")}
    touched |= {b"{pdfs}:" + key.encode() for key in ("finished", "events", "breakers", "chores", "unclaimed", "solo")}
    touched |= {b"{pdfs}:" + key.encode() for key in ("unanswered", "owed:http", "found:http", "deadlines", "overfull")}
    partial: list[tuple[str, bytes, bytes]] = []
    for offset, name in enumerate(SCRIPT_NAMES):
        for number in range(offset % step, len(touched), step):
            key = sorted(touched)[number]
            await scene.set()
            keys = sorted(await scene.redis.keys("*"))
            if key.startswith((b"{pdfs}:job:", b"{pdfs}:seen:")):  # runs have other numbers in each scene
                key = next(each for each in keys if each.startswith(key[:11]))
            await scene.redis.delete(key)
            await scene.redis.set(key, "x")
            before = await scene.state()
            if not await scene.call(name, scene.calls[name]):
                after = await scene.state()
                partial += [(name, key, each) for each in before | after if before.get(each) != after.get(each)]
    assert not partial
    await rig.redis.flushall()
    await rig.submit("j", options=FREE)
