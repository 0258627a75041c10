"""``scrapy pause``: stop leasing URLs of a job until it is resumed."""

from __future__ import annotations

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import FrontierCommand
from pdfspider.commands._control import JobControlCommand


class Command(JobControlCommand, FrontierCommand, ScrapyCommand):
    """The command ``pause``."""

    action = "pause"
    state = "paused"
    note = "; URLs that are leased already still end"

    def short_desc(self) -> str:
        return "Stop leasing URLs of a job until it is resumed"
