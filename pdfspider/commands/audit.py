"""``scrapy audit``: check that the frontier's keys agree with each other.

Scrapy names a command after its module, so its name cannot contain a hyphen. ``check`` is one of Scrapy's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import FrontierCommand, say
from pdfspider.formatting import counted

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.audit import AuditReport
    from pdfspider.frontier.frontier import Frontier


class Command(FrontierCommand, ScrapyCommand):
    """The command ``audit``."""

    def syntax(self) -> str:
        return ""

    def short_desc(self) -> str:
        return "Check that the frontier's keys agree with each other"

    def long_desc(self) -> str:
        return (
            "Check that each URL is in one state, that counters are right, that leases have owners, and that nothing "
            "waits for ever. Workers may run meanwhile. Each finding is a line with the key and the rule that it "
            "breaks. With findings, the exit code is 1."
        )

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if args:
            raise UsageError("expected no argument")
        from pdfspider.frontier.audit import audit

        async def work(frontier: Frontier) -> None:
            report = await audit(frontier.redis)
            for line in report.lines():
                say(line)
            say(_summary(report))
            self.exitcode = 1 if report.findings else 0

        return work


def _summary(report: AuditReport) -> str:
    found = counted(len(report.findings), "finding") if report.findings else "no findings"
    numbers = {"run": report.runs, "URL": report.urls, "host": report.hosts, "lease": report.leases}
    return f"{', '.join(counted(number, name) for name, number in numbers.items())} checked, {found}"
