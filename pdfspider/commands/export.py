"""``scrapy export``: write captures and their documents to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import ProjectCommand, only, say
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import counted
from pdfspider.frontier.jobs import job_name
from pdfspider.records import export

if TYPE_CHECKING:
    import argparse

    from pdfspider.config import Config


class Command(ProjectCommand, ScrapyCommand):
    """The command ``export``."""

    def syntax(self) -> str:
        return "[options] FILE.jsonl|FILE.csv|FILE.parquet"

    def short_desc(self) -> str:
        return "Write captures and their documents to a file"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--job", metavar="NAME", help="only this job")
        parser.add_argument("--raw", action="store_true", help="CSV: texts as they are, also those like formulas")

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        path, job = only(args, "one file"), job_name(opts.job) if opts.job else None
        number = export(config.database_url, path, job, raw=opts.raw)
        if job and not number:
            raise InvalidInput(f"there are no captures of a job {job!r}: {path} is empty")
        say(f"{counted(number, 'capture')} written to {path}")
