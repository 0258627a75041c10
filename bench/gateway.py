"""Measure what the gateway takes in beside the bare client of each transport: ``python -m bench.gateway``.

For each transport, on one broker: (a) its own client publishes and a plain consumer, one process, acknowledges, as
``bench/ways`` describes it; (b) the same client publishes the same messages, every one a job of its own, and the
gateway takes them until each is in the frontier, on its disk, and acknowledged. Publishing and consuming go on at the
same time; what a consumer needs to begin is not counted. A gateway is stopped once all are in the frontier, and the
clock stops when it has settled them and ended (where masters are answered: when the last one was).

Then, with an idle worker, the time from a master's sending a message to the first request for its URL, as the web
server has it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import redis

from bench.latency import percentiles, sample
from bench.sides import Process, Side, until
from bench.ways.registry import WAYS, way
from pdfspider.embedded import EmbeddedRedis

MEMORY = "/dev/shm"
UNANSWERED = "{pdfs}:unanswered"
COLUMNS = "{:<14} {:>9} {:>9} {:>7} {:>13} {:>11}"


@dataclass(frozen=True)
class Measured:
    """Messages per second, and CPU microseconds of gateway and Redis for each message."""

    bare: float
    ours: float
    gateway: float
    redis: float


def measure(name: str, count: int, parent: str | None) -> Measured:
    chosen = way(name)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as text, ExitStack() as stack:
        directory, frontier = Path(text), Path(text) / "frontier"
        frontier.mkdir()
        address = stack.enter_context(chosen.broker(directory))
        bare = measure_bare(name, address, count)
        embedded = stack.enter_context(EmbeddedRedis(frontier / "redis"))
        client = stack.enter_context(redis.Redis.from_url(embedded.url))
        settings = {"DATA_DIR": frontier, "GATEWAY_URLS": chosen.gateway_url(address)}
        running = stack.enter_context(Process("gateway", "Serving", frontier, settings))
        publish(name, address, count, 1).wait()
        until(lambda: client.scard(UNANSWERED) == 1)
        before, used = running.cpu(), redis_cpu(client)
        publisher = Side(name, "publish", address, 0, count)
        started = time.monotonic()
        publisher.go()
        until(lambda: client.scard(UNANSWERED) > count)
        publisher.wait()
        answered = time.monotonic() - started
        cpu = running.stop() - before
        seconds = answered if chosen.waits_for_gateway else time.monotonic() - started
        return Measured(count / bare, count / seconds, cpu / count * 1e6, (redis_cpu(client) - used) / count * 1e6)


def measure_bare(name: str, address: str, count: int) -> float:
    """Seconds."""
    consumer = Side(name, "consume", address, 0, count)
    publisher = Side(name, "publish", address, 0, count)
    started = time.monotonic()
    publisher.go()
    consumer.expect("DONE")
    publisher.wait()
    seconds = time.monotonic() - started
    consumer.dismiss()
    return seconds


def publish(name: str, address: str, first: int, count: int) -> Side:
    side = Side(name, "publish", address, first, count)
    side.go()
    return side


def redis_cpu(client: redis.Redis) -> float:
    used = client.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def compare(name: str, count: int, parent: str | None) -> None:
    one = measure(name, count, parent)
    figures = (f"{one.bare:,.0f}", f"{one.ours:,.0f}", f"{one.ours / one.bare:.2f}")
    print(COLUMNS.format(name, *figures, f"{one.gateway:.0f}", f"{one.redis:.0f}"), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=200, help="of the time to the first request; 0: none")
    parser.add_argument("--only", choices=WAYS, action="append", help="this transport; may be given more than once")
    parser.add_argument("--disk", action="store_true", help="keep brokers and Redis on the disk, not in /dev/shm")
    return parser.parse_args()


def main() -> None:
    options = _arguments()
    parent = None if options.disk or not Path(MEMORY).is_dir() else MEMORY
    if options.messages:
        print(COLUMNS.format("messages/s", "bare", "gateway", "ratio", "gateway µs", "Redis µs"), flush=True)
        for name in options.only or WAYS:
            compare(name, options.messages, parent)
    if options.samples:
        for name in ("redis", "http"):
            if name in (options.only or WAYS):
                print(
                    f"{name}: to the first request, ms: {percentiles(sample(name, options.samples, parent))}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
