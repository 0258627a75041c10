"""Connections to the frontier's Redis, made the way scrapy-redis makes them."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import RedisError
from scrapy_redis.connection import get_redis

from pdfspider.exceptions import ConfigurationError


def connect(url: str, **params: Any) -> Redis:
    """A client that sends a call again while the connection fails; every call of ours can stand that."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=2), 10)
    options: dict[str, Any] = {"socket_timeout": 15, "socket_connect_timeout": 5, "retry": retry, "protocol": 2}
    return get_redis(redis_cls=Redis, url=url, **{**options, **params})  # type: ignore[no-any-return]


async def check(url: str, **params: Any) -> None:
    """Raises ConfigurationError at once where no usable Redis answers."""
    redis = connect(url, **{**params, "retry": Retry(NoBackoff(), 0), "socket_connect_timeout": 3})
    try:
        info = await redis.info("server")
        policy = (await redis.info("memory")).get("maxmemory_policy", "noeviction")
    except (TimeoutError, RedisError, OSError, ValueError) as error:
        raise ConfigurationError(f"no Redis at {url_without_password(url)}: {error}") from error
    finally:
        await redis.aclose()
    if policy != "noeviction":
        raise ConfigurationError(
            f"the Redis at {url_without_password(url)} may drop URLs: its maxmemory-policy is {policy}, not noeviction"
        )
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < (6, 2):
        raise ConfigurationError(f"Redis {info['redis_version']} is too old: 6.2 is the least that works")


def url_without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, _, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}://{user}{':***' if ':' in credentials else ''}{at}{host}"
