"""One site, one frontier and one worker for a module; gateways as processes."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from bench.processes import redis_server
from bench.server import serve
from bench.site import Site
from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.gateway.outbound.results import ResultMaker
from pdfspider.gateway.service import GatewayService
from pdfspider.records import Database
from tests import fork_server
from tests.gateway.rabbitmq import RabbitMQ
from tests.support import PATIENCE, Fleet, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bench.server import Server

    Start = Callable[..., "Gateway"]


class Gateway:
    """A ``scrapy gateway`` process."""

    def __init__(self, fleet: Fleet, urls: str, settings: dict[str, Any]) -> None:
        self.log = fleet.directory / f"gateway-{len(list(fleet.directory.glob('gateway-*')))}.log"
        given = {
            "REDIS_URL": fleet.redis_url,
            "DATA_DIR": fleet.data,
            "GATEWAY_URLS": urls,
            "GATEWAY_NETWORKS": "127.0.0.0/8",
            "DOWNLOAD_DELAY": 0,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
            **settings,
        }
        with self.log.open("wb") as output:
            options = [f"-s{name}={value}" for name, value in given.items()]
            self.process = fork_server.start(["scrapy", "gateway", *options], stdout=output, stderr=output)
        until(lambda: "Serving" in self.output or self.process.poll() is not None)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """As kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        """As SIGTERM: it settles what it has and ends."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.output
        assert "Traceback" not in self.output, self.output
        assert " HTTP/1.1" not in self.output, "requests are not logged"


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    with serve(Site(hosts=2, pages=6, documents=9)) as server:
        yield server


@pytest.fixture(scope="module")
def served(site: Server) -> Iterator[Fleet]:
    """A frontier with one worker that stands ready."""
    yield from frontier_with_a_worker()


def frontier_with_a_worker() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        directory = Path(name)
        (directory / "redis").mkdir()
        with redis_server(directory / "redis") as url:
            fleet = Fleet(directory, url)
            fleet.stand(1)
            yield fleet
            fleet.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    broker = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    yield broker
    broker.stop()


@pytest.fixture
def gateway(served: Fleet) -> Iterator[Start]:
    """Starts gateways; those that still run are killed at the end."""
    started: list[Gateway] = []

    def start(urls: str, **settings: Any) -> Gateway:
        started.append(Gateway(served, urls, settings))
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
async def make_service(redis_url: str, tmp_path: Path) -> AsyncIterator[Callable[[], GatewayService]]:
    """Makes desks on one frontier, for transports that serve inside of the test."""
    known = Settings()
    known.setmodule(defaults)
    known.update({"DATA_DIR": tmp_path, "REDIS_URL": redis_url})
    config, redis = Config.from_settings(known), connect(redis_url)
    results, records = ResultMaker(config), await Database.open(config.database_url)
    yield lambda: GatewayService(config, Frontier(redis), results, records)
    await results.close()
    await records.close()
    await redis.aclose()


@pytest.fixture
def service(make_service: Callable[[], GatewayService]) -> GatewayService:
    return make_service()
