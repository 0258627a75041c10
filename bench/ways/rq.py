"""RQ: ``enqueue`` for each message; one SimpleWorker, which forks nothing."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from bench.ways.base import OverRedis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.ways.base import Tell


class RqWay(OverRedis):
    def gateway_url(self, address: str) -> str:
        return f"rq+{address}"

    def publish(self, address: str, messages: Sequence[str]) -> None:
        with Redis.from_url(address) as client:
            queue = Queue("pdfs", connection=client, serializer=JSONSerializer)
            for message in messages:
                queue.enqueue("bench.ways.rq.download_pdf", args=(json.loads(message)["url"],), result_ttl=0)

    def consume(self, address: str, count: int, tell: Tell) -> None:
        logging.getLogger("rq").setLevel(logging.WARNING)
        with Redis.from_url(address) as client:
            worker = SimpleWorker(["pdfs"], connection=client, serializer=JSONSerializer)
            tell("READY")
            worker.work(max_jobs=count, logging_level="WARNING")
            tell("DONE")


def download_pdf(url: str) -> None:
    """What the bare worker calls."""
