"""Make the transports that ``GATEWAY_URLS`` names, whose modules are imported only then."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.gateway.base import Transport
    from pdfspider.gateway.service import GatewayService

SCHEMES: dict[str, tuple[str, str]] = {
    "redis": ("transports.redis.transport:RedisTransport", ""),
    "rediss": ("transports.redis.transport:RedisTransport", ""),
    "redis+sentinel": ("transports.redis.transport:RedisTransport", ""),
    "rediss+sentinel": ("transports.redis.transport:RedisTransport", ""),
    "unix": ("transports.redis.transport:RedisTransport", ""),
    "amqp": ("transports.rabbitmq.transport:AmqpTransport", "gateway"),
    "amqps": ("transports.rabbitmq.transport:AmqpTransport", "gateway"),
    "http": ("transports.http.transport:HttpTransport", ""),
    "https": ("transports.http.transport:HttpTransport", ""),
    "celery+amqp": ("transports.celery.rabbitmq:CeleryOverAmqp", "gateway"),
    "celery+amqps": ("transports.celery.rabbitmq:CeleryOverAmqp", "gateway"),
    "celery+pyamqp": ("transports.celery.rabbitmq:CeleryOverAmqp", "gateway"),
    "celery+redis": ("transports.celery.redis:CeleryOverRedis", "gateway"),
    "celery+rediss": ("transports.celery.redis:CeleryOverRedis", "gateway"),
    "celery+redis+sentinel": ("transports.celery.redis:CeleryOverRedis", "gateway"),
    "celery+rediss+sentinel": ("transports.celery.redis:CeleryOverRedis", "gateway"),
    "rq+redis": ("transports.rq.transport:RqTransport", "gateway"),
    "rq+rediss": ("transports.rq.transport:RqTransport", "gateway"),
    "rq+redis+sentinel": ("transports.rq.transport:RqTransport", "gateway"),
    "rq+rediss+sentinel": ("transports.rq.transport:RqTransport", "gateway"),
    "rq+unix": ("transports.rq.transport:RqTransport", "gateway"),
    "grpc": ("transports.grpc.transport:GrpcTransport", "gateway"),
    "grpcs": ("transports.grpc.transport:GrpcTransport", "gateway"),
    "kafka": ("transports.kafka.transport:KafkaTransport", "gateway"),
    "kafkas": ("transports.kafka.transport:KafkaTransport", "gateway"),
    "zmq": ("transports.zeromq.transport:ZeroMqTransport", "gateway"),
}
"""Scheme of a URL -> module and class, and the extra to install."""


def make_transports(urls: Iterable[str], service: GatewayService) -> list[Transport]:
    """Return the transports that serve these URLs.

    Raises ConfigurationError for an invalid URL, and for two transports with the same name.
    """
    made: dict[str, Transport] = {}
    for url in urls:
        transport = _kind(url)(url, service)
        if transport.name in made:
            raise ConfigurationError(
                f"two transports in GATEWAY_URLS are named {transport.name}: add #NAME to one of them"
            )
        made[transport.name] = transport
    return list(made.values())


def _kind(url: str) -> type[Transport]:
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise ConfigurationError(f"unknown transport {scheme!r}: GATEWAY_URLS may begin with {', '.join(SCHEMES)}")
    target, extra = SCHEMES[scheme]
    module, _, name = target.partition(":")
    try:
        kind: type[Transport] = getattr(import_module(f"{__package__}.{module}"), name)
    except ImportError as error:
        raise ConfigurationError(f"{scheme}:// needs {error.name}: pip install 'pdfspider[{extra}]'") from None
    return kind
