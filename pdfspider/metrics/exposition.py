"""Turn metrics into what Prometheus reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import pdfspider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric


class Exposition(NamedTuple):
    """Metrics as bytes, and their content type."""

    body: bytes
    content_type: str


class _Build(Collector):
    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "pdfspider_build", "The version of this process.", value={"version": pdfspider.__version__}
        )


def add_process(registry: CollectorRegistry) -> None:
    """Add what every process tells of itself: its version, memory, CPU time and open files."""
    registry.register(_Build())
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)


def expose(registry: CollectorRegistry, accept: str) -> Exposition:
    """Return the metrics in the format that an Accept header asks for."""
    encode, content_type = choose_encoder(accept)
    return Exposition(encode(registry), content_type)
