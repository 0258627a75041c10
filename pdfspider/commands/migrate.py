"""``scrapy migrate``: migrate data that an earlier version wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import ProjectCommand, redis_url, say
from pdfspider.frontier.connection import check, connect
from pdfspider.frontier.migration import migrate
from pdfspider.records.engine import migrate_tables, read_url
from pdfspider.records.schema import REVISION

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pdfspider.config import Config

LOCK_TIMEOUT_S = 30.0
"""Seconds for which a locked database is tried again."""


def migrate_database(config: Config) -> str:
    """Create or migrate the database's tables, and return a line about it.

    Raises ConfigurationError.
    """
    url = read_url(config.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return f"database: none at {config.shown_database}"
    migrate_tables(url, LOCK_TIMEOUT_S)
    return f"database: {config.shown_database} has the tables of this version (revision {REVISION})"


def migrate_frontier(config: Config) -> str:
    """Migrate the frontier's keys; return a line that says so. Raises ConfigurationError."""
    if config.redis_url is None and not (config.data_dir / "redis" / "version").exists():
        return f"frontier: there is none in {config.data_dir}"
    with redis_url(config) as url:
        return asyncio.run(_migrate_keys(config, url))


async def _migrate_keys(config: Config, url: str) -> str:
    await check(url, **config.redis_params)
    redis = connect(url, **config.redis_params)
    try:
        return await migrate(redis)
    finally:
        await redis.aclose()


PARTS: tuple[Callable[[Config], str], ...] = (migrate_database, migrate_frontier)
"""Functions that migrate one part each, and return a line about it."""


class Command(ProjectCommand, ScrapyCommand):
    """The command ``migrate``."""

    def syntax(self) -> str:
        return ""

    def short_desc(self) -> str:
        return "Migrate the data of an earlier version"

    def long_desc(self) -> str:
        return (
            "Migrate the tables of the database, and the keys of the frontier while no worker runs. A worker migrates "
            "a SQLite database by itself; it refuses to use other old data until this command has run. Data that is up "
            "to date is not changed."
        )

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError("expected no argument")
        for part in PARTS:
            say(part(config))
