"""Databases that cannot be used, at the start and later."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from bench.processes import free_port
from pdfspider.exceptions import ConfigurationError, RecordRefused, RecordsError
from pdfspider.items import Outcome
from pdfspider.records import Database

from .conftest import capture

if TYPE_CHECKING:
    from pathlib import Path

REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON captures WHEN {when} BEGIN SELECT RAISE(ABORT, 'no such thing'); END"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("pdfs.db", "Not a database URL"),
        ("", "Not a database URL"),
        ("postgresql://host:port/x", "Not a database URL"),
        ("mysql://me:secret@host/pdfs", "mysql://me:\\*\\*\\*@host/pdfs"),
        ("postgresql+asyncpg://me:secret@host/pdfs", "asyncpg"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:////proc/none/pdfs.db", "/proc/none/pdfs.db: .*No such file"),
        ("sqlite:////proc/version", "/proc/version: "),
    ],
)
async def test_unusable_urls(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        await Database.open(url, patience=0.1)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgres://me:secret@{}/pdfs", "postgresql+psycopg://{}/pdfs?user=me&password=secret"]
)
async def test_no_server(url: str) -> None:
    where = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConfigurationError, match=f"{where}/pdfs.*refused") as caught:
        await Database.open(url.format(where))
    assert "secret" not in str(caught.value)


async def test_no_such_database(postgresql: str) -> None:
    with pytest.raises(ConfigurationError, match='database "none" does not exist'):
        await Database.open(postgresql.replace("/postgres", "/none"))


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "pdfs.db"
    path.write_text("nothing of the kind, " * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        await Database.open(f"sqlite:///{path}")


async def test_sqlite_is_durable_and_makes_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pdfs.db"
    database = await Database.open(f"sqlite:///{path}")
    with database._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA temp_store").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    await database.close()


async def test_a_locked_database_fails_all_writes_and_later_none(tmp_path: Path) -> None:
    path = tmp_path / "pdfs.db"
    database = await Database.open(f"sqlite:///{path}", patience=0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers = await asyncio.gather(*(database.write(capture(number)) for number in range(5)), return_exceptions=True)
    assert all(isinstance(answer, RecordsError) and "locked" in str(answer) for answer in answers)
    other.close()
    assert await database.write(capture(1)) is Outcome.PAGE
    await database.close()


async def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pdfs.db"
    database = await Database.open(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write = asyncio.create_task(database.write(capture(1)))
    await asyncio.sleep(0.2)
    assert not write.done()
    other.close()
    assert await write is Outcome.PAGE
    await database.close()


def disconnect_everybody(server: str) -> None:
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))
    engine.dispose()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_lost_connection_is_made_again(database: Database, database_url: str) -> None:
    await database.write(capture(1))
    await asyncio.to_thread(disconnect_everybody, database_url)
    assert await database.write(capture(2)) is Outcome.PAGE


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_row_beyond_a_limit_fails_alone(database: Database) -> None:
    too_long = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=16_000))
    visits: list[Any] = [capture(1), capture(2, job=too_long), capture(3)]
    answers = await asyncio.gather(*map(database.write, visits), return_exceptions=True)
    assert answers[0] is answers[2] is Outcome.PAGE
    assert isinstance(answers[1], RecordsError)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_value_that_the_encoding_does_not_have_is_named(database_url: str) -> None:
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS latin"))
        connection.execute(
            text("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        )
    engine.dispose()
    database = await Database.open(database_url.replace("/postgres", "/latin"))
    odd = [capture(2, disposition_name="€.pdf", etag="ä"), capture(3, content_type="€", reason="\N{SNOWMAN}")]
    visits: list[Any] = [capture(1), *odd, capture(4)]
    answers = await asyncio.gather(*map(database.write, visits), return_exceptions=True)
    assert answers[0] is answers[3] is Outcome.PAGE
    assert [isinstance(answer, RecordRefused) and answer.columns for answer in answers[1:3]] == [
        ("disposition_name",),
        ("reason", "content_type"),
    ]
    assert str(answers[1]).startswith(r"The database refused disposition_name='\u20ac.pdf': ")
    assert "can't encode" in str(answers[1])
    assert str(answers[1]).isascii()
    await database.close()


async def test_a_value_that_is_refused_stops_no_other_and_leaves_nothing(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/pdfs.db")
    with database._engine.begin() as connection:
        connection.exec_driver_sql(REFUSE.format(when="NEW.etag = 'odd'"))
    answers = await asyncio.gather(
        *(database.write(capture(number, etag="odd" if number == 3 else "x")) for number in range(6)),
        return_exceptions=True,
    )
    refused = answers.pop(3)
    assert answers == [Outcome.PAGE] * 5
    assert isinstance(refused, RecordRefused)
    assert str(refused) == "The database refused etag='odd': no such thing"
    await database.close()
    with closing(sqlite3.connect(tmp_path / "pdfs.db")) as connection, connection:
        assert connection.execute("SELECT count(*) FROM captures").fetchone() == (5,)


async def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/pdfs.db", patience=0.2)

    def limit(pages: int) -> None:
        with database._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    limit(1)  # never less than what there is
    answers = await asyncio.gather(
        *(database.write(capture(number, reason="x" * 9000)) for number in range(9)), return_exceptions=True
    )
    assert all(isinstance(answer, RecordsError) and "full" in str(answer) for answer in answers)
    limit(10_000)
    assert await database.write(capture(1)) is Outcome.PAGE
    await database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_server_that_refuses_for_a_while(database_url: str) -> None:
    database = await Database.open(database_url, patience=0.2)
    engine = create_engine(
        database_url.replace("postgresql:", "postgresql+psycopg:").replace("/postgres", "/template1")
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER DATABASE postgres ALLOW_CONNECTIONS false"))
        try:
            await asyncio.to_thread(disconnect_everybody, database_url.replace("/postgres", "/template1"))
            with pytest.raises(RecordsError, match="not currently accepting connections"):
                await database.write(capture(1))
        finally:
            connection.execute(text("ALTER DATABASE postgres ALLOW_CONNECTIONS true"))
    engine.dispose()
    assert await database.write(capture(1)) is Outcome.PAGE
    await database.close()
