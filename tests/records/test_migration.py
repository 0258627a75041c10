"""Databases of earlier and of later versions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import Path as ZipPath
from zipfile import ZipFile

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Outcome
from pdfspider.records import Database, export, migration
from pdfspider.records.engine import connect, migrate_tables, read_url
from pdfspider.records.schema import REVISION, metadata
from tests import fork_server

from .conftest import capture
from .test_processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = Callable[[str], list[dict[str, Any]]]

UNVERSIONED = Path(__file__).with_name("unversioned")
"""What the last version without revisions wrote: two URLs with one document, a failure, an inspection."""
EARLIER = [f"{number:04}" for number in range(1, int(REVISION))]
SHA256 = "aa11" + "0" * 60
NEXT = """
from alembic import op
from sqlalchemy import Column, Text

revision = "9999"
down_revision = {newest!r}


def upgrade():
    with op.batch_alter_table("captures", recreate="auto") as table:
        table.add_column(Column("language", Text))
    {more}
"""


def run_sql(database_url: str, *statements: str) -> None:
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement.replace(":", "\\:")))
    engine.dispose()


@pytest.fixture
def unversioned(database_url: str) -> str:
    """The URL of a database as the last version without revisions left it."""
    name = database_url.partition(":")[0]
    lines = (UNVERSIONED / f"{name}.sql").read_text("utf-8")
    run_sql(database_url, *(statement for statement in lines.split(";\n") if statement.strip()))
    return database_url


def migrate(database_url: str) -> None:
    migrate_tables(read_url(database_url), 10)


def tables(database_url: str) -> dict[str, Any]:
    """What the tables are made of, whichever way they were made."""
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    found = {}
    with engine.connect() as connection:
        there = inspect(connection)
        for name in there.get_table_names():
            columns = {column["name"]: repr(sorted(column.items())) for column in there.get_columns(name)}
            indexes = {index["name"]: index["column_names"] for index in there.get_indexes(name)}
            found[name] = columns, there.get_pk_constraint(name), indexes
    engine.dispose()
    return found


def empty(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).unlink()
    else:
        run_sql(database_url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


async def test_an_unversioned_database_keeps_its_rows_and_takes_new_ones(unversioned: str, rows: Rows) -> None:
    names = ["captures", "documents", "owners", "inspections", "meta"]
    before = {name: rows(f"SELECT * FROM {name}") for name in names}
    if unversioned.startswith("postgresql"):
        with pytest.raises(ConfigurationError, match=r"earlier version .*: run `scrapy migrate`"):
            await Database.open(unversioned)
        assert "alembic_version" not in tables(unversioned)
        migrate(unversioned)
    database = await Database.open(unversioned)
    assert await database.database_id() == before["meta"][0]["value"]
    for name in names:
        after = [{key: row[key] for key in before[name][0]} for row in rows(f"SELECT * FROM {name}")]
        assert after == before[name]
    assert await database.write(capture(4, SHA256)) is Outcome.DUPLICATE
    assert await database.write(capture(5, "bb" * 32)) is Outcome.DOCUMENT
    await database.close()
    assert len(rows("SELECT * FROM captures")) == 5
    assert rows("SELECT version_num FROM alembic_version") == [{"version_num": REVISION}]
    again = await Database.open(unversioned)
    await again.close()


async def test_migrations_and_the_tables_of_a_new_database_are_the_same(unversioned: str) -> None:
    migrate(unversioned)
    migrated = tables(unversioned)
    engine = connect(read_url(unversioned), patience=1, writes=False)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    empty(unversioned)
    await (await Database.open(unversioned)).close()
    assert migrated == tables(unversioned)


@pytest.mark.parametrize("earlier", EARLIER)
async def test_rows_of_each_earlier_revision_are_kept(database_url: str, rows: Rows, earlier: str) -> None:
    engine = connect(read_url(database_url), patience=1, writes=True)
    with engine.begin() as connection, migration.configuration(connection) as config:
        command.upgrade(config, earlier)
    engine.dispose()
    run_sql(
        database_url,
        "INSERT INTO captures (job, run, fingerprint, url, hops, depth, outcome, worker, attempt, token)"
        " VALUES ('default', 1, 2, 'http://a.test/', '[]', 0, 'page', 'w', 1, '1')",
    )
    before = rows("SELECT * FROM captures")[0]
    migrate(database_url)
    database = await Database.open(database_url)
    assert await database.write(capture(4, robots_directives="noindex", nofollow_links=3)) is Outcome.PAGE
    await database.close()
    old, new = rows("SELECT * FROM captures ORDER BY url")
    added = {"robots_directives": None, "nofollow_links": None, "reach": None}
    assert old == added | before
    assert (new["robots_directives"], new["nofollow_links"]) == ("noindex", 3)


def test_the_newest_revision_is_the_present_one(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/pdfs.db")
    with engine.begin() as connection, migration.configuration(connection) as config:
        assert ScriptDirectory.from_config(config).get_heads() == [REVISION]
    engine.dispose()


async def test_a_newer_database_is_refused_and_left_alone(database_url: str) -> None:
    await (await Database.open(database_url)).close()
    run_sql(database_url, "UPDATE alembic_version SET version_num = '9999'")
    before = tables(database_url)
    with pytest.raises(ConfigurationError, match=r"newer version .*9999.*install that version"):
        await Database.open(database_url)
    with pytest.raises(ConfigurationError, match="newer version"):
        migrate(database_url)
    assert tables(database_url) == before


@pytest.fixture
def add_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Adds a revision to those that there are."""

    def add(more: str = "") -> Path:
        scripts = tmp_path / "scripts"
        shutil.copytree(str(migration.SCRIPTS), scripts)
        (scripts / "versions/r9999_next.py").write_text(NEXT.format(newest=REVISION, more=more))
        monkeypatch.setattr(migration, "SCRIPTS", scripts)
        monkeypatch.setattr(migration, "REVISION", "9999")
        return scripts

    return add


async def test_a_later_revision_is_applied(
    unversioned: str, rows: Rows, add_revision: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a zipped egg too."""
    scripts = add_revision()
    with ZipFile(scripts.with_suffix(".zip"), "w") as egg:
        for file in scripts.rglob("*.*"):
            egg.write(file, file.relative_to(scripts.parent))
    monkeypatch.setattr(migration, "SCRIPTS", ZipPath(scripts.with_suffix(".zip"), "scripts/"))
    migrate(unversioned)
    assert [row["language"] for row in rows("SELECT * FROM captures")] == [None] * 3
    assert rows("SELECT version_num FROM alembic_version") == [{"version_num": "9999"}]
    database = await Database.open(unversioned)
    assert await database.write(capture(4, SHA256)) is Outcome.DUPLICATE
    await database.close()


def test_a_migration_that_fails_changes_nothing(
    unversioned: str, rows: Rows, add_revision: Callable[[str], Path]
) -> None:
    add_revision('op.execute("INSERT INTO nowhere VALUES (1)")')
    before = tables(unversioned)
    with pytest.raises(ConfigurationError, match="nowhere"):
        migrate(unversioned)
    assert tables(unversioned) == before
    assert len(rows("SELECT * FROM captures")) == 3


def test_an_export_reads_an_older_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/pdfs.db"
    run_sql(url, *(UNVERSIONED / "sqlite.sql").read_text("utf-8").split(";\n")[:-1])
    assert export(url, tmp_path / "captures.jsonl") == 3
    run_sql(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="newer version"):
        export(url, tmp_path / "captures.jsonl")


def start(*command: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def test_processes_migrate_one_database(unversioned: str, rows: Rows) -> None:
    code = (
        "import sys; from pdfspider.records.engine import migrate_tables, read_url; "
        "migrate_tables(read_url(sys.argv[1]), 60)"
    )
    processes = [start("-c", code, unversioned) for _ in range(3)]
    said = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, said
    assert rows("SELECT version_num FROM alembic_version") == [{"version_num": REVISION}]
    assert len(rows("SELECT * FROM captures")) == 3


def test_alembic_is_not_loaded_where_nothing_is_to_be_migrated(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pdfspider.records import Database\n"
        "for _ in range(2): asyncio.run(Database.open(sys.argv[1]))\n"
        "print([name for name in sys.modules if name.startswith(('alembic', 'mako'))])"
    )
    process = start("-c", code, f"sqlite:///{tmp_path}/pdfs.db")
    assert process.communicate(timeout=100)[0] == "[]\n"


def scrapy(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    named = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
    return fork_server.run(["scrapy", *arguments, *named])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command(unversioned: str, rows: Rows, tmp_path: Path) -> None:
    done = scrapy("migrate", DATABASE_URL=unversioned, DATA_DIR=tmp_path / "data")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"(revision {REVISION})" in done.stdout
    assert len(rows("SELECT * FROM captures")) == 3
    run_sql(unversioned, "UPDATE alembic_version SET version_num = '9999'")
    done = scrapy("migrate", DATABASE_URL=unversioned, DATA_DIR=tmp_path / "data")
    assert (done.returncode, done.stdout) == (1, "")
    assert "newer version" in done.stderr
    assert done.stderr.count("\n") == 1


def test_tables_that_are_not_ours_are_no_earlier_version(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE others (name TEXT)")
    engine = connect(read_url(database_url), patience=1, writes=True)
    with engine.begin() as connection:
        migration.ensure_tables(connection, migrate=False)
        assert migration.revision_of(connection) == REVISION
    engine.dispose()
    assert {"others", "captures"} <= tables(database_url).keys()
