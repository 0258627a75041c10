"""``scrapy resume``: let a paused job go on."""

from __future__ import annotations

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import FrontierCommand
from pdfspider.commands._control import JobControlCommand


class Command(JobControlCommand, FrontierCommand, ScrapyCommand):
    """The command ``resume``."""

    action = "resume"
    state = "running"

    def short_desc(self) -> str:
        return "Let a paused job go on"
