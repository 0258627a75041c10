"""Changes that operators make while jobs run: options of a job, blocked hosts and patterns, hosts in trouble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgpack

from pdfspider.exceptions import FrontierError, InvalidInput, JobNotFound
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.jobs import MAX_NUMBER, job_name
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

    from pdfspider.frontier.block_rules import BlockRule
    from pdfspider.frontier.scripts import Scripts

CHANGEABLE_OPTIONS = ("delay", "cap", "max_pages", "max_documents", "max_time")
"""Options that can be changed; times in milliseconds."""
HOSTS_PER_PAGE = 200
MAX_HOSTS_PREVIEWED, MAX_URLS_PREVIEWED = 64, 2000
"""Hosts, and URLs of all of them, that a preview looks at."""
MAX_EXAMPLES = 20
HEADER_SIZE = 13
"""Bytes before the payload of a queue's member, as in lua/shared/keys.lua."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The waiting URLs that a rule would block now."""

    matched: int
    """URLs that match."""
    looked_at: int
    waiting: int
    """URLs that wait where it was looked."""
    examples: list[str]


class Steering:
    """Changes what runs."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis: Any = redis
        self._scripts = scripts

    async def change(self, name: str, changes: Mapping[str, int]) -> None:
        """Change options of a job that has not ended; its hosts follow at once.

        Raises JobNotFound, InvalidInput and FrontierError.
        """
        for option, value in changes.items():
            if option not in CHANGEABLE_OPTIONS or not (option == "cap") <= value < MAX_NUMBER:
                raise InvalidInput(f"{option} cannot be {value}")
        answer = await self._scripts(
            "change", job_name(name), {option: str(value) for option, value in changes.items()}
        )
        if not answer:
            raise JobNotFound(f"there is no job {name!r}")
        state, run = (part.decode() for part in answer)
        if state not in ("running", "paused"):
            raise FrontierError(f"job {name} is {state}: nothing of it can be changed")
        if changes.keys() & {"delay", "cap"}:
            await self._renew_limits(int(run))

    async def _renew_limits(self, run: int) -> None:
        """Bring the hosts of a run in line with its options, some of them at a time."""
        cursor = 0
        while True:
            cursor, hosts = await self._redis.sscan(f"{PREFIX}job:{run}:hosts", cursor, count=HOSTS_PER_PAGE)
            for start in range(0, len(hosts), HOSTS_PER_PAGE):
                await self._scripts("limits", *(hid.decode() for hid in hosts[start : start + HOSTS_PER_PAGE]))
            if not cursor:
                return

    async def reset_host(self, host: str) -> None:
        """Forget the back-off and the failures of a host.

        Raises FrontierError if it is not known.
        """
        if not await self._scripts("reset_host", host_id(host)):
            raise FrontierError(f"the frontier knows no host {host}")

    async def preview(self, rule: BlockRule, run: int | None) -> Preview:
        """Return what a rule would block of the queues of a run, or of all runs at the hosts that open first."""
        places = await self._places(rule, run)
        async with self._redis.pipeline(transaction=False) as pipe:
            for hid, of_run in places:
                pipe.zcard(f"{PREFIX}q:{hid}:{of_run}")
                pipe.zrange(f"{PREFIX}q:{hid}:{of_run}", 0, max(MAX_URLS_PREVIEWED // len(places), 1) - 1)
            answers = await pipe.execute() if places else []
        members = [member for found in answers[1::2] for member in found]
        urls = [str(msgpack.unpackb(member[HEADER_SIZE:], raw=False)[0]) for member in members]
        matched = [url for url in urls if rule.applies(rule.job, url)]
        return Preview(len(matched), len(urls), sum(answers[::2]), matched[:MAX_EXAMPLES])

    async def _places(self, rule: BlockRule, run: int | None) -> list[tuple[str, str]]:
        """Return hosts and runs whose queues are looked at."""
        if rule.host:
            hosts = [host_id(rule.host)]
        elif run:
            hosts = [
                hid.decode() for hid in await self._redis.srandmember(f"{PREFIX}job:{run}:hosts", MAX_HOSTS_PREVIEWED)
            ]
        else:
            hosts = [hid.decode() for hid in await self._redis.zrange(f"{PREFIX}hosts", 0, MAX_HOSTS_PREVIEWED - 1)]
        if run:
            return [(hid, str(run)) for hid in hosts]
        async with self._redis.pipeline(transaction=False) as pipe:
            for hid in hosts:
                pipe.zrange(f"{PREFIX}host:{hid}:jobs", 0, 7)
            runs = await pipe.execute() if hosts else []
        return [(hid, of_run.decode()) for hid, found in zip(hosts, runs, strict=True) for of_run in found]
