"""Crawl the benchmark site with the stock stack and with pdfspider in turns: ``python -m bench.compare --rounds 3``.

The figure is responses per CPU-second of the crawling process, start-up included; Redis and the site's server are
processes of their own and not in it. Machines drift: only the ratio within one run means something.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import redis

from bench.contenders import CONTENDERS, STANDARD, Contender
from bench.plots import write_image
from bench.processes import CrawlFailed, redis_server, run
from bench.results import Measurement, machine, plot, table
from bench.server import serve
from bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.log import Entry

SITE = ("hosts", "pages", "documents", "seed", "large", "largest")
"""The fields of the site that options set."""
MEMORY = "/dev/shm"
"""Where files cost least and the same each time: a disk's write-back falls on whoever runs just then."""


def measure(contender: Contender, site: Site, *, tmpfs: bool, limit: float) -> Measurement:
    """One whole crawl on a fresh server, Redis and store, all of which are gone afterwards."""
    parent = MEMORY if tmpfs else None
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as directory,
        redis_server(Path(directory)) as redis_url,
        serve(site) as server,
    ):
        data = Path(directory) / "data"
        data.mkdir()
        if contender.start_key:
            push(redis_url, contender.start_key, server.url)
        given = {"url": server.url, "hosts": ",".join(site.addresses), "redis": redis_url, "data": data}
        words = [word.format_map(given) for word in contender.command]
        wall, usage = run(words, contender.directory, Path(directory) / "output", limit, contender.good)
        pages_and_documents = [entry for entry in server.log() if is_response(entry)]
        return Measurement(
            responses=len(pages_and_documents),
            documents=len(hashes(data / "files") & set(site.expected().values())),
            cpu=usage.ru_utime + usage.ru_stime,
            wall=wall,
            active=span(pages_and_documents),
            peak_mb=usage.ru_maxrss / 1024,
            redis=cpu_of(redis_url),
        )


def cpu_of(redis_url: str) -> float:
    """Return the CPU seconds that a Redis has used."""
    with redis.Redis.from_url(redis_url) as client:
        used: dict[str, float] = client.info("cpu")
    return used["used_cpu_user"] + used["used_cpu_sys"]


def push(redis_url: str, key: str, url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(key, json.dumps({"url": url}))


def is_response(entry: Entry) -> bool:
    return entry.status == 200 and entry.path != "/robots.txt"


def span(entries: Sequence[Entry]) -> float:
    if not entries:
        return 0
    return max(entry.ended or 0 for entry in entries) - min(entry.received for entry in entries)


def hashes(directory: Path) -> set[str]:
    """The SHA-256 of every file below ``directory`` that is not hidden, as staging is."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    stored = [path for path in files if not any(part.startswith(".") for part in path.relative_to(directory).parts)]
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in stored}


COLUMNS = "{:<17} {:>9} {:>9} {:>7} {:>9} {:>7} {:>7} {:>8}"


def report(name: str, one: Measurement) -> None:
    figures = (f"{one.cpu:.2f}", f"{one.rate:.0f}", f"{one.wall:.1f}", f"{one.active:.1f}", f"{one.peak_mb:.0f}")
    print(COLUMNS.format(name, one.responses, one.documents, *figures), flush=True)


def summarise(measured: dict[str, list[Measurement]], expected: int) -> bool:
    """Print the medians and their ratios to the first; tells whether every document was always found."""
    rates = {name: median(one.rate for one in rounds) for name, rounds in measured.items()}
    first = next(iter(rates.values()))
    for name, rate in rates.items():
        print(f"{name}: median {rate:.0f} responses per CPU-second, ratio {rate / first:.2f}")
    lost = {name: expected - min(one.documents for one in rounds) for name, rounds in measured.items()}
    print(f"documents expected {expected}; most missed in a round: {lost}")
    return not any(lost.values())


def _arguments() -> argparse.Namespace:
    names = [contender.name for contender in CONTENDERS]
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=names, help="run this one; may be given several times")
    parser.add_argument("--all", action="store_true", help="run all that are installed: see make peers")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write comparison.md, .svg and .png there")
    parser.add_argument("--disk", action="store_true", help="keep stores and Redis on the disk, not in /dev/shm")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a crawl is killed")
    for name in SITE:
        parser.add_argument(f"--{name}", type=int, default=getattr(Site, name), help="of the site")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[Contender]:
    """Return the crawlers that are asked for and installed, and say which are not."""
    asked = [one for one in CONTENDERS if one.name in options.only] if options.only else STANDARD
    found = []
    for contender in CONTENDERS if options.all else asked:
        if contender.missing:
            print(f"{contender.name} is left out, for it is not installed ({contender.missing})", file=sys.stderr)
        else:
            found.append(contender)
    return found


def write_report(directory: Path, measured: dict[str, list[Measurement]], site: Site) -> None:
    """Write the table and the plot, this as SVG and as PNG."""
    directory.mkdir(parents=True, exist_ok=True)
    rounds = len(next(iter(measured.values())))
    (directory / "comparison.md").write_text(f"{machine()}, {rounds} rounds\n\n{table(measured, site.documents)}\n")
    write_image(directory / "comparison.svg", plot(measured))


def main() -> int:
    """Compare, and return the exit code."""
    options = _arguments()
    site = Site(**{name: getattr(options, name) for name in SITE})
    contenders = chosen(options)
    measured: dict[str, list[Measurement]] = {contender.name: [] for contender in contenders}
    print(COLUMNS.format("", "responses", "documents", "CPU s", "per CPU-s", "wall s", "active", "peak MB"))
    for _ in range(options.rounds):
        for contender in contenders:
            try:
                one = measure(contender, site, tmpfs=not options.disk and Path(MEMORY).is_dir(), limit=options.limit)
            except CrawlFailed as error:
                print(error, file=sys.stderr)
                return 1
            measured[contender.name].append(one)
            report(contender.name, one)
    if options.report:
        write_report(options.report, measured, site)
    return 0 if summarise(measured, site.documents) else 1


if __name__ == "__main__":
    sys.exit(main())
