from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.processes import RedisProcess
from tests.support import Fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Servers = Callable[..., RedisProcess]
    Fleets = Callable[..., Fleet]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Makes Redis processes, which end with the test."""
    made: list[RedisProcess] = []

    def make(config: str = "", **options: Any) -> RedisProcess:
        made.append(RedisProcess(tmp_path / f"redis-{len(made)}", config, **options))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def fleets(tmp_path: Path) -> Iterator[Fleets]:
    """Makes fleets on any Redis; their workers end with the test."""
    made: list[Fleet] = []

    def make(url: str, **settings: Any) -> Fleet:
        made.append(Fleet(tmp_path, url, settings))
        return made[-1]

    yield make
    for fleet in made:
        fleet.stop()
