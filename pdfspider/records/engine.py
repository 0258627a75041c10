"""Create an engine from a database URL, and prepare the database's tables and id."""

from __future__ import annotations

import sqlite3
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from pdfspider.exceptions import ConfigurationError
from pdfspider.masking import masked, masked_url
from pdfspider.records.migration import ensure_tables, is_empty, revision_of
from pdfspider.records.schema import REVISION, meta

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
POSTGRESQL_LIMITS = {"connect_timeout": 10, "tcp_user_timeout": 30_000}
"""Seconds and milliseconds after which a silent server counts as gone, unless the URL sets others."""
SCHEMA_LOCK = 0x70646673


def read_url(database_url: str) -> URL:
    """Return the URL with the driver that is used for it.

    Raises ConfigurationError.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "Not a database URL: expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    if url.drivername not in DRIVERS:
        raise ConfigurationError(f"No database driver for {shown(url)}: it must be sqlite:///… or postgresql://…")
    if url.drivername.startswith("sqlite") and (url.database or ":memory:").startswith((":", "file:")):
        raise ConfigurationError(f"{shown(url)} must name a file: other processes and later runs read it")
    return url.set(drivername=DRIVERS[url.drivername])


def shown(url: URL) -> str:
    """Return the URL without its password, for messages."""
    return masked_url(url.render_as_string(hide_password=False))


def connect(url: URL, *, patience: float, writes: bool) -> Engine:
    """Return an engine with one connection.

    With ``writes``, a transaction takes SQLite's write lock at its beginning. ``patience`` is how many seconds SQLite
    waits for that lock.
    """
    limits = POSTGRESQL_LIMITS if url.get_backend_name() == "postgresql" else {"timeout": patience}
    arguments = {name: value for name, value in limits.items() if name not in url.query}
    engine = create_engine(url, connect_args=arguments, pool_size=1, max_overflow=0)
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine, writes=writes)
    return engine


def _tune_sqlite(engine: Engine, *, writes: bool) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions itself
        connection.execute("PRAGMA synchronous=FULL")
        if writes:  # else each INSERT of many rows writes a journal file
            connection.execute("PRAGMA temp_store=MEMORY")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def prepare(engine: Engine, patience: float, *, migrate: bool | None = None) -> str:
    """Create the tables or migrate older ones, and return the database's id.

    ``migrate`` says whether older tables are migrated. By default they are in SQLite, but not in PostgreSQL, which
    other machines may be using. Any number of processes may call this at once, although SQLite then refuses to change
    its journal mode without waiting. Raises ConfigurationError.
    """
    migrate = engine.dialect.name == "sqlite" if migrate is None else migrate
    deadline = time.monotonic() + patience
    while True:
        try:
            return _prepare(engine, migrate=migrate)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            if not is_locked(error) or time.monotonic() > deadline:
                raise ConfigurationError(f"Cannot use the database {shown(engine.url)}: {said(error)}") from None
            time.sleep(0.02)


def _prepare(engine: Engine, *, migrate: bool) -> str:
    if engine.dialect.name == "sqlite":
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
        _use_wal(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        ensure_tables(connection, migrate=migrate)
        return _database_id(connection)


def require_tables(url: URL, patience: float) -> None:
    """Migrate older tables before they are read, where ``prepare`` would.

    A database without tables is left alone, because it belongs to somebody else. Raises ConfigurationError.
    """
    reader = connect(url, patience=patience, writes=False)
    try:
        with reader.connect() as connection:
            is_current = revision_of(connection) == REVISION or is_empty(connection)
    except SQLAlchemyError as error:
        raise ConfigurationError(f"Cannot use the database {shown(url)}: {said(error)}") from None
    finally:
        reader.dispose()
    if not is_current:
        migrate_tables(url, patience, migrate=None)


def migrate_tables(url: URL, patience: float, *, migrate: bool | None = True) -> None:
    """Create the tables of a database or migrate them, as ``prepare`` does.

    Raises ConfigurationError.
    """
    engine = connect(url, patience=patience, writes=True)
    try:
        prepare(engine, patience, migrate=migrate)
    finally:
        engine.dispose()


def _use_wal(engine: Engine) -> None:
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _database_id(connection: Connection) -> str:
    known = connection.scalar(select(meta.c.value).where(meta.c.key == "database_id"))
    if known is not None:
        return str(known)
    new = uuid.uuid4().hex
    connection.execute(insert(meta).values(key="database_id", value=new))
    return new


def is_locked(error: Exception) -> bool:
    """Return whether SQLite refused because another process holds a lock."""
    code: int = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF in {5, 6}


def is_passing(error: Exception) -> bool:
    """Return whether the database is the cause (locked, full, unreachable), and not a row.

    PostgreSQL's class 54 is a row that exceeds a limit.
    """
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or (isinstance(error, OperationalError) and not state.startswith("54"))


def said(error: Exception) -> str:
    """Return the database's error message in one line."""
    return masked(" ".join(str(getattr(error, "orig", None) or error).split()))
