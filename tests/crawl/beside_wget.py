"""What a crawl and ``wget -r`` keep of the odd sites, site by site: ``python -m tests.crawl.beside_wget``.

With ``--cases DIRECTORY`` also of others: ``server.py`` there serves them, ``cases.json`` says where each begins and
what is to be kept of it (``expect``: ``pdf_sha256``, ``wish_sha256``, ``not_kept``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from bench.processes import redis_server
from tests.crawl.hostile import hostile
from tests.crawl.odd_sites import build
from tests.support import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

WGET = ["-r", "-l", "inf", "-e", "robots=off", "-t", "2", "-T", "10", "--waitretry=1", "-nv", "-H"]
LIMIT = 300


class Site(NamedTuple):
    """A site: what is to be kept of it, what would be welcome, and what must not be kept, by hash."""

    name: str
    must: frozenset[str]
    wish: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()


class Kept(NamedTuple):
    """What each of the two has kept, by hash."""

    ours: set[str]
    wget: set[str]


def compare(urls: list[str], hosts: list[str]) -> Kept:
    """Crawl from ``urls``, then have wget do so, on these hosts."""
    with tempfile.TemporaryDirectory(prefix="beside-") as directory:
        place = Path(directory)
        with redis_server(place) as redis_url:
            fleet = Fleet(place, redis_url)
            try:
                fleet.crawl(*urls)
            finally:
                fleet.stop()
            ours = fleet.files()
        store = place / "wget"
        command = ["wget", *WGET, "-D", ",".join(hosts), "-P", str(store), *urls]
        with (place / "log").open("wb") as log, contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, stdout=log, stderr=log, timeout=LIMIT, check=False)
        files = [path for path in store.rglob("*") if path.is_file()]
        return Kept(ours, {sha256(path.read_bytes()).hexdigest() for path in files})


def odd_sites() -> tuple[list[Site], Kept]:
    with hostile() as server:
        made = build(server)
        sites = [Site(odd.name, frozenset(odd.documents.values()), wrong=frozenset(odd.refused)) for odd in made]
        return sites, compare([server.url()], ["127.0.0.1", "127.0.0.2"])


def cases(directory: Path) -> tuple[list[Site], Kept]:
    told = json.loads((directory / "cases.json").read_text("utf-8"))
    expected = [(f"{one['id']} {one['title']}", one["expect"]) for one in told]
    sites = [
        Site(name, *(frozenset(expect[key]) for key in ("pdf_sha256", "wish_sha256", "not_kept")))
        for name, expect in expected
    ]
    urls = [one["start_url"] for one in told]
    with served(directory, urls[0]):
        return sites, compare(urls, sorted({str(urlsplit(url).hostname) for url in urls}))


@contextlib.contextmanager
def served(directory: Path, url: str) -> Iterator[None]:
    server = subprocess.Popen([sys.executable, "server.py"], cwd=directory)
    parts = urlsplit(url)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection((str(parts.hostname), parts.port or 80)):
                break
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


def show(sites: list[Site], kept: Kept) -> bool:
    """Print a line for each site, and return whether we keep all that must be kept and nothing else."""
    row = "{:<60.60} {:>6} {:>12} {:>12}"
    print(row.format("site", "must", "pdfspider", "wget -r"))
    for site in sites:
        cells = (_cell(site, files) for files in kept)
        print(row.format(site.name, f"{len(site.must)}+{len(site.wish)}", *cells))
    musts, wrong = frozenset().union(*(one.must for one in sites)), frozenset().union(*(one.wrong for one in sites))
    total = Site("all", musts, frozenset().union(*(one.wish for one in sites)), wrong)
    print(row.format("all", f"{len(musts)}+{len(total.wish)}", *(_cell(total, files) for files in kept)))
    return musts <= kept.ours and not wrong & kept.ours


def _cell(site: Site, files: set[str]) -> str:
    wrong = len(site.wrong & files)
    return f"{len(site.must & files)}+{len(site.wish & files)}{f' ({wrong} wrong)' if wrong else ''}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crawl.beside_wget", description=__doc__)
    parser.add_argument("--cases", type=Path, help="a directory with further sites")
    options = parser.parse_args()
    if shutil.which("wget") is None:
        print("wget is not installed: apt-get install wget", file=sys.stderr)
        return 1
    good = show(*odd_sites())
    if options.cases:
        print()
        good &= show(*cases(options.cases))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
