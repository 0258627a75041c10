"""``scrapy block``: block hosts and patterns of URLs while jobs run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import FrontierCommand, say
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import counted, moment
from pdfspider.frontier.block_rules import BlockRule, BlockRules
from pdfspider.frontier.jobs import job_name

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier


class Command(FrontierCommand, ScrapyCommand):
    """The command ``block``."""

    def syntax(self) -> str:
        return "[options] [HOST | PATTERN]"

    def short_desc(self) -> str:
        return "Block a host or a pattern of URLs while jobs run"

    def long_desc(self) -> str:
        return (
            "Block a host, or a pattern: a whole URL in which * stands for any text. URLs that are blocked end as "
            "blocked without being fetched. Without an argument, what is blocked is listed."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--job", metavar="NAME", help="only in this job (default: in all)")
        parser.add_argument("--preview", action="store_true", help="show what it would drop, and block nothing")
        parser.add_argument("--remove", metavar="ID", help="do not block this any more")

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if len(args) > 1 or (opts.preview and not args):
            raise UsageError("expected one host or pattern")
        job = job_name(opts.job) if opts.job else ""
        rule = _rule(args[0], job).check() if args else None

        async def work(frontier: Frontier) -> None:
            rules = BlockRules(frontier.redis)
            if opts.remove:
                if not await rules.remove([opts.remove]):
                    raise InvalidInput(f"nothing is blocked with the id {opts.remove}")
                say("not blocked any more")
            elif rule is None:
                await _list(rules)
            else:
                run = await frontier.run_of(job) if job else None
                if opts.preview:
                    await _preview(frontier, rule, run)
                else:
                    known = await rules.add(rule)
                    say(f"{known.id}  {known}: blocked; workers follow within a second or two")

        return work


def _rule(text: str, job: str) -> BlockRule:
    return BlockRule(pattern=text, job=job) if "/" in text or "*" in text else BlockRule(host=text.lower(), job=job)


async def _list(rules: BlockRules) -> None:
    await rules.refresh()
    for rule in rules.rules:
        say(f"{rule.id}  {moment(rule.since)}Z  {rule}")
    say(f"{counted(len(rules.rules), 'host or pattern', 'hosts and patterns')} blocked")


async def _preview(frontier: Frontier, rule: BlockRule, run: int | None) -> None:
    preview = await frontier.steering.preview(rule, run)
    for url in preview.examples:
        say(url)
    say(f"{preview.matched:,} of {counted(preview.looked_at, 'URL')} looked at, of {preview.waiting:,} that wait there")
