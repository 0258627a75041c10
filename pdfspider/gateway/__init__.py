"""The gateway: masters hand in messages and get results, by whatever transport they have already.

One message's way: ``transport.serve`` → ``service.accept`` (validated by ``messages.py``, submitted, on disk) →
``delivery.ack``. One result's way: the run's end is noted by the frontier in ``{pdfs}:owed:NAME`` → ``answering.py``
→ ``results.py`` describes the run from the database → ``transport.publish`` → the task is settled. What a result needs
is kept with the run in the frontier, never in the gateway's memory alone; every step may be done twice. One document's
way, where the transport ``tells``: noted by the commit of its URL → ``telling.py`` → ``transport.tell``.

To add a transport, say ``example``:

1. ``gateway/example.py`` with a subclass of ``Transport`` and one of ``Delivery`` (``transport.py`` says what each
   method promises; ``redis.py`` is the shortest one). ``options`` names what it takes from the query of its URL.
   ``listen`` takes its ports, if it has any. ``serve`` hands deliveries to ``self.service.accept(self.name,
   delivery)``; it is called again after a failure, and tells ``self.health`` when it works. ``publish`` raises
   TransportError while it cannot; it is then called again, with the same id; TooLargeError where a smaller result
   would be taken. Where ``tells`` is true, ``tell`` does likewise with each document. A transport that is asked
   about jobs has ``self.service.status``, ``watch``, ``result``, ``jobs``, ``control``.
2. A line in ``SCHEMES`` below, with the extra of pyproject.toml that its client library comes in; the library is
   imported by that module alone.
3. ``tests/gateway/masters/example.py``: a ``Master`` (``masters/base.py``), and a file in
   ``tests/gateway/conformance/`` that has the suite run against it.
4. ``examples/example_master.py``, which ``tests/gateway/test_examples.py`` runs, and in docs/gateway.md its row, its
   options, and that example.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.gateway.service import GatewayService
    from pdfspider.gateway.transports.base import Transport

SCHEMES: dict[str, tuple[str, str]] = {
    "redis": ("transports.redis.transport:RedisTransport", ""),
    "rediss": ("transports.redis.transport:RedisTransport", ""),
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
    "rq+redis": ("transports.rq.transport:RqTransport", "gateway"),
    "rq+rediss": ("transports.rq.transport:RqTransport", "gateway"),
    "rq+unix": ("transports.rq.transport:RqTransport", "gateway"),
    "grpc": ("transports.grpc.transport:GrpcTransport", "gateway"),
    "grpcs": ("transports.grpc.transport:GrpcTransport", "gateway"),
    "kafka": ("transports.kafka.transport:KafkaTransport", "gateway"),
    "kafkas": ("transports.kafka.transport:KafkaTransport", "gateway"),
    "zmq": ("transports.zeromq.transport:ZeroMqTransport", "gateway"),
}
"""Scheme of a URL -> module and class, and the extra to install."""


def transports(urls: Iterable[str], service: GatewayService) -> list[Transport]:
    """Return the transports that serve these URLs.

    Raises ConfigurationError for an invalid URL, and for two transports with the same name.
    """
    made: dict[str, Transport] = {}
    for url in urls:
        transport = _kind(url)(url, service)
        if transport.name in made:
            raise ConfigurationError(f"two of GATEWAY_URLS are called {transport.name}: end one of them in #NAME")
        made[transport.name] = transport
    return list(made.values())


def _kind(url: str) -> type[Transport]:
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise ConfigurationError(f"no transport is called {scheme!r}: GATEWAY_URLS may begin with {', '.join(SCHEMES)}")
    target, extra = SCHEMES[scheme]
    module, _, name = target.partition(":")
    try:
        kind: type[Transport] = getattr(import_module(f"{__name__}.{module}"), name)
    except ImportError as error:
        raise ConfigurationError(f"{scheme}:// needs {error.name}: pip install 'pdfspider[{extra}]'") from None
    return kind
