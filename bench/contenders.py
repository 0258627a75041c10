"""The crawlers that are compared, each with its command."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.processes import PROJECT

PEERS = PROJECT / "build" / "peers"
"""Where ``make peers`` puts what is no dependency of the project."""
STOCK = PROJECT / "bench" / "stock"
WGET_REFUSED = 8
"""wget's exit code where the server answered something with an error, such as robots.txt with 404."""


@dataclass(frozen=True)
class Contender:
    """A crawler; ``{url}``, ``{hosts}``, ``{redis}`` and ``{data}`` in its command are filled in for every round."""

    name: str
    command: tuple[str, ...]
    directory: Path = PROJECT
    start_key: str | None = None
    """The Redis list that the start URL is pushed to, where it is no argument."""
    needs: str = ""
    """A module or a program without which it cannot run."""
    good: tuple[int, ...] = (0,)

    @property
    def missing(self) -> str | None:
        """What has to be installed first, None if nothing."""
        name = self.needs
        if not name or Path(name).exists() or shutil.which(name) or ("/" not in name and _is_module(name)):
            return None
        return f"{Path(name).name}: make peers" if "/" in name else name


def _is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


SETTINGS = ("DOWNLOAD_DELAY=0", "CONCURRENT_REQUESTS=32", "CONCURRENT_REQUESTS_PER_DOMAIN=8", "REDIS_URL={redis}")
OPTIONS = tuple(word for setting in SETTINGS for word in ("-s", setting))
SCRAPY = (sys.executable, "-m", "scrapy", "crawl")
FILES = ("-s", "FILES_STORE={data}/files")
# The stock stack looks inside no document, and the CPU of the processes that do would count as the crawl's.
PDFSPIDER = (*SCRAPY, "pdfs", "-a", "urls={url}", "-a", "scope=any", *OPTIONS, "-s", "DATA_DIR={data}")
PLAIN = ("-s", "PDF_INSPECT=False")
CRAWLEE = str(PEERS / "crawlee" / "bin" / "python")
LIBCURL = str(PEERS / "libcurl" / "bin" / "python")
COLLY = str(PEERS / "colly")

STOCK_PARTS = (
    "SCHEDULER=scrapy_redis.scheduler.Scheduler",
    "DUPEFILTER_CLASS=scrapy_redis.dupefilter.RFPDupeFilter",
    "MAX_IDLE_TIME_BEFORE_CLOSE=1",
    "DATA_DIR={data}",
)
"""The same spider with the scheduler of scrapy-redis and Scrapy's FilesPipeline."""

STANDARD = (
    Contender(
        "stock",
        (*SCRAPY, "pdfs", "-a", "scope=any", *OPTIONS, *(word for part in STOCK_PARTS for word in ("-s", part))),
        start_key="pdfs:start_urls",
    ),
    Contender("pdfspider", (*PDFSPIDER, *PLAIN)),
)
FURTHER = (
    Contender("scrapy-redis", (*SCRAPY, "stock", *OPTIONS, *FILES), STOCK, start_key="stock:start_urls"),
    Contender("scrapy", (*SCRAPY, "plain", "-a", "url={url}", *OPTIONS, *FILES), STOCK),
    Contender("crawlee", (CRAWLEE, "-m", "bench.peers.by_crawlee", "{url}", "{data}/files"), needs=CRAWLEE),
    Contender("colly", (COLLY, "{url}", "{data}/files"), needs=COLLY),
    Contender(
        "wget",
        ("wget", "-q", "-r", "-l", "inf", "-H", "-D", "{hosts}", "-P", "{data}/files", "{url}"),
        needs="wget",
        good=(0, WGET_REFUSED),
    ),
    Contender("by hand, aiohttp", (sys.executable, "-m", "bench.peers.by_aiohttp", "{url}", "{data}/files")),
    Contender("by hand, libcurl", (LIBCURL, "-m", "bench.peers.by_libcurl", "{url}", "{data}/files"), needs=LIBCURL),
)
CONTENDERS = STANDARD + FURTHER
