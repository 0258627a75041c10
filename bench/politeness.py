"""How much of the rate that politeness allows a crawl reaches: ``python -m bench.politeness --report DIR``.

Every host answers after the same time, and may be asked once in so many seconds. All documents of all hosts are
submitted at once, so that no host ever waits for a link to be found. For each combination the share of the allowed
rate between a host's first and last request, the share over the whole crawl with its beginning and its end, and the
starts that came too early; all of it from the web server's log. Files are in memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.compare import MEMORY
from bench.plots import write_image
from bench.processes import redis_server, run
from bench.results import machine, plot_shares
from bench.server import PROJECT, serve
from bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.log import Entry

LATENCIES, DELAYS, WORKERS = (50, 300), (0.1, 0.3, 1.0), (1, 2, 4)
HOSTS, SECONDS = 16, 10.0
TOLERANCE = 0.005
"""Seconds by which two requests may arrive closer together than they were sent."""
LIMIT = 600.0


@dataclass(frozen=True)
class Share:
    """What one crawl reached, as shares of what the delay allows."""

    latency: int
    delay: float
    workers: int
    between: float
    """The median over the hosts, between the first and the last request of each."""
    whole: float
    """From the first request of all to the end of the last answer."""
    early: int

    @property
    def name(self) -> str:
        """What was crawled, in words."""
        return f"{self.workers} at {self.delay:g} s, {self.latency} ms"

    def row(self) -> str:
        """Return the row of a table in Markdown."""
        shares = f"{self.between:.1%} | {self.whole:.1%} | {self.early}"
        return f"| {self.workers} | {self.delay:g} | {self.latency} | {shares} |"


def measure(latency: int, delay: float, workers: int) -> Share:
    """Crawl with so many workers, and return what share of the allowed rate they reached."""
    site = Site(hosts=HOSTS, pages=HOSTS, documents=round(HOSTS * SECONDS / delay))
    with (
        tempfile.TemporaryDirectory(prefix="politeness-", dir=MEMORY) as text,
        redis_server(Path(text)) as redis_url,
        serve(site, latency=latency) as server,
    ):
        urls = Path(text) / "urls"
        urls.write_text("\n".join(server.site.document_urls()))
        settings = {"DOWNLOAD_DELAY": delay, "REDIS_URL": redis_url, "DATA_DIR": f"{text}/data", "PDF_INSPECT": False}
        settings |= in_flight(latency, delay)
        options = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
        command = [sys.executable, "-m", "scrapy", "crawl", "pdfs", "-a", f"urls_file={urls}", *options]
        run([*command, "--workers", str(workers)], PROJECT, Path(text) / "output", LIMIT)
        return Share(latency, delay, workers, *shares(server.log(), delay))


def in_flight(latency: int, delay: float) -> dict[str, int]:
    """Return the settings with which hosts that answer so slowly can be asked so often."""
    turns = latency // round(1000 * delay)  # that pass while a host answers
    at_a_host = turns + 2 if turns else 1
    return {"CONCURRENT_REQUESTS_PER_DOMAIN": at_a_host, "CONCURRENT_REQUESTS": 2 * HOSTS * at_a_host}


def shares(log: Iterable[Entry], delay: float) -> tuple[float, float, int]:
    """Return the share between requests, the share over the whole crawl, and the number of starts that came early."""
    starts, ends = defaultdict(list), []
    for entry in log:
        starts[entry.address].append(entry.received)
        ends.append(entry.ended or entry.received)
    allowed = {host: (len(times) - 1) * delay for host, times in starts.items()}
    between = median(allowed[host] / (max(times) - min(times)) for host, times in starts.items())
    took = max(ends) - min(map(min, starts.values()))
    gaps = (later - before for times in starts.values() for before, later in pairwise(sorted(times)))
    return between, max(allowed.values()) / took, sum(gap < delay - TOLERANCE for gap in gaps)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.politeness", description=__doc__)
    parser.add_argument("--report", type=Path, metavar="DIR", help="write politeness.md, .svg and .png there")
    options = parser.parse_args()
    head = "| workers | delay, s | answer after, ms | share between requests | of the whole crawl | too early |"
    lines = [head, "|---|---|---|---|---|---|"]
    print("\n".join(lines))
    found = []
    for latency, delay, workers in product(LATENCIES, DELAYS, WORKERS):
        found.append(measure(latency, delay, workers))
        lines.append(found[-1].row())
        print(lines[-1], flush=True)
    if options.report:
        options.report.mkdir(parents=True, exist_ok=True)
        (options.report / "politeness.md").write_text("\n".join([f"{machine()}\n", *lines, ""]))
        write_image(options.report / "politeness.svg", plot_shares({one.name: one.between for one in found}))


if __name__ == "__main__":
    main()
