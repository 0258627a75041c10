"""The table of all faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.audit import Row

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
        table.add_row(row.fault, *map(str, numbers), f"{row.silence:.1f}", style=None if row.good else "bold red")
    console = Console(width=max(Console().width, 150))
    console.print(table)
    console.print(f"{sum(row.injected for row in rows)} faults injected")
    for name, reason in skipped.items():
        console.print(f"skipped: {name}: {reason}")
    for row in rows:
        for note in row.notes:
            console.print(f"{row.fault}: {note}", style="red", markup=False)
