"""Celery: ``delay`` for each message, confirmed by RabbitMQ; one worker of one process that acknowledges late."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import worker_ready

from bench.ways.amqp import OverRabbitMQ
from bench.ways.base import OverRedis, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.ways.base import Tell


class CeleryWay(Way):
    """The worker is what ``celery worker --pool=solo --prefetch-multiplier=200`` starts, without result backend."""

    def publish(self, address: str, messages: Sequence[str]) -> None:
        app, download_pdf = _app(address, lambda: None)
        for message in messages:
            download_pdf.delay(json.loads(message)["url"])
        app.close()

    def consume(self, address: str, count: int, tell: Tell) -> None:
        left = [count]

        def work() -> None:
            left[0] -= 1
            if not left[0]:
                tell("DONE")

        warnings.simplefilter("ignore")  # that it is root
        app, _ = _app(address, work)
        worker = app.Worker(pool="solo", loglevel="ERROR", prefetch_multiplier=200, without_gossip=True, quiet=True)
        worker_ready.connect(lambda **_: tell("READY"), weak=False)
        worker.start()


class CeleryOverAmqpWay(OverRabbitMQ, CeleryWay):
    def gateway_url(self, address: str) -> str:
        return f"celery+{address}?declare_tasks=durable"


class CeleryOverRedisWay(OverRedis, CeleryWay):
    def gateway_url(self, address: str) -> str:
        return f"celery+{address}"


def _app(address: str, work: Callable[[], None]) -> tuple[Celery, Any]:
    app = Celery("pdf_crawler", broker=address)
    app.conf.update(
        task_acks_late=True, task_ignore_result=True, worker_hijack_root_logger=False, worker_redirect_stdouts=False
    )
    if address.startswith("amqp"):
        app.conf.broker_transport_options = {"confirm_publish": True}

    @app.task(name="pdf_crawler.download_pdf")
    def download_pdf(url: str) -> None:
        work()

    return app, download_pdf
