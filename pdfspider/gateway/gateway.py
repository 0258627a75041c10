"""Run the gateway: take messages in and publish results until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from redis.exceptions import RedisError

from pdfspider.exceptions import ConfigurationError
from pdfspider.frontier.durability import Durability
from pdfspider.frontier.reports.transports import add_messages, forget_states, read_states, write_states
from pdfspider.gateway.outbound.event_publisher import EventPublisher
from pdfspider.gateway.outbound.result_publisher import ResultPublisher
from pdfspider.gateway.outbound.results import ResultMaker
from pdfspider.gateway.registry import make_transports
from pdfspider.gateway.service import GatewayService
from pdfspider.gateway.shutdown import (
    CLOSE_TIMEOUT_S,
    EXIT_TIMEOUT_S,
    NACK_TIMEOUT_S,
    TASKS_TIMEOUT_S,
    end_the_rest,
    exit_after,
    within,
)
from pdfspider.gateway.supervisor import Supervisor
from pdfspider.metrics.server import MetricsServer
from pdfspider.notifications.notifier import Notifier
from pdfspider.records import Database
from pdfspider.tasks import end, raise_if_cancelled

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.gateway.base import Transport

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
REPORT_INTERVAL_S = 1.0
TRANSPORT_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


class _Closable(Protocol):
    async def close(self) -> None: ...


async def serve(config: Config, frontier: Frontier, copies: Copies | None = None) -> None:
    """Serve the masters on ``GATEWAY_URLS`` until SIGTERM or SIGINT.

    ``copies`` gives documents of a store that is no directory. Raises ConfigurationError.
    """
    records = await _prepare(config, frontier)
    results = ResultMaker(config)
    service = GatewayService(config, frontier, results, records)
    service.copies = copies or service.copies
    served: list[Transport] = []
    metrics = MetricsServer(config.metrics_address, service.probes) if config.metrics_address else None
    notifier = Notifier(config.notifications, frontier, config.concurrency) if config.notifications.urls else None
    try:
        served += _transports(config, service)
        if metrics:
            await metrics.open()
        if notifier:
            await notifier.open()
        for transport in served:
            await transport.listen()
        await _serve(served, service, _publishers(service, served, results))
    finally:
        parts: dict[str, _Closable | None] = {transport.name: transport for transport in served}
        parts |= {"METRICS_URL": metrics, "NOTIFY_URLS": notifier, "Reading results": results, "The database": records}
        await asyncio.gather(*(within(CLOSE_TIMEOUT_S, name, part.close()) for name, part in parts.items() if part))
        await end_the_rest()


def _transports(config: Config, service: GatewayService) -> list[Transport]:
    served = make_transports(config.gateway.urls, service)
    for transport in served:
        if not TRANSPORT_NAME.fullmatch(transport.name):
            raise ConfigurationError(f"not a valid transport name: {transport.name!r}")
    service.event_transports |= {transport.name for transport in served if transport.tells}
    return served


async def _prepare(config: Config, frontier: Frontier) -> Database:
    if not config.gateway.urls:
        raise ConfigurationError("GATEWAY_URLS is empty: name the transports to serve, such as http://127.0.0.1:8080")
    database = await Database.open(config.database_url)
    try:
        identity = await database.database_id()
        await frontier.check_identity("database", identity, f"the database {config.shown_database}")
    except BaseException:
        await database.close()
        raise
    if not await Durability(frontier.redis).written():
        logger.warning("Redis writes no append-only file: a message that was acknowledged may be lost with it")
    return database


def _publishers(
    service: GatewayService, served: list[Transport], results: ResultMaker
) -> list[ResultPublisher | EventPublisher]:
    """Return everything that publishes."""
    redis, others = service.frontier.redis, service.others_run
    events = {one: EventPublisher(redis, one, results, others) for one in served if one.tells}
    return [
        *events.values(),
        *(ResultPublisher(redis, one, results, events.get(one), others) for one in served),
    ]


async def _serve(
    served: list[Transport], service: GatewayService, publishers: list[ResultPublisher | EventPublisher]
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in STOP_SIGNALS:
        loop.add_signal_handler(signum, stopped.set)
    serving = [asyncio.create_task(_supervised(transport).run()) for transport in served]
    publishing = [asyncio.create_task(_supervised_publishing(work).run()) for work in publishers]
    reporting = asyncio.create_task(_tell_states(service, served))
    logger.info("Serving %s", ", ".join(f"{transport.name} ({transport.address.shown})" for transport in served))
    await stopped.wait()
    grace = service.config.grace
    exit_after(grace + EXIT_TIMEOUT_S)
    for signum in STOP_SIGNALS:
        loop.remove_signal_handler(signum)
    logger.info("Stopping: messages that were taken are settled first. Another signal ends the gateway at once")
    await within(TASKS_TIMEOUT_S, "Taking messages", end(serving))
    settled = [service.close(grace), *(publisher.stop(grace) for publisher in publishers)]
    await within(grace + TASKS_TIMEOUT_S, "Settling messages and publishing", asyncio.gather(*settled))
    await within(TASKS_TIMEOUT_S, "Publishing", end([*publishing, reporting]))
    await within(NACK_TIMEOUT_S, "Giving back", asyncio.gather(*(publisher.give_back() for publisher in publishers)))


def _supervised(transport: Transport) -> Supervisor:
    async def serve() -> None:
        if transport.listens:
            transport.health.end()
        await transport.serve()

    return Supervisor(transport.name, serve, transport.health)


def _supervised_publishing(work: ResultPublisher | EventPublisher) -> Supervisor:
    return Supervisor(f"Publishing by {work.transport.name}", work.run, work.transport.health, whole=False)


async def _tell_states(service: GatewayService, served: list[Transport]) -> None:
    """Store the states of the transports in the frontier, and add up the messages, until cancelled."""
    gateway, redis = service.id, service.frontier.redis
    counted: Counter[tuple[str, str]] = Counter()
    try:
        while True:
            raise_if_cancelled()
            with suppress(RedisError):  # parts that need Redis report the failure
                await write_states(redis, [transport.health.read(gateway) for transport in served])
                await read_states(redis)  # removes the states of gateways that are gone
                await _add_messages(service, counted)
            await asyncio.sleep(REPORT_INTERVAL_S)
    finally:
        with suppress(RedisError):
            await _add_messages(service, counted)
            await forget_states(redis, gateway)


async def _add_messages(service: GatewayService, counted: Counter[tuple[str, str]]) -> None:
    """Add what has come since to the totals of all gateways. ``counted`` is what was added before."""
    if new := Counter(service.messages()) - counted:
        await add_messages(service.frontier.redis, new)
        counted += new
