"""Hosts and URL patterns that operators block while jobs run, for one job or for all.

A pattern is a whole URL in which ``*`` stands for any text. Workers read the rules again whenever they have changed,
and end the URLs to which one applies without fetching them.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import job_name
from pdfspider.frontier.scripts import PREFIX
from pdfspider.origins import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis.asyncio import Redis

KEY = f"{PREFIX}blocked"
VERSION = "version"
MAX_RULES = 200
MAX_LENGTH = 1000


@dataclass(frozen=True)
class BlockRule:
    """One rule: either ``host`` or ``pattern`` is set."""

    host: str = ""
    pattern: str = ""
    job: str = ""
    """The job that it is for, "" for all."""
    since: float = 0.0
    id: str = ""

    def __str__(self) -> str:
        return f"{self.host or self.pattern}{f' in job {self.job}' if self.job else ''}"

    def check(self) -> BlockRule:
        """Return the rule.

        Raises InvalidInput if it makes no sense.
        """
        if bool(self.host) == bool(self.pattern):
            raise InvalidInput("either a host or a pattern is blocked")
        value = self.host or self.pattern
        if len(value) > MAX_LENGTH or not value.isprintable() or " " in value:
            raise InvalidInput(f"{value[:100]!r} is neither a host nor a pattern of URLs")
        if self.host and any(sign in self.host for sign in "/?#@*"):
            raise InvalidInput(f"{self.host!r} is not a host")
        if self.pattern and not self.pattern.strip("*"):
            raise InvalidInput(f"{self.pattern!r} would block everything: pause or cancel the job")
        if self.job:
            job_name(self.job)
        return self

    def applies(self, job: str, url: str) -> bool:
        """Return whether a normalised URL of a job is blocked by this rule."""
        if self.job and self.job != job:
            return False
        return host_of(url) == self.host if self.host else self._regex.fullmatch(url) is not None

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        """The pattern as a regular expression that never goes back to an earlier ``*``, so that its cost is bounded."""
        first, *rest = map(re.escape, self.pattern.split("*"))
        if not rest:
            return re.compile(first)
        middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
        return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


class BlockRules:
    """The rules as one process knows them."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._version: bytes | None = None
        self.rules: list[BlockRule] = []

    async def refresh(self) -> bool:
        """Read the rules if they have changed, and return whether they have.

        Raises RedisError.
        """
        version = await self._redis.hget(KEY, VERSION)
        if version == self._version:
            return False
        found: dict[bytes, bytes] = await self._redis.hgetall(KEY) if version else {}
        self._version = found.pop(VERSION.encode(), None)
        rules = [BlockRule(id=key.decode(), **json.loads(raw)) for key, raw in found.items()]
        self.rules = sorted(rules, key=lambda rule: rule.since)
        return True

    def blocking(self, job: str, url: str) -> BlockRule | None:
        """Return the first rule that blocks a URL of a job, None if none does."""
        return next((rule for rule in self.rules if rule.applies(job, url)), None)

    async def add(self, rule: BlockRule) -> BlockRule:
        """Store a rule, and return it with its id.

        Raises InvalidInput.
        """
        await self.refresh()
        for known in self.rules:
            if (known.host, known.pattern, known.job) == (rule.host, rule.pattern, rule.job):
                return known
        if len(self.rules) >= MAX_RULES:
            raise InvalidInput(f"there are {MAX_RULES} blocked hosts and patterns already")
        fields = asdict(rule.check())
        fields.pop("id")
        fields["since"] = (await self._redis.time())[0]
        key = token_hex(4)
        await self._write("hset", key, json.dumps(fields))
        return next(known for known in self.rules if known.id == key)

    async def remove(self, ids: Iterable[str]) -> int:
        """Remove rules, and return how many there were."""
        await self.refresh()
        there = [rule.id for rule in self.rules if rule.id in set(ids)]
        if there:
            await self._write("hdel", *there)
        return len(there)

    async def _write(self, command: str, *arguments: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            getattr(pipe, command)(KEY, *arguments)
            pipe.hset(KEY, VERSION, token_hex(8))
            await pipe.execute()
        await self.refresh()
