"""Real sites: the documentation of Debian packages, served on loopback."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin

import lxml.html
import pytest
from w3lib.url import canonicalize_url

from bench.processes import free_port
from tests.support import Fleet, until

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = [
    Path("/usr/share/doc/debian-policy"),
    Path("/usr/share/doc/maint-guide"),
    Path("/usr/share/debian-reference"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [str(place) for place in PLACES if not any(place.glob("**/*.html"))]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    root = tmp_path_factory.mktemp("debian")
    for place in PLACES:
        (root / place.name).symlink_to(place)
    return root


@pytest.fixture
def url(root: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        until(lambda: _answers(port))
        yield f"http://127.0.0.1:{port}/"
        server.kill()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def file_of(root: Path, site: str, url: str) -> Path | None:
    """The file that the server answers with, if it has one."""
    path = root / unquote(url.removeprefix(site).partition("?")[0].partition("#")[0])
    return path if path.is_file() else None


def linked(root: Path, fleet: Fleet, site: str) -> set[str]:
    """Every URL of the site that a link leads to, by a walk of its own over the pages that were crawled."""
    found = set()
    for row in fleet.rows("outcome = 'page'"):
        page = file_of(root, site, row["url"])
        for path in [page] if page else []:
            for link in lxml.html.parse(str(path)).xpath("//a/@href"):
                found.add(canonicalize_url(urljoin(row["url"], link)))
    return {url for url in found if url.startswith(site)}


def test_every_pdf_that_a_link_leads_to(fleet: Fleet, root: Path, url: str) -> None:
    fleet.crawl(url, CONCURRENT_REQUESTS_PER_DOMAIN=16, RETRY_TIMES=0)
    fleet.audit()
    rows = {row["url"]: row for row in fleet.rows()}
    pdfs = {path.resolve() for path in root.glob("*/**/*.pdf")} | {path.resolve() for path in root.glob("*/*.pdf")}
    assert {path.name for path in pdfs} == {"maint-guide.en.pdf", "debian-reference.en.pdf"}
    assert fleet.files() == {hashlib.sha256(path.read_bytes()).hexdigest() for path in pdfs}
    documents = {row["url"]: row for row in rows.values() if row["outcome"] == "document"}
    assert {url.rpartition("/")[2] for url in documents} == {path.name for path in pdfs}
    assert all(row["found_on"] in rows and row["technique"] == "a" for row in documents.values())
    compressed = [row["outcome"] for url, row in rows.items() if url.endswith(".pdf.gz")]
    assert compressed == ["other"] * 2  # the server does not say that it has compressed them itself
    skipped = re.compile(r"\.(css|js|png|svg|ico|gz)$")
    followed = {canonicalize_url(row) for row in rows}
    assert {link for link in linked(root, fleet, url) if not skipped.search(link)} <= followed
