"""A process that writes captures: ``python writing.py URL NAME [COUNT]``; prints what each write answered."""

from __future__ import annotations

import asyncio
import itertools
import sys

from pdfspider.items import Capture, Outcome
from pdfspider.records import Database

AT_ONCE = 16


def capture(name: int, number: int) -> Capture:
    """The processes visit URLs of their own that lead to the same documents."""
    return Capture(
        job="default",
        run=1,
        fingerprint=name * 10**9 + number,
        token="1",
        url=f"http://a.test/{name}/{number}",
        outcome=Outcome.DOCUMENT,
        sha256=f"{number:064x}",
        size=number,
    )


async def write_some(database: Database, name: int, numbers: itertools.islice[int]) -> None:
    for number in numbers:
        visit = capture(name, number)
        outcome = await database.write(visit)
        print(visit.fingerprint, outcome.value, flush=True)


async def main(url: str, name: int, count: int | None) -> None:
    database = await Database.open(url)
    print("id", await database.database_id(), flush=True)
    numbers = itertools.islice(itertools.count(), count)
    await asyncio.gather(*(write_some(database, name, numbers) for _ in range(AT_ONCE)))
    await database.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
