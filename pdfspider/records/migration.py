"""The version of a database's tables, and the migration of older ones.

Alembic takes a quarter of a second to load, so it is loaded only if the version differs.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, text

from pdfspider.exceptions import ConfigurationError
from pdfspider.records.schema import REVISION, alembic_version, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from alembic.config import Config
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)

_alone = threading.Lock()
"""Alembic has one context for the whole process."""
SCRIPTS: Traversable = files("pdfspider.records") / "migrations"
LOCK_TIMEOUT = "30s"
"""How long a migration waits for a table of PostgreSQL, while all others wait behind it."""


def revision_of(connection: Connection) -> str | None:
    """Return the version of the tables, None if they have none or do not exist."""
    if not inspect(connection).has_table(alembic_version.name):
        return None
    return connection.scalar(select(alembic_version.c.version_num))


def ensure_tables(connection: Connection, *, migrate: bool) -> None:
    """Create the tables in an empty database, and migrate older ones if ``migrate``.

    The caller holds the lock under which tables are changed, and commits. Raises ConfigurationError if the tables are
    newer than this program, or older and not to be migrated here.
    """
    found = revision_of(connection)
    if found == REVISION:
        return
    if found is None and is_empty(connection):
        create_tables(connection)
        return
    _check_is_older(connection, found)
    if not migrate:
        raise ConfigurationError(
            f"The tables of this database are from an earlier version (revision {found or 'none'}, now {REVISION}):"
            " run `scrapy migrate`"
        )
    upgrade(connection, found)


def is_empty(connection: Connection) -> bool:
    """Return whether the database has none of the tables."""
    there = inspect(connection).get_table_names()
    return metadata.tables.keys().isdisjoint(there)


def create_tables(connection: Connection) -> None:
    """Create the tables of the present version."""
    alembic_version.create(connection, checkfirst=True)
    metadata.create_all(connection)
    connection.execute(insert(alembic_version).values(version_num=REVISION))


def upgrade(connection: Connection, found: str | None = None) -> None:
    """Run the migrations from the version of the tables to the present one."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    with configuration(connection) as config:
        import_module("alembic.command").upgrade(config, "head")
    logger.info("The database's tables were migrated from revision %s to %s", found or "none", REVISION)


@contextmanager
def configuration(connection: Connection) -> Iterator[Config]:
    """Yield Alembic's configuration, with the scripts in a temporary directory."""
    config: Config = import_module("alembic.config").Config(attributes={"connection": connection})
    with _alone, TemporaryDirectory(prefix="migrations-") as directory:
        _copy(SCRIPTS, Path(directory))
        config.set_main_option("script_location", directory.replace("%", "%%"))
        yield config


def _check_is_older(connection: Connection, found: str | None) -> None:
    """Raise ConfigurationError unless a script here has that revision."""
    with configuration(connection) as config:
        scripts = import_module("alembic.script").ScriptDirectory.from_config(config)
        known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            f"The tables of this database are from a newer version of pdfspider (revision {found}, the newest"
            f" known here is {REVISION}): install that version, or set DATABASE_URL to another database"
        )


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.name == "versions":
            _copy(entry, target / entry.name)
        elif entry.name.endswith((".py", ".mako")):
            (target / entry.name).write_bytes(entry.read_bytes())
