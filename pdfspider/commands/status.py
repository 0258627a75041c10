"""``scrapy status``: show jobs, hosts and workers."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import FrontierCommand, say
from pdfspider.formatting import OUTCOME_MEANINGS, OUTCOMES_BY_NAME, counted, printable, said_size
from pdfspider.frontier.jobs import COUNTERS, job_name
from pdfspider.frontier.reports.fleet import read_fleet
from pdfspider.frontier.reports.transports import read_states
from pdfspider.items import Outcome

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier

PIPE_WIDTH = 160
EMPTY_STATUS: dict[str, Any] = {
    "jobs": {},
    "hosts": {"waiting": 0, "breakers_open": 0},
    "workers": {},
    "transports": [],
}


class Command(FrontierCommand, ScrapyCommand):
    """The command ``status``."""

    def syntax(self) -> str:
        return "[options] [JOB]"

    def short_desc(self) -> str:
        return "Show jobs, hosts and workers"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print one JSON object")
        form.add_argument(
            "--workers-wanted",
            action="store_true",
            help="print how many workers could lease now",
        )

    def when_nothing(self, config: Config, opts: argparse.Namespace) -> None:
        if opts.workers_wanted:
            say("0")
        elif opts.json:
            say(json.dumps(EMPTY_STATUS))
        else:
            super().when_nothing(config, opts)

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if len(args) > 1:
            raise UsageError("expected at most one job")
        name = job_name(args[0]) if args else None

        async def work(frontier: Frontier) -> None:
            if opts.workers_wanted:
                fleet = await read_fleet(frontier.redis, frontier.start_urls, config.concurrency)
                say(str(fleet.workers_wanted))
                return
            status = await frontier.status(name)
            status["transports"] = [asdict(state) for state in await read_states(frontier.redis)]
            if opts.json:
                say(json.dumps(status))
            else:
                known, _ = await frontier.job_lists.counts()
                _show(status, 1 if name else known, classes=bool(name))

        return work


def _show(status: dict[str, Any], known: int, *, classes: bool) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    if status["jobs"]:
        console.print(_jobs(status["jobs"]))
    if classes:
        for job in status["jobs"].values():
            if job["classes"]:
                console.print(_classes(job))
    if status["transports"]:
        console.print(_transports(status["transports"]))
    leases = sum(worker["leases"] for worker in status["workers"].values())
    failing = status["hosts"]["breakers_open"]
    hosts = f"{counted(status['hosts']['waiting'], 'host')} waiting" + (f", {failing} failing" if failing else "")
    newest = f", of which the newest {len(status['jobs']):,}" if len(status["jobs"]) < known else ""
    console.print(
        f" {counted(known, 'job')}{newest}, {hosts}, "
        f"{counted(len(status['workers']), 'worker')} with {counted(leases, 'lease')}"
    )


def _transports(states: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=True)
    for name in ("transport", "gateway", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("received", "published"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last error", overflow="fold")
    for state in states:
        numbers = (f"{state[name]:,}" for name in ("received", "published"))
        table.add_row(state["transport"], state["gateway"], state["state"], *numbers, escape(printable(state["error"])))
    return table


def _jobs(jobs: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=True)
    table.add_column("job", overflow="fold")
    table.add_column("state", no_wrap=True)
    for name in (*COUNTERS, "documents"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, job in jobs.items():
        numbers = (f"{job[counter]:,}" for counter in (*COUNTERS, "documents"))
        table.add_row(name, job["state"], *numbers)
    return table


def _classes(job: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=True)
    table.add_column("class", no_wrap=True)
    table.add_column("URLs", justify="right", no_wrap=True)
    table.add_column("")
    notes = {**OUTCOME_MEANINGS, Outcome.DOCUMENT: said_size(job["bytes"])}
    for name, number in sorted(job["classes"].items(), key=lambda item: -item[1]):
        table.add_row(name, f"{number:,}", notes[OUTCOMES_BY_NAME[name]])
    return table
