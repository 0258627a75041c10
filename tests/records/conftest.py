"""A private PostgreSQL, and the databases that every conformance test runs on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import create_engine, text

from pdfspider.items import Capture, Outcome
from pdfspider.records import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    MakeCapture = Callable[..., Capture]


def as_postgres(*command: str | Path) -> None:
    """PostgreSQL refuses to run as root."""
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*user, *map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = found[-1] if found else shutil.which("initdb")
    if program is None:
        reason = "no PostgreSQL server: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(program).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server without tables of ours, on a loopback port."""
    programs = postgresql_programs()
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    data = home / "data"
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    try:
        if os.getuid() == 0:
            shutil.chown(home, "postgres")
        # A language's order of letters, not the bytes': tokens must not be compared by it.
        locale = ["-E", "UTF8", "--locale-provider=icu", "--icu-locale=en"]
        as_postgres(programs / "initdb", "-D", data, "-U", "spider", "-A", "trust", "--no-sync", *locale)
        as_postgres(programs / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start")
        try:
            yield f"postgresql://spider@127.0.0.1:{port}/postgres"
        finally:
            as_postgres(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


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
