"""The gateway's life: transports in, results out, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from typing import TYPE_CHECKING

from pdfspider.ending import end
from pdfspider.exceptions import ConfigurationError
from pdfspider.frontier.durability import Durability
from pdfspider.gateway import transports
from pdfspider.gateway.answering import Answering
from pdfspider.gateway.desk import Desk
from pdfspider.gateway.results import ResultMaker
from pdfspider.records import Database

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.gateway.transport import Transport

logger = logging.getLogger(__name__)

NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


async def serve(config: Config, frontier: Frontier) -> None:
    """Serves the masters on ``GATEWAY_URLS`` until SIGTERM or SIGINT. Raises ConfigurationError."""
    await _prepare(config, frontier)
    results = ResultMaker(config)
    desk = Desk(config, frontier, results)
    try:
        served = transports(config.gateway.urls, desk)
        for transport in served:
            if not NAME.fullmatch(transport.name):
                raise ConfigurationError(f"not a transport's name: {transport.name!r}")
        await _serve(served, desk, [Answering(frontier.redis, transport, results) for transport in served])
    finally:
        results.close()


async def _prepare(config: Config, frontier: Frontier) -> None:
    if not config.gateway.urls:
        raise ConfigurationError("GATEWAY_URLS is empty: there is nobody to serve")
    database = await Database.open(config.database_url)
    try:
        identity = await database.database_id()
    finally:
        await database.close()
    await frontier.check_identity("database", identity, f"the database {config.shown_database}")
    if not await Durability(frontier.redis).written():
        logger.warning("Redis writes no append-only file: a message that was acknowledged may be lost with it")


async def _serve(served: list[Transport], desk: Desk, answerings: list[Answering]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopped.set)
    serving = [asyncio.create_task(transport.serve()) for transport in served]
    answering = [asyncio.create_task(answers.run()) for answers in answerings]
    stop = asyncio.create_task(stopped.wait())
    logger.info("Serving %s", ", ".join(f"{transport.name} ({transport.address.shown})" for transport in served))
    done, _ = await asyncio.wait([stop, *serving, *answering], return_when=asyncio.FIRST_COMPLETED)
    await end(serving)
    await desk.close(desk.config.grace)
    await end(answering)
    stop.cancel()
    for transport in served:
        await transport.close()
    for task in done:
        task.result()  # raises what ended it
