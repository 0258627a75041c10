"""Masters whose Redis is not a single server."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from bench.processes import free_port
from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.registry import make_transports
from tests.gateway.inprocess import service_on
from tests.gateway.serving import eventually, in_thread, serving
from tests.servers.test_sentinel import guarded, url_of

if TYPE_CHECKING:
    from pathlib import Path

    from pdfspider.gateway.service import GatewayService
    from tests.servers.conftest import Servers
    from tests.servers.processes import RedisProcess

GOOD = "http://127.0.0.1:9/"


@pytest.mark.parametrize("way", ["", "celery+", "rq+"])
async def test_a_cluster_is_refused_with_a_clear_error(
    servers: Servers, redis_url: str, tmp_path: Path, way: str
) -> None:
    redis = servers(f"cluster-enabled yes\ncluster-port {free_port()}")
    async with service_on(redis_url, tmp_path) as service:
        (transport,) = make_transports([f"{way}{redis.url}"], service)
        with pytest.raises(TransportError, match=f"127.0.0.1:{redis.port} is a Redis Cluster"):
            await transport.serve()
        await transport.close()


def hand_in(server: RedisProcess, name: str) -> None:
    """A message by Redis and one by RQ, to this server."""
    with server.client() as client:
        client.select(2)
        client.lpush("pdf_tasks", json.dumps({"url": GOOD, "job": f"redis-{name}", "seal": False}))
        queue = Queue("pdfs", connection=client, serializer=JSONSerializer)
        fields = {"job": f"rq-{name}", "seal": False}
        queue.enqueue("masters.download_pdf", args=[GOOD], kwargs=fields)


async def test_masters_follow_a_failover(servers: Servers, redis_url: str, tmp_path: Path) -> None:
    primary, replica, sentinel = guarded(servers)
    own = url_of(sentinel).removeprefix("redis+sentinel")
    urls = [f"{way}redis+sentinel{own}" for way in ("", "rq+", "celery+")]
    async with service_on(redis_url, tmp_path) as service, AsyncExitStack() as stack:
        for url in urls:
            await stack.enter_async_context(serving(url, service))
        await asyncio.to_thread(hand_in, primary, "before")
        await eventually(lambda: has_jobs(service, {"redis-before", "rq-before"}))
        primary.kill()
        await eventually(lambda: in_thread(lambda: replica.call("ROLE")[0] == b"master"))
        await asyncio.to_thread(hand_in, replica, "after")
        await eventually(lambda: has_jobs(service, {"redis-after", "rq-after"}))
        await eventually(lambda: in_thread(lambda: service.health("celery").state == "up"))


async def has_jobs(service: GatewayService, names: set[str]) -> bool:
    return set(await service.jobs(100)) >= names


async def test_what_is_wrong_with_a_url_is_said(redis_url: str, tmp_path: Path) -> None:
    async with service_on(redis_url, tmp_path) as service:
        for way in ("", "celery+", "rq+"):
            with pytest.raises(ConfigurationError, match=r"expected rediss?\+sentinel://HOST:PORT,HOST:PORT/SERVICE"):
                make_transports([f"{way}redis+sentinel://127.0.0.1:1"], service)
        for url in (
            "redis://h/0?colour=red",
            "redis://h:port",
            "http://127.0.0.1:99999",
            "amqp://h:1x/",
            "zmq://127.0.0.1:-5",
        ):
            with pytest.raises(ConfigurationError, match="GATEWAY_URLS"):
                make_transports([url], service)
