"""``scrapy migrate``: brings what an earlier version wrote to the present form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import Ours, say
from pdfspider.records.engine import migrate_tables, read_url
from pdfspider.records.schema import REVISION

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pdfspider.config import Config

PATIENCE = 30.0
"""Seconds for which a locked database is tried again."""


def migrate_database(config: Config) -> str:
    """Create or migrate the database's tables; return a line that says so. Raises ConfigurationError."""
    url = read_url(config.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return f"database: there is none at {config.shown_database}"
    migrate_tables(url, PATIENCE)
    return f"database: {config.shown_database} has the tables of this version (revision {REVISION})"


PARTS: tuple[Callable[[Config], str], ...] = (migrate_database,)
"""Each migrates one part and returns a line that says what it found."""


class Command(Ours, ScrapyCommand):
    def syntax(self) -> str:
        return ""

    def short_desc(self) -> str:
        return "Bring what an earlier version wrote to the form of this one"

    def long_desc(self) -> str:
        return (
            "Migrates the tables of the database. A worker does so by itself with SQLite; with PostgreSQL it refuses "
            "to start until this command was run. What is up to date is left as it is."
        )

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError("expected no argument")
        for part in PARTS:
            say(part(config))
