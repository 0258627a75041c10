"""Messages that were set aside, in the place where their transport keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pdfspider.exceptions import InvalidInput
from pdfspider.submission.rejected import Rejected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

PAGE_SIZE = 100
ID_BYTES = 6


@dataclass(frozen=True, slots=True)
class SetAside:
    """One message that was set aside."""

    id: str
    """The id, which stays the same; equal messages share it."""
    rejected: Rejected
    send_again: Callable[[], Awaitable[None]]
    """Submit it as it first came, then remove it. Raises TransportError and RedisError."""


def identify(raw: bytes) -> str:
    """Return the id of a rejected message that was written as ``raw``."""
    return blake2b(raw, digest_size=ID_BYTES).hexdigest()


def read(raw: bytes) -> Rejected:
    """Return a rejected message, also if another program wrote it."""
    try:
        return Rejected.load(raw)
    except InvalidInput:
        return Rejected(message=raw, reason="", time=0)


async def of_list(
    redis: Any, key: str, hand_in: Callable[[Rejected], Awaitable[object]]
) -> AsyncGenerator[SetAside, None]:
    """Yield the messages in a list of Redis, the oldest first.

    Raises RedisError.
    """
    removed = passed = 0

    async def send_again(raw: bytes, rejected: Rejected) -> None:
        nonlocal removed
        await hand_in(rejected)
        removed += await redis.lrem(key, -1, raw)

    while page := await redis.lrange(key, removed - passed - PAGE_SIZE, removed - passed - 1):
        passed += len(page)
        for raw in reversed(page):
            rejected = read(raw)
            yield SetAside(identify(raw), rejected, partial(send_again, raw, rejected))
