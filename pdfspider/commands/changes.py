"""``scrapy changes``: show what has changed in a job since an earlier run."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import ProjectCommand, one_job, require_database, say
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import said_size
from pdfspider.records import Database

if TYPE_CHECKING:
    import argparse

    from pdfspider.config import Config
    from pdfspider.records.changes import Change


class Command(ProjectCommand, ScrapyCommand):
    """The command ``changes``."""

    def syntax(self) -> str:
        return "[options] JOB"

    def short_desc(self) -> str:
        return "Show what has changed in a job since an earlier run"

    def long_desc(self) -> str:
        return "Show the documents of a job that are new, have changed, or are gone since an earlier run."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        known = "a run's number or a day such as 2026-11-01 (default: the run before the newest)"
        parser.add_argument("--since", metavar="RUN", help=known)
        parser.add_argument("--json", action="store_true", help="print one JSON object on each line")

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        job, since = one_job(args), _since(opts.since)
        require_database(config)
        asyncio.run(_show(config, job, since, as_json=opts.json))


def _since(text: str | None) -> int | None:
    """Return the number of a run, which is the time at which it was opened in milliseconds."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,15}", text):
        return int(text)
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise InvalidInput(f"--since {text}: neither the number of a run nor a day such as 2026-11-01") from None


async def _show(config: Config, job: str, since: int | None, *, as_json: bool) -> None:
    found: Counter[str] = Counter()
    records = await Database.open(config.database_url)
    try:
        async with aclosing(records.changes(job, since)) as changes:
            async for change in changes:
                found[change.change] += 1
                say(json.dumps(change._asdict(), ensure_ascii=False) if as_json else _line(change))
    finally:
        await records.close()
    if not as_json:
        say(f"{found['new']:,} new, {found['changed']:,} changed, {found['gone']:,} gone")


def _line(change: Change) -> str:
    size = f" ({said_size(change.size)})" if change.size else ""
    return f"{change.change:<7}  {change.url}{size}"
