"""Masters whose Redis is not a single server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.registry import make_transports
from tests.gateway.inprocess import service_on
from tests.support import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.conftest import Servers


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


@pytest.mark.parametrize("way", ["", "celery+", "rq+"])
async def test_a_sentinel_is_refused_with_a_clear_error(redis_url: str, tmp_path: Path, way: str) -> None:
    async with service_on(redis_url, tmp_path) as service:
        with pytest.raises(ConfigurationError, match=r"'[a-z+]*redis\+sentinel'.*GATEWAY_URLS may begin with"):
            make_transports([f"{way}redis+sentinel://127.0.0.1:1,127.0.0.1:2/service"], service)
