"""The addresses of a fleet's dashboards, which workers name in their first line."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEY = f"{PREFIX}dashboard"
TTL_S = 30.0
"""Seconds after which a dashboard that has not announced itself counts as gone."""


async def announce(redis: Redis, url: str) -> None:
    """Store the URL of a dashboard, and its machine, for ``TTL_S`` seconds; the one that came last is kept.

    Raises RedisError.
    """
    client: Any = redis
    await client.set(KEY, f"{socket.gethostname()} {url}", ex=int(TTL_S))


async def withdraw(redis: Redis, url: str) -> None:
    """Remove the URL of a dashboard that ends.

    Raises RedisError.
    """
    client: Any = redis
    if await client.get(KEY) == f"{socket.gethostname()} {url}".encode():
        await client.delete(KEY)


async def dashboard_url(redis: Redis) -> str:
    """Return the URL of a running dashboard, "" if there is none that can be reached from this machine.

    Raises RedisError.
    """
    client: Any = redis
    machine, _, url = (await client.get(KEY) or b"").decode().partition(" ")
    host = urlsplit(url).hostname or ""
    is_local = host in ("localhost", "::1") or host.startswith("127.")
    return "" if is_local and machine != socket.gethostname() else url
