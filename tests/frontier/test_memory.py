"""Redis without memory takes every ending and no submit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from redis.exceptions import RedisError

from pdfspider.frontier.connection import is_out_of_memory, may_pass
from pdfspider.items import Outcome
from tests.frontier.rig import entry, pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.frontier.rig import Rig


@pytest_asyncio.fixture
async def limited(rig: Rig) -> AsyncIterator[Rig]:
    yield rig
    await rig.redis.config_set("maxmemory", 0)


async def test_all_but_a_submit_gets_through(limited: Rig) -> None:
    rig = limited
    await rig.submit("j", *pages(4))
    worker, other = rig.worker(), rig.worker("w2")
    page, later, permitted = await worker.lease(3)
    await other.one()
    assert await worker.frontier.memory() == 0
    await rig.redis.config_set("maxmemory", 1000)
    assert await worker.frontier.memory() > 1
    with pytest.raises(RedisError) as refused:
        await rig.submit("j", *pages(5, "b.test"))
    assert is_out_of_memory(refused.value)
    assert may_pass(refused.value)
    assert await worker.frontier.renew()
    await worker.frontier.started(worker.start(permitted))
    assert await worker.frontier.permit(permitted) >= 0
    await worker.commit(page, Outcome.PAGE, entry("http://a.test/child"))
    await worker.release(later, delay=1, counted=True)
    await rig.expire(worker)
    status = await rig.status("j")
    assert (status["done"], status["queued"], status["delayed"], status["leased"]) == (1, 2, 1, 1)
    assert await rig.control("j", "cancel") == "cancelling"
