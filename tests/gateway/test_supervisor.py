"""No failure of one transport, of any kind, ends another one."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from pdfspider.exceptions import ConfigurationError
from pdfspider.frontier.connection import connect
from pdfspider.frontier.reports import transports
from pdfspider.gateway import supervisor as supervising
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.health import Health
from pdfspider.gateway.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable


class Broken:
    """Work that fails twice, and then goes on."""

    def __init__(self, health: Health, failure: Callable[[], BaseException | None]) -> None:
        self.health, self.failure = health, failure
        self.starts = 0
        self.works = asyncio.Event()

    async def serve(self) -> None:
        self.starts += 1
        if self.starts <= 2:
            await asyncio.sleep(0)
            if error := self.failure():
                raise error
            return
        self.health.end()
        self.works.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("failure", "tracebacks"),
    [
        (lambda: RuntimeError("closed"), 1),
        (Exception, 1),
        (lambda: ExceptionGroup("several", [KeyError("a")]), 1),
        (asyncio.CancelledError, 1),
        (lambda: TransportError("away"), 0),
        (lambda: ConfigurationError("not usable now"), 0),
        (lambda: ConnectionResetError(104, "reset"), 0),
        (lambda: None, 1),
    ],
)
async def test_whatever_ends_it_is_said_once_and_it_is_started_again(
    failure: Callable[[], BaseException | None],
    tracebacks: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(supervising, "FIRST_PAUSE_S", 0.001)
    health = Health("broken")
    broken = Broken(health, failure)
    with caplog.at_level(logging.WARNING):
        running = asyncio.create_task(Supervisor("broken", broken.serve, health).run())
        await asyncio.wait_for(broken.works.wait(), 60)
        assert health.state == "up"
        assert health.error
        running.cancel()
        await asyncio.wait({running})
    assert sum(record.exc_info is not None for record in caplog.records) == tracebacks
    assert sum("broken cannot be used" in record.message for record in caplog.records) == 1
    assert sum("broken can be used again" in record.message for record in caplog.records) == 1


async def test_states_are_kept_until_their_gateway_is_gone(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = connect(redis_url)
    health = Health("amqp")
    health.begin("refused")
    await transports.write_states(redis, [health.read("a"), Health("redis").read("a"), Health("redis").read("b")])
    found = await transports.read_states(redis)
    assert [(state.gateway, state.transport, state.state, state.error) for state in found] == [
        ("a", "amqp", "down", "refused"),
        ("a", "redis", "starting", ""),
        ("b", "redis", "starting", ""),
    ]
    await transports.forget_states(redis, "a")
    assert [state.gateway for state in await transports.read_states(redis)] == ["b"]
    monkeypatch.setattr(transports, "TTL_S", -1)
    assert await transports.read_states(redis) == []
    assert await redis.exists(transports.KEY) == 0
    await redis.aclose()


def test_an_error_is_told_without_passwords(caplog: pytest.LogCaptureFixture) -> None:
    health = Health("amqp")
    health.begin(OSError("amqp://master:s3cr3t@broker.example is away"))
    assert health.read("a").error == "amqp://master:***@broker.example is away"
    assert "s3cr3t" not in caplog.text
