"""``scrapy inspect``: inspect the documents that no worker has inspected."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import ProjectCommand, require_database, say
from pdfspider.crawl.inspection.service import BATCH_SIZE, UNAVAILABLE_STATUS, InspectionService
from pdfspider.documents.copies import DirectoryCopies
from pdfspider.documents.inspection.report import InspectionStatus
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import counted
from pdfspider.frontier.jobs import job_name
from pdfspider.records import Database

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies

PROGRESS_INTERVAL_S = 10.0
"""Seconds between two progress lines."""
ALL = "all"


class Command(ProjectCommand, ScrapyCommand):
    """The command ``inspect``."""

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Inspect the documents that were not inspected yet"

    def long_desc(self) -> str:
        return (
            "Inspect the stored documents that have no inspection yet: pages, title, dates, whether there is text, and "
            "so on. Workers may run meanwhile."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--job", metavar="NAME", help="only this job")
        parser.add_argument(
            "--again",
            metavar="STATUS",
            nargs="?",
            const=ALL,
            help="inspect again: all documents, or those with this status",
        )

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(f"unexpected: {args[0]}")
        job = job_name(opts.job) if opts.job else None
        if opts.again not in (None, ALL, *InspectionStatus):
            raise InvalidInput(f"--again {opts.again}: no such status (known: {', '.join(InspectionStatus)})")
        require_database(config)
        counts = asyncio.run(_inspect(config, self._copies(config), job, "" if opts.again == ALL else opts.again))
        say(_summary(counts))
        self.exitcode = 1 if counts[UNAVAILABLE_STATUS] else 0

    def _copies(self, config: Config) -> Copies:
        assert self.settings is not None
        if config.store_directory is not None:
            return DirectoryCopies(config.store_directory)
        from pdfspider.crawl.inspection.downloads import S3Copies

        return S3Copies(config.files_store, self.settings)


async def _inspect(config: Config, copies: Copies, job: str | None, again: str | None) -> Counter[str]:
    counts: Counter[str] = Counter()
    records = await Database.open(config.database_url)
    inspections = InspectionService(config, records, copies, lambda how: counts.update([how]))
    reporting = asyncio.create_task(_tell(counts))
    groups = _groups(records.to_inspect(job, again))
    taking = asyncio.Lock()
    try:
        await asyncio.gather(*(_work(inspections, groups, taking) for _ in range(config.inspect_processes)))
    finally:
        reporting.cancel()
        await inspections.close()
        await records.close()
    return counts


async def _groups(hashes: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    group: list[str] = []
    async for sha256 in hashes:
        group.append(sha256)
        if len(group) == BATCH_SIZE:
            yield group
            group = []
    yield group


async def _work(inspections: InspectionService, groups: AsyncIterator[list[str]], taking: asyncio.Lock) -> None:
    while True:
        async with taking:
            group: list[str] = await anext(groups, [])
        if not group:
            return
        while group:
            group = group[len(await inspections.inspect(group)) :]


async def _tell(counts: Counter[str]) -> None:
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL_S)
        say(_summary(counts))


def _summary(counts: Counter[str]) -> str:
    done = [f"{counts[status]:,} {status}" for status in InspectionStatus if counts[status]]
    lost = f"; {counted(counts[UNAVAILABLE_STATUS], 'document')} not in the store" if counts[UNAVAILABLE_STATUS] else ""
    number = sum(counts.values()) - counts[UNAVAILABLE_STATUS]
    return counted(number, "document") + " inspected" + (f": {', '.join(done)}" if done else "") + lost
