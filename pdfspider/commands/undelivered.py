"""``scrapy undelivered``: list results that masters have refused, or send them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import FrontierCommand, say
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import counted, moment
from pdfspider.frontier.jobs import job_name
from pdfspider.frontier.results.undelivered import TRANSPORTS_KEY, Undelivered, send_again, undelivered

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier


class Command(FrontierCommand, ScrapyCommand):
    """The command ``undelivered``."""

    def syntax(self) -> str:
        return "[options] [TRANSPORT]"

    def short_desc(self) -> str:
        return "List results that masters have refused, or send them again"

    def long_desc(self) -> str:
        return (
            "List the results that a webhook or a broker has refused for good, of one transport or of all. With "
            "--again they are published again, with the same ids."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--again", action="store_true", help="publish them again")
        parser.add_argument("--job", metavar="NAME", help="only this job")
        parser.add_argument("--json", action="store_true", help="print one JSON object for each")

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if len(args) > 1:
            raise UsageError("expected at most one transport")
        transport = args[0] if args else None
        job = job_name(opts.job) if opts.job else None

        async def work(frontier: Frontier) -> None:
            number = 0
            if transport:
                await _check(config, frontier, transport)
            async for result in undelivered(frontier.redis, transport):
                if job in (None, result.job):
                    number += 1
                    say(json.dumps(_fields(result)) if opts.json else _line(result))
                    if opts.again:
                        await send_again(frontier.redis, result)
            if not opts.json:
                say(f"{counted(number, 'result')} {'will be published again' if opts.again else 'undelivered'}")

        return work


async def _check(config: Config, frontier: Frontier, name: str) -> None:
    """Raise InvalidInput if no transport has this name, neither in GATEWAY_URLS nor among those that had results."""
    from pdfspider.gateway.registry import make_transports
    from pdfspider.gateway.service import InspectionOnlyService

    client: Any = frontier.redis
    names = {known.decode() for known in await client.smembers(TRANSPORTS_KEY)}
    for transport in make_transports(config.gateway.urls, InspectionOnlyService(config, frontier)):
        names.add(transport.name)
        await transport.close()
    if name not in names:
        raise InvalidInput(f"{name} is none of the transports of GATEWAY_URLS")


def _fields(result: Undelivered) -> dict[str, Any]:
    task = json.loads(result.record)
    return {
        "transport": result.transport,
        "job": result.job,
        "run": result.run,
        "task_id": task["task_id"],
        "reason": result.reason,
        "time": result.time,
    }


def _line(result: Undelivered) -> str:
    return f"{moment(result.time)}Z  {result.transport}  job {result.job}  {result.reason}"
