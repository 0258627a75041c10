"""Connect to the primary Redis that the Sentinels name."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel
from redis.sentinel import Sentinel as BlockingSentinel

SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
"""Schemes, and whether their connections are encrypted, including those to the Sentinels."""
DEFAULT_PORT = 26379


class FailoverRedis(Redis):
    """A client of the primary that asks the Sentinels again whenever it has to connect."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the client and its connections to the Sentinels."""
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def is_sentinel(url: str) -> bool:
    """Return whether the URL has the scheme of a Redis with Sentinels."""
    return url.partition("://")[0] in SCHEMES


class SentinelUrl(NamedTuple):
    """The parts of a URL with Sentinels.

    It has the form ``redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/service[/database][?options]``. The
    options are those of any Redis URL, and ``sentinel_username`` and ``sentinel_password``.
    """

    sentinels: list[tuple[str, int]]
    service: str
    for_sentinels: dict[str, Any]
    """Options of the connections to the Sentinels."""
    options: dict[str, Any]
    """Options of the connections to the primary."""


def connect_by_sentinel(url: str, **params: Any) -> Redis:
    """Return a client for a URL with Sentinels.

    Raises ValueError.
    """
    read = _read(url, params)
    sentinel = Sentinel(read.sentinels, sentinel_kwargs=read.for_sentinels, **read.options)
    client: Redis = sentinel.master_for(read.service, redis_class=FailoverRedis)
    return client


def connect_blocking(url: str, **params: Any) -> BlockingRedis:
    """Return a client without asyncio for any Redis URL, with or without Sentinels.

    Raises ValueError.
    """
    if not is_sentinel(url):
        return BlockingRedis.from_url(url, **params)
    read = _read(url, params)
    sentinel = BlockingSentinel(read.sentinels, sentinel_kwargs=read.for_sentinels, **read.options)
    client: BlockingRedis = sentinel.master_for(read.service)
    return client


def _read(url: str, params: dict[str, Any]) -> SentinelUrl:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service or not hosts:
        raise ValueError(f"expected {parts.scheme}://HOST:PORT,HOST:PORT/SERVICE")
    options = {**_options(parts.query), **params}
    own = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    shared = {name: value for name, value in options.items() if name.startswith(("ssl", "socket_"))}
    if SCHEMES[parts.scheme]:
        options["ssl"] = shared["ssl"] = True
    options |= _credentials(credentials)
    if database:
        options["db"] = int(database)
    return SentinelUrl([_address(host) for host in hosts.split(",")], service, {**shared, **own}, options)


def _options(query: str) -> dict[str, Any]:
    """Return the options in a URL's query, with the types that the client expects."""
    return {name: value for name, value in parse_url(f"redis://x/?{query}").items() if name != "host"}


def _credentials(text: str) -> dict[str, str]:
    user, _, password = text.partition(":")
    return {name: unquote(value) for name, value in (("username", user), ("password", password)) if value}


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), DEFAULT_PORT
    return host.strip("[]"), int(port)
