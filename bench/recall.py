"""What pdfspider, wget and the stock stack find on the shaped site: ``python -m bench.recall``.

For each technique: how many distinct documents were kept of those that can be had. Then what was kept wrongly, false
documents (no PDF) and truncated ones, and how many requests it took.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.compare import MEMORY, push
from bench.content import sha256
from bench.processes import CrawlFailed, redis_server, run_scrapy
from bench.server import PROJECT
from bench.shaped.server import serve
from bench.shaped.site import Shaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.server import Server

    Crawl = Callable[[Server[Shaped], Path, float], Path]

FAST = [
    word
    for setting in ("DOWNLOAD_DELAY=0", "CONCURRENT_REQUESTS=32", "CONCURRENT_REQUESTS_PER_DOMAIN=8")
    for word in ("-s", setting)
]
HEAD_BYTES = 1024
TOTAL = "all"


class Missing(Exception):
    """A crawler that is not installed here; the message says so."""


@dataclass(frozen=True)
class Recall:
    """``found``: distinct documents by technique; ``false`` files are no PDFs, ``truncated`` ones are not whole."""

    found: dict[str, int]
    false: int
    truncated: int
    requests: int
    seconds: float


def pdfspider(server: Server[Shaped], directory: Path, limit: float) -> Path:
    with redis_server(directory) as redis:
        words = ["-s", f"REDIS_URL={redis}", "-s", f"DATA_DIR={directory / 'data'}", "-s", "FRONTIER_RETRY_DELAY=0.1"]
        words += ["-s", f"PDF_SITE_RULES={json.dumps(server.site.rules)}"]
        urls = ",".join(server.site.seeds)
        run_scrapy(["crawl", "pdfs", "-a", f"urls={urls}", *FAST, *words], PROJECT, directory / "output", limit)
    return directory / "data" / "files"


def stock(server: Server[Shaped], directory: Path, limit: float) -> Path:
    store = directory / "files"
    with redis_server(directory) as redis:
        for url in server.site.seeds:
            push(redis, "stock:start_urls", url)
        words = ["-s", f"REDIS_URL={redis}", "-s", f"FILES_STORE={store}"]
        run_scrapy(["crawl", "stock", *FAST, *words], PROJECT / "bench" / "stock", directory / "output", limit)
    return store


def wget(server: Server[Shaped], directory: Path, limit: float) -> Path:
    """``wget -r -A pdf`` over the site's hosts; what it could not get makes it end with a status of its own."""
    program = shutil.which("wget")
    if program is None:
        raise Missing("wget is not installed: apt-get install wget")
    store = directory / "files"
    hosts = ",".join(server.site.addresses)
    words = ["-r", "-A", "pdf", "-l", "inf", "-H", "-D", hosts, "-t", "3", "--waitretry=0", "-nv", "-P", str(store)]
    with (directory / "output").open("wb") as output, contextlib.suppress(subprocess.TimeoutExpired):
        command = [program, *words, *server.site.seeds]
        subprocess.run(command, stdout=output, stderr=output, timeout=limit, check=False)
    return store


CRAWLERS: dict[str, Crawl] = {"pdfspider": pdfspider, "wget -r -A pdf": wget, "stock": stock}


def measure(crawl: Crawl, site: Shaped, limit: float) -> Recall:
    """One whole crawl of a fresh server. Raises Missing, CrawlFailed."""
    parent = MEMORY if Path(MEMORY).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="recall-", dir=parent) as directory, serve(site) as server:
        started = time.monotonic()
        store = crawl(server, Path(directory), limit)
        seconds = time.monotonic() - started
        return judge(site, store, len(server.log()), seconds)


def judge(site: Shaped, store: Path, requests: int, seconds: float) -> Recall:
    """What a store has of the site's documents, whatever the names of its files."""
    kept = dict(_files(store))
    found = {technique: len(kept.keys() & hashes) for technique, hashes in sorted(site.by_place().items())}
    wrong = [kept[sha256] for sha256 in kept.keys() - set(site.hashes)]
    false = sum(b"%PDF-" not in head for head in wrong)
    return Recall({**found, TOTAL: sum(found.values())}, false, len(wrong) - false, requests, seconds)


def _files(store: Path) -> Iterator[tuple[str, bytes]]:
    """The SHA-256 and the head of every file that is not hidden, as staging is."""
    for path in store.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(store).parts):
            body = path.read_bytes()
            yield sha256([body]), body[:HEAD_BYTES]


def report(site: Shaped, recalls: dict[str, Recall]) -> None:
    expected = {technique: len(documents) for technique, documents in sorted(site.by_place().items())}
    expected[TOTAL] = sum(expected.values())
    row = "{:<20} {:>9}" + " {:>15}" * len(recalls)
    print(row.format("technique", "expected", *recalls))
    for technique, count in expected.items():
        print(row.format(technique, count, *(one.found[technique] for one in recalls.values())))
    shares = (f"{100 * one.found[TOTAL] / expected[TOTAL]:.1f} %" for one in recalls.values())
    print(row.format("recall", "", *shares))
    print(row.format("false documents", 0, *(one.false for one in recalls.values())))
    print(row.format("truncated documents", 0, *(one.truncated for one in recalls.values())))
    print(row.format("requests", "", *(one.requests for one in recalls.values())))
    print(row.format("seconds", "", *(f"{one.seconds:.1f}" for one in recalls.values())))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.recall", description=__doc__)
    parser.add_argument("--only", choices=CRAWLERS, help="run one of them alone")
    parser.add_argument("--limit", type=float, default=300, help="seconds after which a crawl is killed")
    for name in ("urls", "hosts", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Shaped, name), help="of the site")
    options = parser.parse_args()
    site = Shaped(options.urls, options.hosts, options.seed)
    print(", ".join(f"{what}: {count}" for what, count in site.figures().items()), flush=True)
    recalls = {}
    for name, crawl in CRAWLERS.items():
        if options.only in {None, name}:
            try:
                recalls[name] = measure(crawl, site, options.limit)
            except Missing as error:
                print(f"left out: {error}")
            except CrawlFailed as error:
                print(error, file=sys.stderr)
                return 1
    report(site, recalls)
    return 0


if __name__ == "__main__":
    sys.exit(main())
