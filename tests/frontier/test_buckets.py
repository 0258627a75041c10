"""Links that were chosen to fill one bucket of seen fingerprints."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

import pytest

from pdfspider.frontier.entries import Entry
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import FREE, on_one_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.frontier.rig import Rig

SLOTS = 512
"""The most entries of a hash in its compact form."""


def chosen(count: int) -> Sequence[Entry]:
    """Links whose fingerprints are alike in the bytes that tell more about a bucket than others, if there are any."""
    prints = (struct.pack("<IHH", 64, *divmod(i, 2**16)) for i in range(count))
    return [Entry(url=f"http://evil.test/{i:x}", fingerprint=fp, host="evil.test") for i, fp in enumerate(prints)]


async def check_whole_job(rig: Rig, count: int) -> None:
    run = (await rig.submit("victim", "http://evil.test/", seal=True)).run
    worker = rig.worker()
    await worker.commit(await worker.one(), Outcome.PAGE, *chosen(count))
    await audit(rig.redis)
    sizes = [await rig.redis.hlen(key) async for key in rig.redis.scan_iter(f"{{pdfs}}:seen:{run}:*", count=1000)]
    assert sum(sizes) == count + 1
    assert max(sizes) <= SLOTS
    ended = 0
    while leases := await worker.lease(500):
        await asyncio.gather(*(worker.commit(lease, Outcome.OTHER) for lease in leases))
        ended += len({lease.entry for lease in leases})
    assert ended == count
    status = await rig.status("victim")
    assert (status["state"], status["done"]) == ("finished", count + 1)


@on_one_server
async def test_six_thousand_chosen_links_of_one_page_end_with_their_job(rig: Rig) -> None:
    await check_whole_job(rig, 6_200)


@pytest.mark.slow
async def test_a_hundred_thousand_chosen_links_of_one_page_end_with_their_job(rig: Rig) -> None:
    await check_whole_job(rig, 100_000)


async def test_every_frontier_has_buckets_of_its_own(rig: Rig) -> None:
    """Nobody can find out with a frontier of his own which links share a bucket in another."""
    places = []
    for _ in range(2):
        run = (await rig.submit("j", *chosen(2_000))).run
        keys = [key async for key in rig.redis.scan_iter(f"{{pdfs}}:seen:{run}:*")]
        places.append({frozenset(await rig.redis.hkeys(key)) for key in keys})
        await rig.redis.flushall()
    assert not places[0] & places[1]


@pytest.mark.parametrize("first", [1, 95, 97, 500, 512])
async def test_buckets_stay_small_while_a_job_grows(rig: Rig, first: int) -> None:
    entries = chosen(4_000)
    run = (await rig.submit("j", *entries[:first])).run
    for i in range(first, len(entries), 450):
        assert (await rig.submit("j", *entries[i : i + 450], options=FREE)).added == len(entries[i : i + 450])
        assert (await rig.submit("j", *entries[max(i - 100, 0) : i])).added == 0
    await audit(rig.redis)
    sizes = [await rig.redis.hlen(key) async for key in rig.redis.scan_iter(f"{{pdfs}}:seen:{run}:*")]
    assert sum(sizes) == len(entries)
    assert max(sizes) <= SLOTS
