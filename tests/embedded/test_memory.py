"""How much memory the embedded Redis may use, and what happens where that is used up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import redis

from bench.server import serve
from bench.site import Site
from pdfspider.embedded import EmbeddedRedis
from pdfspider.embedded.memory import LEAST_MEMORY, _group_limits, default_maxmemory
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from tests.embedded.users import servers
from tests.frontier.rig import pages
from tests.support import Fleet, until

if TYPE_CHECKING:
    from pathlib import Path

ROOM = 8 * 2**20


def maxmemory(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.config_get("maxmemory")["maxmemory"])


def test_there_is_a_limit_unless_it_is_switched_off(directory: Path) -> None:
    with EmbeddedRedis(directory) as embedded:
        assert maxmemory(embedded.url) == default_maxmemory() >= LEAST_MEMORY
    with EmbeddedRedis(directory, ROOM) as embedded:
        assert maxmemory(embedded.url) == ROOM
    with EmbeddedRedis(directory, 0) as embedded:
        assert maxmemory(embedded.url) == 0
    with EmbeddedRedis(directory) as embedded:
        assert maxmemory(embedded.url) == default_maxmemory()


def test_a_running_server_takes_the_limit_that_is_given_last_and_keeps_it(directory: Path) -> None:
    with EmbeddedRedis(directory, ROOM) as first:
        with EmbeddedRedis(directory):
            assert maxmemory(first.url) == ROOM
        with EmbeddedRedis(directory, 2 * ROOM):
            assert maxmemory(first.url) == 2 * ROOM
        (server,) = servers(directory)
        server.kill()
        until(lambda: _answers(first.url))
        assert maxmemory(first.url) == 2 * ROOM


def _answers(url: str) -> bool:
    try:
        return bool(maxmemory(url))
    except redis.RedisError:
        return False


@pytest.mark.parametrize(
    ("groups", "files", "limits"),
    [
        ("0::/a/b\n", {"a/memory.max": "1000", "a/b/memory.max": "max"}, [1000]),
        ("0::/../x\n", {"memory.max": "1000"}, [1000]),
        (
            "3:cpu:/a\n2:cpu,memory:/a\n",
            {"memory/a/memory.limit_in_bytes": "5", "memory/memory.limit_in_bytes": "9"},
            [5, 9],
        ),
        ("0::/\n", {}, []),
        ("", {}, []),
    ],
)
def test_a_control_group_limits_it(tmp_path: Path, groups: str, files: dict[str, str], limits: list[int]) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        (tmp_path / "sys/fs/cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/fs/cgroup" / name).write_text(text)
    assert _group_limits(tmp_path) == limits


def test_no_control_groups(tmp_path: Path) -> None:
    assert _group_limits(tmp_path) == []


def test_a_job_that_fills_it_stops_the_leasing_until_it_is_cancelled(directory: Path, tmp_path: Path) -> None:
    with EmbeddedRedis(directory, ROOM) as embedded, serve(Site(hosts=1, pages=3, documents=5)) as server:
        fleet = Fleet(tmp_path, embedded.url)
        try:
            (worker,) = fleet.stand(1)
            asyncio.run(_fill(embedded.url))
            until(lambda: "Redis is out of memory" in worker.output)
            asyncio.run(_cancel(embedded.url))
            until(lambda: "There is room in Redis again" in worker.output)
            fleet.push(server.url)
            until(lambda: fleet.files() == set(server.site.expected().values()))
            worker.dismiss()
            job = fleet.status()["jobs"]["large"]
            assert (job["state"], job["classes"]["cancelled"]) == ("cancelled", job["done"])
        finally:
            fleet.stop()


async def _fill(url: str) -> None:
    """Submit URLs to a job that is paused until Redis refuses them."""
    client = connect(url)
    frontier = Frontier(client)
    try:
        await frontier.submit("large", pages(1), options=JobOptions(robots=0))
        await frontier.control("large", "pause")
        everything = [entry for number in range(500) for entry in pages(500, host=f"h{number}.test")]
        with pytest.raises(redis.ResponseError, match=r"OOM|maxmemory"):
            await frontier.submit("large", everything)
    finally:
        await client.aclose()


async def _cancel(url: str) -> None:
    client = connect(url)
    try:
        await Frontier(client).control("large", "cancel")
    finally:
        await client.aclose()
