"""The appearance of progress and summary."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from pdfspider.formatting import (
    FAILURE_OUTCOMES,
    FOUND_OUTCOMES,
    LEFT_OUT_OUTCOMES,
    OUTCOME_MEANINGS,
    clock,
    said_rate,
    said_size,
    said_time,
)
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pdfspider.crawl.progress.job_stats import JobStats, Rates

QUIET_STYLE, LOUD_STYLE = "dim", "bold"
COLUMNS = ((9, False), (10, True), (15, False), (7, False), (10, True), (2, False), (7, False), (9, True))
"""Widths of the panel's columns, and which hold numbers."""
LABELS = {Outcome.DOCUMENT: "documents", Outcome.DUPLICATE: "duplicates", Outcome.PAGE: "pages"}


def panel(job_stats: JobStats, paces: Rates, elapsed: float, *notes: str) -> RenderableType:
    """Return the panel at the foot of a terminal: four lines of at most 80 columns, and what else there is to say."""
    more = [text for text in (_troubles(job_stats), *notes) if text]
    return Group(_head(job_stats, paces, elapsed), _body(job_stats, paces), *(_note(text) for text in more))


def _note(text: str) -> Text:
    return Text(text, QUIET_STYLE, no_wrap=True, overflow="ellipsis")


def _troubles(job_stats: JobStats) -> str:
    """Return how many URLs ended in which classes other than those that bring something, the most frequent first."""
    counts = {each.value: job_stats.classes.get(each.value, 0) for each in FAILURE_OUTCOMES + LEFT_OUT_OUTCOMES}
    found = sorted(((number, name) for name, number in counts.items() if number), reverse=True)
    return ", ".join(f"{number:,} {name}" for number, name in found)


def _head(job_stats: JobStats, paces: Rates, elapsed: float) -> Table:
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(no_wrap=True, overflow="ellipsis")
    head.add_column(ratio=1)
    head.add_column(no_wrap=True)
    name = Text.assemble((job_stats.name, LOUD_STYLE), (f"  {job_stats.state}", QUIET_STYLE))
    until = "" if paces.eta is None else f"  ETA {said_time(paces.eta)}"
    head.add_row(name, Rule(style=QUIET_STYLE), Text.assemble((clock(elapsed), QUIET_STYLE), (until, LOUD_STYLE)))
    return head


def _body(job_stats: JobStats, paces: Rates) -> Table:
    body = Table.grid(padding=(0, 1))
    for width, right in COLUMNS:
        body.add_column(width=width, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    size, rate, bytes_rate = said_size(job_stats.bytes), said_rate(paces.urls.per_second), f"{said_size(paces.bytes)}/s"
    hosts = ("hosts", job_stats.hosts) if job_stats.hosts is not None else ("", "")
    here = ("here", f"{paces.own.per_second:.1f}/s") if job_stats.workers > 1 else ("", "")
    rows: tuple[tuple[str | int, ...], ...] = (
        ("documents", job_stats.documents, size, "queued", job_stats.queued, "", *hosts),
        ("pages", job_stats.pages, rate, "delayed", job_stats.delayed, "", "workers", job_stats.workers),
        ("failures", job_stats.failures, bytes_rate, "leased", job_stats.leased, "", *here),
    )
    for row in rows:
        body.add_row(*map(_cell, row))
    return body


def _cell(content: str | int) -> Text:
    return Text(f"{content:,}", LOUD_STYLE) if isinstance(content, int) else Text(content, QUIET_STYLE)


def line(job_stats: JobStats, paces: Rates, why: str = "") -> str:
    """Return the progress as one line of a log."""
    return (
        f"{job_stats.name}: {job_stats.documents:,} documents ({said_size(job_stats.bytes)}), "
        f"{job_stats.pages:,} pages, "
        f"{job_stats.failures:,} failures; {job_stats.queued:,} queued, {job_stats.delayed:,} delayed, "
        f"{job_stats.leased:,} leased; {said_rate(paces.urls.per_second)}"
        + ("" if paces.eta is None else f", ETA {said_time(paces.eta)}")
        + (f". {why}" if why and not paces.urls.per_second else "")
    )


@dataclass(frozen=True, slots=True)
class LocationLine:
    """A line of the summary that names a place or a command."""

    label: str
    text: str


def summary(title: str, job_stats: JobStats, places: Sequence[LocationLine]) -> RenderableType:
    """Return the summary: what was found, what failed and why, and where things are."""
    where = [Text(f"  {place.label:<12}  {place.text}", no_wrap=True, overflow="ignore") for place in places]
    return Group(Text(title, LOUD_STYLE), Text(), Padding(_outcomes(job_stats), (0, 0, 0, 2)), Text(), *where)


def _outcomes(job_stats: JobStats) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=12, no_wrap=True)
    table.add_column(min_width=9, justify="right", no_wrap=True)
    table.add_column()
    shown = dict.fromkeys((Outcome.DOCUMENT.value, Outcome.PAGE.value), 0) | dict(job_stats.classes)
    notes = {**OUTCOME_MEANINGS, Outcome.DOCUMENT: said_size(job_stats.bytes)}
    for heading, outcomes in (("", FOUND_OUTCOMES), ("left out", LEFT_OUT_OUTCOMES), ("failures", FAILURE_OUTCOMES)):
        found = {outcome: shown[outcome.value] for outcome in outcomes if outcome.value in shown}
        if heading and found:
            table.add_row()
            table.add_row(Text(heading), _cell(sum(found.values())))
        for outcome, number in found.items():
            label = f"  {outcome.value}" if heading else LABELS.get(outcome, outcome.value)
            table.add_row(Text(label), _cell(number), Text(notes[outcome], QUIET_STYLE))
    return table


def plain(renderable: RenderableType) -> str:
    """Return a renderable as lines of text for a log."""
    text = io.StringIO()
    Console(file=text, width=120, color_system=None, force_terminal=False).print(renderable, crop=False)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
