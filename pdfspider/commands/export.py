"""``scrapy export``: captures and their documents as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import only, read_config, reporting, say
from pdfspider.crawl.wording import counted
from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import job_name
from pdfspider.records import export

if TYPE_CHECKING:
    import argparse


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings = {"LOG_ENABLED": False}  # noqa: RUF012 - declared by Scrapy

    def syntax(self) -> str:
        return "[options] FILE.jsonl|FILE.csv|FILE.parquet"

    def short_desc(self) -> str:
        return "Write captures and their documents to a file"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--job", metavar="NAME", help="only those of this job")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        path = only(args, "one file")
        with reporting(self):
            job = job_name(opts.job) if opts.job else None
            number = export(read_config(self.settings).database_url, path, job)
            if job and not number:
                raise InvalidInput(f"there are no captures of a job {job!r}: {path} is empty")
            say(f"{counted(number, 'capture')} written to {path}")
