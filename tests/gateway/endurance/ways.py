"""A master for every way, all at once."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pdfspider.gateway.base import Address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateway.masters.base import Master

KINDS = {
    "redis": "redis:RedisMaster",
    "amqp": "amqp:AmqpMaster",
    "celery": "celery:CeleryMaster",
    "celery-redis": "celery_redis:CeleryRedisMaster",
    "rq": "rq:RqMaster",
    "http": "http:HttpMaster",
    "kafka": "kafka:KafkaBrokerMaster",
    "grpc": "grpc:GrpcMaster",
    "zmq": "zeromq:ZeroMqMaster",
}
"""Transports, by their names in the gateway."""


@contextmanager
def masters(directory: Path, *names: str) -> Iterator[dict[str, Master]]:
    """The masters of these ways; their brokers end with the block."""
    made: dict[str, Master] = {}
    try:
        for name in names:
            module, _, kind = KINDS[name].partition(":")
            own = directory / name
            own.mkdir()
            made[name] = getattr(import_module(f"tests.gateway.masters.{module}"), kind)(own)
        yield made
    finally:
        for master in made.values():
            master.close()


def named(name: str, url: str) -> str:
    """The URL with the name of its transport, where it would have another."""
    return url if Address(url).name == name else f"{url}#{name}"


def settings_of(all_of_them: dict[str, Master]) -> dict[str, Any]:
    """What a gateway for all of them needs."""
    return {name: value for master in all_of_them.values() for name, value in master.settings.items()}
