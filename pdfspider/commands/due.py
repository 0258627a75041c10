"""``scrapy due``: show when the hosts of a job are due again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import ProjectCommand, one_job, require_database, say
from pdfspider.exceptions import JobNotFound
from pdfspider.formatting import counted, said_time
from pdfspider.records import Database
from pdfspider.submission.recrawl_schedule import visited

if TYPE_CHECKING:
    import argparse

    from pdfspider.config import Config
    from pdfspider.records.visits import HostVisits


class Command(ProjectCommand, ScrapyCommand):
    """The command ``due``."""

    def syntax(self) -> str:
        return "JOB"

    def short_desc(self) -> str:
        return "Show when the hosts of a job are due again"

    def long_desc(self) -> str:
        return "Show when each host of a job is due again, according to the changes that its runs have seen there."

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        job, now = one_job(args), time.time()
        require_database(config)
        known = asyncio.run(_visited(config, job, int(now * 1000)))
        if not known:
            raise JobNotFound(f"the database has no run of a job {job!r}")
        for host, visits in sorted(known.items(), key=lambda item: (item[1].due, item[0])):
            say(_line(host, visits, now))
        number = sum(visits.due <= now for visits in known.values())
        say(f"{number:,} of {counted(len(known), 'host')} due")


async def _visited(config: Config, job: str, at: int) -> dict[str, HostVisits]:
    records = await Database.open(config.database_url)
    try:
        return await visited(config, records, job, at)
    finally:
        await records.close()


def _line(host: str, visits: HostVisits, now: float) -> str:
    when = "due" if visits.due <= now else f"due on {time.strftime('%Y-%m-%d %H:%M', time.gmtime(visits.due))} UTC"
    return f"{host}: {when}, every {said_time(visits.interval)}"
