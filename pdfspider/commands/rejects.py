"""``scrapy rejects``: list, show and resend rejected messages."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import FrontierCommand, say
from pdfspider.exceptions import ConfigurationError, InvalidInput, PdfSpiderError
from pdfspider.formatting import counted, moment, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.gateway.rejects import SetAside

START_URLS = "start_urls"
DEFAULT_LIMIT = 100
MAX_SHOWN = 60
PIPE_WIDTH = 160


class Command(FrontierCommand, ScrapyCommand):
    """The command ``rejects``."""

    def syntax(self) -> str:
        return "[options] [NAME [ID ...]]"

    def short_desc(self) -> str:
        return "List, show and resend rejected messages"

    def long_desc(self) -> str:
        return (
            "List the messages that the transports of GATEWAY_URLS and the workers have set aside. NAME selects one "
            f"transport, or {START_URLS} for the workers. With IDs, the messages are shown whole, in JSON."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object for each message")
        parser.add_argument("--raw", action="store_true", help="print the message with this ID as it came")
        parser.add_argument("--resend", action="store_true", help="resend the messages with these IDs, or all of NAME")
        parser.add_argument(
            "--limit",
            metavar="N",
            type=int,
            default=DEFAULT_LIMIT,
            help=f"list at most N messages (default: {DEFAULT_LIMIT})",
        )

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        name, ids = (args[0] if args else ""), args[1:]
        if (opts.resend or opts.raw) and not name:
            raise UsageError("expected a NAME")
        if opts.raw and len(ids) != 1:
            raise UsageError("--raw needs one ID")
        if opts.limit < 1:
            raise InvalidInput(f"--limit {opts.limit} is less than 1")

        async def work(frontier: Frontier) -> None:
            async with _sources(config, frontier, name) as sources:
                if opts.resend:
                    await _resend(sources[name], ids)
                elif ids:
                    await _show(sources[name], ids, raw=opts.raw)
                else:
                    await _list(sources, opts.limit, as_json=opts.json)

        return work


@asynccontextmanager
async def _sources(
    config: Config, frontier: Frontier, name: str
) -> AsyncIterator[dict[str, AsyncGenerator[SetAside, None]]]:
    """Yield the places where transports and workers set messages aside, or only the one with that name."""
    from pdfspider.gateway.registry import make_transports
    from pdfspider.gateway.service import InspectionOnlyService

    made = make_transports(config.gateway.urls, InspectionOnlyService(config, frontier))
    try:
        sources = {START_URLS: frontier_rejects(frontier)} if name in ("", START_URLS) else {}
        for transport in made:
            if name in ("", transport.name) and (name or not transport.listens):
                sources[transport.name] = transport.rejects()
        if not sources:
            raise InvalidInput(f"{name} is none of the transports of GATEWAY_URLS")
        yield sources
    finally:
        for transport in made:
            await transport.close()


def frontier_rejects(frontier: Frontier) -> AsyncGenerator[SetAside, None]:
    """Yield the start URLs that workers have set aside."""
    from pdfspider.gateway.rejects import of_list

    return of_list(
        frontier.redis,
        f"{frontier.start_urls}:rejected",
        lambda rejected: frontier.redis.lpush(frontier.start_urls, rejected.message),
    )


async def _list(sources: dict[str, AsyncGenerator[SetAside, None]], limit: int, *, as_json: bool) -> None:
    found: list[tuple[str, SetAside]] = []
    problems: list[str] = []
    for name, source in sources.items():
        try:
            async with aclosing(source) as messages:
                async for one in messages:
                    if len(found) >= limit:
                        break
                    found.append((name, one))
        except (PdfSpiderError, RedisError) as error:
            problems.append(f"{name}: {error}")
    if as_json:
        for name, one in found:
            say(json.dumps({"from": name, "id": one.id, **_said(one)}, ensure_ascii=False))
    else:
        Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(_table(found))
    if problems:
        raise ConfigurationError("\n".join(problems))


def _table(found: Sequence[tuple[str, SetAside]]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=True)
    for column in ("from", "id", "time"):
        table.add_column(column, no_wrap=True)
    for column in ("reason", "message"):
        table.add_column(column, overflow="fold")
    for name, one in found:
        table.add_row(name, one.id, moment(one.rejected.time), *map(_cell, (one.rejected.reason, _beginning(one))))
    return table


def _cell(text: str) -> str:
    return escape(printable(text))


async def _show(source: AsyncGenerator[SetAside, None], ids: Sequence[str], *, raw: bool) -> None:
    found = set()
    async with aclosing(source) as messages:
        async for one in messages:
            if one.id not in ids or one.id in found:
                continue
            found.add(one.id)
            if raw:
                sys.stdout.buffer.write(one.rejected.message)
            else:
                say(json.dumps({"id": one.id, **_said(one)}, ensure_ascii=False, indent=2))
    _check(ids, found)


async def _resend(source: AsyncGenerator[SetAside, None], ids: Sequence[str]) -> None:
    found: set[str] = set()
    sent = cut = 0
    async with aclosing(source) as messages:
        async for one in messages:
            if ids and one.id not in ids:
                continue
            found.add(one.id)
            if one.rejected.cut:
                cut += 1
            else:
                await one.send_again()
                sent += 1
    say(f"{counted(sent, 'message')} sent again")
    _check(ids, found)
    if cut:
        raise ConfigurationError(f"{counted(cut, 'message')} left: they were too large to be kept whole")


def _check(ids: Sequence[str], found: set[str]) -> None:
    if missing := [identity for identity in ids if identity not in found]:
        raise InvalidInput(f"nothing was set aside with the id {', '.join(missing)}")


def _said(one: SetAside) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(one.rejected.dump())
    return said


def _beginning(one: SetAside) -> str:
    return one.rejected.message[:MAX_SHOWN].decode("utf-8", "backslashreplace")
