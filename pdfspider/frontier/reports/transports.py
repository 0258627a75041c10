"""The state of the gateways' transports, as the frontier keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from redis.asyncio import Redis

KEY = f"{PREFIX}transports"
TOTALS_KEY = f"{PREFIX}totals"
MESSAGES_PREFIX = "m:"
"""The beginning of the fields of ``TOTALS_KEY`` that count messages; the transport, a colon and the result follow."""
RESULTS = ("received", "rejected", "published", "undelivered")
TTL_S = 30.0
"""Seconds after which a gateway that has not written its states counts as gone."""
ALIVE_S = 4.0
"""Seconds for which a gateway certainly runs that has written its states; it does so each second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportState:
    """One transport of one gateway."""

    gateway: str
    """A random id of the gateway process."""
    transport: str
    state: str
    """"starting", "up" or "down"."""
    since: float
    """Time of the last change of ``state``, in seconds since 1970."""
    error: str
    """The last error, even if the transport is up again; empty if there was none."""
    received: int
    """Messages received from masters since the gateway started."""
    published: int
    """Results published since the gateway started."""


async def write_states(redis: Redis, states: Iterable[TransportState]) -> None:
    """Store the states of one gateway for ``TTL_S`` seconds.

    Raises RedisError.
    """
    client: Any = redis
    seconds, _ = await client.time()
    fields = {f"{one.gateway}:{one.transport}": json.dumps({**asdict(one), "seen": seconds}) for one in states}
    if fields:
        await client.hset(KEY, mapping=fields)


async def read_states(redis: Redis) -> list[TransportState]:
    """Return the states of all running gateways, by gateway and transport.

    States of gateways that are gone are removed. Raises RedisError.
    """
    client: Any = redis
    (seconds, _), fields = await client.time(), await client.hgetall(KEY)
    found, gone = [], []
    for field, raw in sorted(fields.items()):
        known = json.loads(raw)
        if known.pop("seen") < seconds - TTL_S:
            gone.append(field)
        else:
            found.append(TransportState(**known))
    if gone:
        await client.hdel(KEY, *gone)
    return found


async def others_run(redis: Redis, gateway: str) -> bool:
    """Return whether another gateway than this one has written its states just now.

    Raises RedisError.
    """
    client: Any = redis
    (seconds, _), fields = await client.time(), await client.hgetall(KEY)
    own = f"{gateway}:".encode()
    return any(json.loads(raw)["seen"] >= seconds - ALIVE_S for name, raw in fields.items() if not name.startswith(own))


async def forget_states(redis: Redis, gateway: str) -> None:
    """Remove the states of a gateway that ends.

    Raises RedisError.
    """
    client: Any = redis
    if fields := [field for field in await client.hkeys(KEY) if field.startswith(f"{gateway}:".encode())]:
        await client.hdel(KEY, *fields)


async def add_messages(redis: Redis, numbers: Mapping[tuple[str, str], int]) -> None:
    """Add to the numbers of messages by transport and result, which all gateways count together.

    Raises RedisError.
    """
    client: Any = redis
    async with client.pipeline(transaction=True) as pipe:
        for (transport, result), number in numbers.items():
            pipe.hincrby(TOTALS_KEY, f"{MESSAGES_PREFIX}{transport}:{result}", number)
        await pipe.execute()


def read_messages(totals: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Return the numbers of messages by transport and result among the totals."""
    found = {
        name.removeprefix(MESSAGES_PREFIX): number
        for name, number in totals.items()
        if name.startswith(MESSAGES_PREFIX)
    }
    return {(name.partition(":")[0], name.partition(":")[2]): number for name, number in found.items()}
