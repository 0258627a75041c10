"""Connect to the frontier's Redis, in the way that scrapy-redis does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from scrapy_redis.connection import get_redis

from pdfspider.exceptions import ConfigurationError
from pdfspider.frontier.sentinel import connect_by_sentinel, is_sentinel
from pdfspider.masking import masked_url
from pdfspider.uvloop_errors import is_closed_handle

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CONNECTIONS = 2000
"""More connections than a gateway with all transports needs; redis-py's default limit is 100."""
CONNECTION_ERRORS = (RedisConnectionError, RedisTimeoutError)
TEMPORARY_ERRORS = (*CONNECTION_ERRORS, OutOfMemoryError, ReadOnlyError)
TEMPORARY_CODES = re.compile(r"\b(OOM|MISCONF|READONLY|LOADING|BUSY|NOREPLICAS|MASTERDOWN)\b")
"""Refusals that will pass; an error from a script (in Redis 6) has the code somewhere in its text."""


def connect(url: str, *, on_failure: Callable[[], None] | None = None, **params: Any) -> Redis:
    """Return a client that repeats a call while the connection fails.

    Every call of the frontier may be repeated. ``on_failure`` is called at each failure but the first, because the
    server may only have closed an idle connection.
    """
    retry = Retry(_Backoff(on_failure), 10)
    options: dict[str, Any] = {"socket_timeout": 15, "socket_connect_timeout": 5, "retry": retry, "protocol": 2}
    options["max_connections"] = MAX_CONNECTIONS
    options |= params
    client: Redis = (
        connect_by_sentinel(url, **options) if is_sentinel(url) else get_redis(redis_cls=Redis, url=url, **options)
    )
    pool = client.connection_pool
    pool.connection_class = type(pool.connection_class.__name__, (_ClosedIsAway, pool.connection_class), {})
    return client


class _ClosedIsAway(AbstractConnection):
    """A connection that reports a socket which uvloop has closed as asyncio's loop does: as a failed connection.

    uvloop raises RuntimeError, which redis-py neither tries again nor turns into an error of its own.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            if not is_closed_handle(error):
                raise
            raise RedisConnectionError(f"the connection to Redis was closed: {error}") from error


class _Backoff(ExponentialWithJitterBackoff):
    def __init__(self, on_failure: Callable[[], None] | None) -> None:
        super().__init__(base=0.05, cap=2)
        self._on_failure = on_failure

    def __deepcopy__(self, memo: object) -> _Backoff:
        return self  # every connection copies the retry, and all copies report to the same function

    def compute(self, failures: int) -> float:
        if self._on_failure and failures > 1:
            self._on_failure()
        return float(super().compute(failures))


def may_pass(error: RedisError) -> bool:
    """Return whether the same call may succeed later: Redis is away, busy, out of memory, or cannot write."""
    return isinstance(error, TEMPORARY_ERRORS) or bool(TEMPORARY_CODES.search(str(error)))


def is_away(error: RedisError) -> bool:
    """Return whether Redis gave no answer."""
    return isinstance(error, CONNECTION_ERRORS)


def is_out_of_memory(error: RedisError) -> bool:
    """Return whether Redis refused a write because it has no memory left."""
    return isinstance(error, OutOfMemoryError) or "OOM" in str(error)


async def check(url: str, **params: Any) -> None:
    """Raise ConfigurationError unless a Redis answers that the frontier can use."""
    shown = masked_url(url)
    try:
        redis = connect(url, **{**params, "retry": Retry(NoBackoff(), 0), "socket_connect_timeout": 3})
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{shown} is not a Redis URL: {error}") from error
    try:
        info = await redis.info("server")
        policy = (await redis.info("memory")).get("maxmemory_policy", "noeviction")
    except (TimeoutError, RedisError, OSError, ValueError, TypeError) as error:
        raise ConfigurationError(f"no Redis at {shown}: {error}") from error
    finally:
        await redis.aclose()
    if policy != "noeviction":
        raise ConfigurationError(
            f"the Redis at {shown} may drop URLs: its maxmemory-policy is {policy}, not noeviction"
        )
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < (6, 2):
        raise ConfigurationError(f"Redis {info['redis_version']} is too old: 6.2 or later is needed")
