"""What a fault is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.world import World

Inject = Callable[[World], int]


@dataclass(frozen=True)
class Fault:
    """``inject`` hurts a world, waits as long as the injury lasts, and returns how many URLs may be fetched again for
    it: what was leased by those that were hurt, and commits that were lost with their Redis.
    """

    name: str
    inject: Inject
    world: type[World] = World
    injections: int = 4
    """How often it is injected in one run, at most."""
    once: bool = False
    """Whether one run is enough: it takes long."""


ENTERED: list[Fault] = []


def fault(
    name: str, world: type[World] = World, injections: int = 4, *, once: bool = False
) -> Callable[[Inject], Inject]:
    """Enters a function into the list."""

    def enter(inject: Inject) -> Inject:
        ENTERED.append(Fault(name, inject, world, injections, once))
        return inject

    return enter
