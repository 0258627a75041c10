"""The header ``Idempotency-Key``, as in draft-ietf-httpapi-idempotency-key-header."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = r"^[\x20-\x7E]{1,255}$"


def idempotency_key(request: web.Request) -> str:
    """Return the key of a request, "" if it has none.

    Raises web.HTTPBadRequest for an invalid key.
    """
    keys = request.headers.getall(KEY_HEADER, [])
    if not keys:
        return ""
    if len(keys) > 1 or not re.fullmatch(KEY_PATTERN, keys[0]):
        raise web.HTTPBadRequest(reason=f"{KEY_HEADER} must be 1 to 255 characters of ASCII")
    return keys[0]


class IdempotencyKeys:
    """The keys of one transport, which the frontier stores for ``lasts`` seconds."""

    def __init__(self, redis: Redis, transport: str, lasts: float) -> None:
        self._redis: Any = redis
        self._transport, self._lasts = transport, max(int(lasts), 1)

    async def claim(self, key: str, body: bytes) -> bool:
        """Return whether the key is new.

        Raises web.HTTPUnprocessableEntity if it was used with another body.
        """
        name, digest = self._name(key), blake2b(body, digest_size=16).digest()
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(name, digest, nx=True, ex=self._lasts)
            pipe.get(name)
            is_new, known = await pipe.execute()
        if known != digest:
            raise web.HTTPUnprocessableEntity(reason=f"this {KEY_HEADER} was used with another body")
        return bool(is_new)

    async def forget(self, key: str) -> None:
        """Free a key whose message was rejected."""
        await self._redis.delete(self._name(key))

    def _name(self, key: str) -> str:
        return f"{PREFIX}idempotency:{self._transport}:{blake2b(key.encode(), digest_size=16).hexdigest()}"
