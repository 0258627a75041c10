"""The table of all faults."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.faults.audit import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 20
COLUMNS = (
    "runs",
    "injected",
    "URLs",
    "lost",
    "missing",
    "doubled or\nmisclassed",
    "fetched\nagain",
    "at most",
    "gate\nviolations",
    "went on\nwithin s",
    "available\nafter lease",
)


def show(rows: Iterable[Row], skipped: dict[str, str]) -> None:
    """Prints it, and below it what was noticed and what was skipped."""
    rows = list(rows)
    table = Table()
    table.add_column("fault")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        numbers = (row.runs, row.injected, row.urls, row.lost, row.missing, row.wrong, row.again, row.bound, row.gate)
        times = (f"{row.silence:.1f}", f"{row.recovery:+.1f} s" if row.recovery > -inf else "")
        table.add_row(row.fault, *map(str, numbers), *times, style=None if row.good else "bold red")
    console = Console(width=max(Console().width, 150))
    console.print(table)
    total = Row("all")
    for row in rows:
        total.add(row)
    console.print(
        f"{total.injected} faults in {total.runs} crawls of {total.urls:,} URLs: {total.lost} lost, {total.missing} "
        f"documents missing, {total.wrong} doubled or misclassed, {total.gate} gate violations, {total.again} fetched "
        f"again (at most {total.bound} expected)"
    )
    for name, reason in skipped.items():
        console.print(f"skipped: {name}: {reason}")
    for row in rows:
        for note in row.notes[-SHOWN:]:
            console.print(f"{row.fault}: {note}", style="red", markup=False)
