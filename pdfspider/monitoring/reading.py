"""Read the facts of jobs and of the fleet, in a bounded number of calls."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Any

import msgpack

from pdfspider.frontier.block_rules import BlockRules
from pdfspider.frontier.reports.host_states import HostStates
from pdfspider.frontier.reports.worker_reports import WorkerReports
from pdfspider.frontier.scripts import PREFIX
from pdfspider.items import OUTCOMES_BY_CODE
from pdfspider.monitoring.reasons import Facts, FleetFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pdfspider.frontier.reports.host_states import HostState
    from pdfspider.frontier.reports.view import View

MAX_HOSTS = 64
"""Hosts of a job that are looked at."""
HEADER_SIZE = 13
"""Bytes before the payload of a queue's member, as in lua/shared/keys.lua."""


class Monitor:
    """Reads what there is to say of jobs; ``clock`` returns microseconds and replaces Redis's TIME in tests."""

    def __init__(self, view: View, clock: Callable[[], int] | None = None) -> None:
        self._view, self._redis = view, view.redis
        self.hosts, self.reports = HostStates(view.redis, clock), WorkerReports(view.redis)
        self._rules = BlockRules(view.redis)

    async def fleet(self) -> FleetFacts:
        """Return the facts of the fleet.

        Raises RedisError.
        """
        clock, rules = await self.hosts.clock(), self._rules
        await rules.refresh()
        return FleetFacts(
            workers=await self.reports.workers(clock.now),
            memory=await self._view.memory(),
            clock=clock,
            blocked=frozenset(rule.job for rule in rules.rules),
        )

    async def facts(self, job: Mapping[str, Any], fleet: FleetFacts, hosts: int = MAX_HOSTS) -> Facts:
        """Return the facts of a job, with some of its hosts.

        Raises RedisError.
        """
        page = await self.hosts.of_run(job["run"], hosts) if job["state"] not in ("finished", "cancelled") else None
        found = page.hosts if page else []
        return Facts(
            job=job,
            fleet=fleet,
            hosts=found,
            known_hosts=page.known if page else 0,
            robots_failures=await self._robots_failures(job["run"], [host for host in found if host.trouble]),
        )

    async def _robots_failures(self, run: int, hosts: Sequence[HostState]) -> dict[str, str]:
        """Return the class in which the robots.txt of each host failed whose next URL waits for it."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for host in hosts:
                pipe.zrange(f"{PREFIX}q:{host.id}:{run}", 0, 0)
            heads = await pipe.execute() if hosts else []
        origins = {host.name: _origin(head[0]) for host, head in zip(hosts, heads, strict=True) if head}
        async with self._redis.pipeline(transaction=False) as pipe:
            for origin in origins.values():
                pipe.hget(f"{PREFIX}robots:{sha1(origin).hexdigest()}", "failure")
            failures = await pipe.execute() if origins else []
        return {
            name: OUTCOMES_BY_CODE[code.decode()].value for name, code in zip(origins, failures, strict=True) if code
        }


def _origin(member: bytes) -> bytes:
    payload = msgpack.unpackb(member[HEADER_SIZE:], raw=True)
    origin: bytes = payload[0][: payload[3]]
    return origin
