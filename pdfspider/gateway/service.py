"""The service behind all transports: it accepts messages and answers questions about jobs."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from pdfspider.documents.copies import DirectoryCopies
from pdfspider.embedded.syncing import sync
from pdfspider.exceptions import JobNotFound
from pdfspider.frontier.durability import Durability
from pdfspider.frontier.reports.transports import others_run, read_states
from pdfspider.gateway.health import Health
from pdfspider.gateway.inbound.due_only import DueOnly
from pdfspider.gateway.inbound.inbound_queue import InboundQueue
from pdfspider.gateway.outbound.bounds import bounded
from pdfspider.metrics.fleet import fleet_probes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.gateway.base import Delivery
    from pdfspider.gateway.outbound.results import ResultMaker
    from pdfspider.records import Database

POLL_INTERVAL_S = 0.5
ENDED_STATES = ("finished", "cancelled")


class GatewayService:
    """Accepts deliveries for all transports, and answers their questions about jobs."""

    def __init__(self, config: Config, frontier: Frontier, results: ResultMaker, records: Database) -> None:
        self.config, self.frontier = config, frontier
        self.id = secrets.token_hex(4)
        """Random id of this gateway."""
        self._health: dict[str, Health] = {}
        self.event_transports: set[str] = set()
        """Transports that publish events of documents."""
        self._results = results
        self.copies: Copies | None = None if config.store_directory is None else DirectoryCopies(config.store_directory)
        """The copies of documents, if the store can be read back."""
        self.due = DueOnly(config, frontier, records)
        own = None if config.redis_url else partial(sync, config.data_dir / "redis")
        self.durable = Durability(frontier.redis, own)
        self._inbound: dict[str, InboundQueue] = {}
        self.probes = fleet_probes(config, frontier, self.faults)

    def health(self, transport: str) -> Health:
        """Return the state of a transport, which the first call creates."""
        if transport not in self._health:
            self._health[transport] = Health(transport)
        return self._health[transport]

    async def others_run(self) -> bool:
        """Return whether another gateway runs.

        Raises RedisError.
        """
        return await others_run(self.frontier.redis, self.id)

    async def faults(self) -> list[str]:
        """Return the transports that are down."""
        return [f"{name}: {health.error or health.state}" for name, health in self._health.items() if health.is_down]

    def messages(self) -> dict[tuple[str, str], int]:
        """Return how many messages this gateway has handled, by transport and result."""
        found: dict[tuple[str, str], int] = {}
        for name, health in self._health.items():
            rejected = self._inbound[name].rejected if name in self._inbound else 0
            numbers = {"received": health.received, "published": health.published, "rejected": rejected}
            found |= {(name, result): number for result, number in numbers.items()}
        return found

    async def accept(self, transport: str, delivery: Delivery) -> None:
        """Take over a delivery, after waiting while there are too many here or in the frontier."""
        self.health(transport).received += 1
        await self._inbound_of(transport).accept(delivery)

    def has_room(self, transport: str) -> bool:
        """Return whether ``accept`` would take a delivery at once."""
        return self._inbound_of(transport).has_room

    async def close(self, timeout: float) -> None:
        """Stop accepting, and wait for the deliveries that are being settled.

        After ``timeout`` seconds, the rest is left to be delivered again.
        """
        await asyncio.gather(*(queue.close(timeout) for queue in self._inbound.values()))

    def _inbound_of(self, transport: str) -> InboundQueue:
        if transport not in self._inbound:
            self._inbound[transport] = InboundQueue(
                transport, self.config, self.frontier, self.due, self.durable, events=transport in self.event_transports
            )
        return self._inbound[transport]

    # Questions of transports

    async def jobs(self, limit: int) -> dict[str, dict[str, Any]]:
        """Return at most ``limit`` jobs with their status."""
        found: dict[str, dict[str, Any]] = {}
        async for name, status in self.frontier.jobs():
            if len(found) >= limit:
                break
            found[name] = status
        return found

    async def transports(self) -> list[dict[str, Any]]:
        """Return the state of every transport of all gateways.

        Raises RedisError.
        """
        return [asdict(state) for state in await read_states(self.frontier.redis)]

    async def status(self, job: str) -> dict[str, Any]:
        """Return the status of a job, as ``scrapy status --json`` prints it.

        Raises JobNotFound and InvalidInput.
        """
        status = await self.frontier.status_of_run(await self.frontier.run_of(job))
        if status is None:
            raise JobNotFound(f"there is no job {job!r}")
        return {name: value for name, value in status.items() if name not in ("hosts", "workers")}

    async def watch(self, job: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the status of a job whenever it changes, up to its end.

        Raises JobNotFound and InvalidInput.
        """
        last = None
        while True:
            status = await self.status(job)
            if status != last:
                yield status
            if status["state"] in ENDED_STATES:
                return
            last = status
            await asyncio.sleep(POLL_INTERVAL_S)

    async def result(self, job: str) -> dict[str, Any]:
        """Return the result of the newest run of a job so far.

        Raises JobNotFound and RecordsError.
        """
        status = await self.status(job)
        return await self.describe(job, status["run"], status["state"])

    async def describe(self, job: str, run: int, state: str) -> dict[str, Any]:
        """Return the result of a run so far.

        Raises RecordsError.
        """
        return bounded(await self._results.describe(job, run, state), self.config.gateway.result_size)

    async def events(self, job: str, run: int, fingerprints: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        """Return the events of these documents.

        Raises RecordsError.
        """
        return await self._results.events(job, run, fingerprints)

    async def events_after(self, job: str, run: int, last: bytes | None) -> dict[bytes, dict[str, Any]]:
        """Return the events of some documents of a run, after the last one.

        Raises RecordsError.
        """
        return await self._results.events_after(job, run, last)

    async def control(self, job: str, action: str) -> str:
        """Apply "pause", "resume", "cancel", "seal" or "log" to a job, and return its state.

        Raises JobNotFound and InvalidInput.
        """
        return await self.frontier.control(job, action)


class InspectionOnlyService(GatewayService):
    """A service for commands that read what transports keep; it accepts no messages and no questions."""

    def __init__(self, config: Config, frontier: Frontier) -> None:
        self.config, self.frontier = config, frontier
        self.event_transports = set()
        self._health = {}
