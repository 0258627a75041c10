"""A request is not sent when its worker was stopped between its permit and the moment of sending."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pdfspider.crawl.fetch.errors import ReleaseRequested
from pdfspider.exceptions import LeaseLost
from pdfspider.frontier.leases import MAX_START_DELAY_S, Lease, LeaseKind
from tests.crawl.loopback import OK, serving
from tests.crawl.transfers import client, get, start, starts_until

if TYPE_CHECKING:
    import asyncio


@pytest.mark.parametrize(("left", "requests"), [(60.0, 1), (-1.0, 0)])
async def test_nothing_is_sent_once_the_leases_have_passed(left: float, requests: int) -> None:
    taken = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()

    async with serving(answer) as port, client() as made:
        url = f"http://127.0.0.1:{port}/"
        beginning = start(url, starts=starts_until(time.monotonic() + left))
        if requests:
            assert (await get(made, url, beginning))[1] == b"ok"
        else:
            with pytest.raises(LeaseLost):
                await get(made, url, beginning)
    assert len(taken) == requests


def test_a_turn_that_has_passed_is_given_back() -> None:
    starts = starts_until(time.monotonic() + 60)
    late = time.monotonic() - MAX_START_DELAY_S - 1
    for report in (False, True):
        lease = Lease("1", 1, LeaseKind.URL, starts_at=late, report=report, deliveries=1, expiries=0, entry=None)
        if report:
            with pytest.raises(ReleaseRequested):
                starts.check(lease)
        else:
            starts.check(lease)
