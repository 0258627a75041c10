"""The transports by the names that the comparison prints."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.ways.base import Way

WAYS = {
    "redis": "redis.RedisWay",
    "amqp": "amqp.AmqpWay",
    "kafka": "kafka.KafkaWay",
    "celery+amqp": "celery.CeleryOverAmqpWay",
    "celery+redis": "celery.CeleryOverRedisWay",
    "rq": "rq.RqWay",
    "grpc": "grpc.GrpcWay",
    "zmq": "zeromq.ZeroMqWay",
    "http": "http.HttpWay",
}


def way(name: str) -> Way:
    """Imports nothing of the other ways."""
    module, _, kind = WAYS[name].partition(".")
    made: Way = getattr(import_module(f"bench.ways.{module}"), kind)()
    return made
