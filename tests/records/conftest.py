"""The databases that every conformance test runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import create_engine, text

from pdfspider.items import Capture, Outcome
from pdfspider.records import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    MakeCapture = Callable[..., Capture]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/pdfs.db"
    server = request.getfixturevalue("postgresql")
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return str(server)


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url)
    yield database
    await database.close()


@pytest.fixture
def rows(database_url: str) -> Callable[[str], list[dict[str, Any]]]:
    """Runs a query on the database, past the code under test."""

    def query(sql: str) -> list[dict[str, Any]]:
        engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            found = [dict(row) for row in connection.execute(text(sql)).mappings()]
        engine.dispose()
        return found

    return query


@pytest.fixture
def make_capture() -> MakeCapture:
    return capture


def capture(fingerprint: int = 1, sha256: str | None = None, **fields: Any) -> Capture:
    known: dict[str, Any] = {
        "job": "default",
        "run": 1_700_000_000_000,
        "fingerprint": fingerprint,
        "token": "0001:w",
        "url": f"http://a.test/{fingerprint}",
        "outcome": Outcome.DOCUMENT if sha256 else Outcome.PAGE,
        "sha256": sha256,
        "size": 1000,
        "status": 200,
        "started": 1_700_000_000.5,
        "finished": 1_700_000_001.5,
        "worker": "w",
    }
    return Capture(**(known | fields))
