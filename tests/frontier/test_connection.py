from __future__ import annotations

from typing import Any

import pytest
import uvloop
from redis.exceptions import ConnectionError as RedisConnectionError

from pdfspider.frontier.connection import connect


def test_a_socket_that_uvloop_has_closed_is_a_failed_connection(redis_url: str) -> None:
    async def ask_on_a_closed_socket() -> None:
        redis = connect(redis_url)
        pool: Any = redis.connection_pool
        connection = await pool.get_connection()
        connection._writer.transport.abort()
        with pytest.raises(RedisConnectionError, match="was closed"):
            await connection.send_command("PING")
        await pool.release(connection)
        await redis.aclose()

    uvloop.run(ask_on_a_closed_socket())


def test_a_call_is_repeated_after_that(redis_url: str) -> None:
    async def ask_again() -> None:
        redis = connect(redis_url)
        await redis.ping()
        pool: Any = redis.connection_pool
        pool._available_connections[-1]._writer.transport.abort()
        assert await redis.ping()
        await redis.aclose()

    uvloop.run(ask_again())
