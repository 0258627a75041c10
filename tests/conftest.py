from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.processes import redis_server
from tests.support import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of the test's own."""
    with tempfile.TemporaryDirectory(prefix="redis-") as directory, redis_server(Path(directory)) as url:
        yield url


@pytest.fixture
def fleet(tmp_path: Path, redis_url: str) -> Iterator[Fleet]:
    """Workers on a Redis of the test's own; those that still run are killed at the end."""
    fleet = Fleet(tmp_path, redis_url)
    yield fleet
    fleet.stop()
