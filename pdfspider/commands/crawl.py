"""``scrapy crawl``: run a worker, after all arguments and settings have been checked."""

from __future__ import annotations

import asyncio
import logging
import os
from argparse import SUPPRESS
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError
from scrapy import signals
from scrapy.commands import crawl
from scrapy.exceptions import UsageError
from scrapy.settings import SETTINGS_PRIORITIES, default_settings

from pdfspider.commands._base import complain, name_program, program, read_config, set_settings
from pdfspider.crawl.engine import stock_parts
from pdfspider.crawl.engine.ignored_settings import WITHOUT_EFFECT
from pdfspider.crawl.engine.parts import check_parts, check_reactor
from pdfspider.crawl.engine.scheduler import PDF_SPIDER
from pdfspider.crawl.processes.child import ChildReports, done_by_first
from pdfspider.crawl.processes.command import child_command
from pdfspider.crawl.processes.number import number_of_workers
from pdfspider.crawl.processes.parent import WorkerProcesses
from pdfspider.exceptions import ConfigurationError, InvalidInput, PdfSpiderError
from pdfspider.fields import MAX_NUMBER, as_number, as_switch
from pdfspider.spiders.pdfs import PdfSpider
from pdfspider.submission.params import Params, faults
from pdfspider.submission.seeds import read_seeds

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)

FAILED_REASONS = ("refused", "failed", "start_error", "")
"""Close reasons that are errors; "" means that the spider was ended by force."""
PART_BUILDERS = {"pdfspider", "scrapy", "importlib", "_frozen_importlib"}
"""The packages whose code loads and builds the parts that settings name."""


class Command(crawl.Command):
    """Scrapy's command ``crawl``, with readable errors and a log of only the important events."""

    _workers = 1
    _processes: ChildReports | WorkerProcesses | None = None
    """Kept here, because signals do not keep who listens."""
    _reason: str | None = None
    """The spider's close reason; "" while it is open, None before."""

    def syntax(self) -> str:
        return "[options] <spider> | URL ..."

    def short_desc(self) -> str:
        return "Crawl sites, or serve the frontier as a worker"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        name_program(parser)
        parser.add_argument(
            "--workers",
            metavar="N",
            default="1",
            help="run N worker processes on this machine, or with 'auto' one for each core",
        )
        parser.add_argument("--reports-to", type=int, help=SUPPRESS)

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        set_settings(self.settings, opts.set)
        super().process_options(args, opts)
        _take_urls(args, opts.spargs)
        self._count_workers(opts)
        if not isinstance(logging.getLevelName(str(self.settings["LOG_LEVEL"])), int):
            raise UsageError(f"there is no log level {self.settings['LOG_LEVEL']}", print_help=False)
        _check_log(self.settings["LOG_FILE"])
        try:
            check_reactor(self.settings)
        except ConfigurationError as error:
            raise UsageError(str(error), print_help=False) from None
        if self._is_quiet:
            logging.getLogger("scrapy.utils.log").addFilter(_matters)

    def _count_workers(self, opts: argparse.Namespace) -> None:
        """Read --workers, and switch off in further processes what the first one does for all.

        Raises UsageError.
        """
        assert self.settings is not None
        try:
            self._workers = number_of_workers(opts.workers)
        except ConfigurationError as error:
            raise UsageError(str(error), print_help=False) from None
        if self._workers > 1 and (opts.output or opts.overwrite_output):
            raise UsageError(
                "-o and -O write what one process finds: with --workers, use the command export afterwards",
                print_help=False,
            )
        if opts.reports_to is not None:
            for name in done_by_first(self.settings):
                self.settings["EXTENSIONS_BASE"].set(name, None, "cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1:
            raise UsageError(_expected(args), print_help=False)
        try:
            crawler = self._load(args[0], opts.spargs)
        except InvalidInput as error:
            self.exitcode = complain(*str(error).splitlines())
            return
        if self._is_quiet:
            logging.getLogger("scrapy").setLevel(logging.WARNING)
        if opts.reports_to is not None:
            self._processes = ChildReports(crawler, opts.reports_to)
        elif self._workers > 1:
            self._processes = WorkerProcesses(crawler, child_command(args[0], opts), self._workers - 1)
        self._work(crawler, opts.spargs)

    def _load(self, name: str, arguments: dict[str, str]) -> Crawler:
        """Return a crawler with the spider of this name.

        Raises InvalidInput with a line for each reason for which it cannot run.
        """
        assert self.crawler_process
        loader = self.crawler_process.spider_loader
        try:
            spider = loader.load(name)
        except KeyError:
            raise InvalidInput(f"there is no spider {name!r}: {_advice(name, loader.list())}") from None
        crawler = self._create_crawler(spider)
        if not issubclass(spider, PdfSpider):
            if not stock_parts.are_used(crawler.settings):
                raise InvalidInput(f"{spider.__name__} is no subclass of {PDF_SPIDER}")
        elif problems := list(_problems(crawler, arguments)):
            raise InvalidInput("\n".join(problems))
        return crawler

    def _work(self, crawler: Crawler, arguments: dict[str, str]) -> None:
        assert self.crawler_process
        crawler.signals.connect(self._note_opening, signals.spider_opened)
        crawler.signals.connect(self._note, signals.spider_closed)
        started: Any = self.crawler_process.crawl(crawler, **arguments)
        if isinstance(started, asyncio.Future):
            started.add_done_callback(_explain)
        self.crawler_process.start()
        if self.crawler_process.bootstrap_failed or self._reason in FAILED_REASONS:
            self.exitcode = 1

    def _note_opening(self) -> None:
        self._reason = ""

    def _note(self, reason: str) -> None:
        self._reason = reason

    @property
    def _is_quiet(self) -> bool:
        """Return whether Scrapy's own log is hidden, because the command line sets no level."""
        assert self.settings is not None
        return (self.settings.getpriority("LOG_LEVEL") or 0) < SETTINGS_PRIORITIES["cmdline"]


def _take_urls(args: list[str], arguments: dict[str, str]) -> None:
    """Move URLs among the arguments to the argument ``urls`` of the spider ``pdfs``, which is meant if none is named.

    Raises UsageError.
    """
    urls = [word for word in args if "://" in word]
    if not urls:
        if not args and not arguments.keys().isdisjoint(("urls", "urls_file", "cdx")):
            args.append("pdfs")
        return
    if "urls" in arguments:
        raise UsageError("URLs are given twice: as arguments and with -a urls", print_help=False)
    arguments["urls"] = " ".join(urls)
    args[:] = [word for word in args if "://" not in word] or ["pdfs"]


def _expected(args: list[str]) -> str:
    """Return what is wrong with the number of arguments."""
    if args:
        return f"expected one spider, or URLs that begin with http:// or https://, not {' '.join(args)}"
    return f"which site? {program()} crawl https://example.org/ (or serve the frontier: {program()} crawl pdfs)"


def _advice(name: str, known: list[str]) -> str:
    """Return what to do about the unknown name of a spider."""
    meant = [f"https://{name}"] if "." in name else get_close_matches(name, known, 1)
    return f"did you mean {meant[0]}?" if meant else f"SPIDER_MODULES has {', '.join(known) or 'none'}"


def _check_log(file: str | None) -> None:
    try:
        with Path(file or os.devnull).open("a"):
            pass
    except OSError as error:
        raise UsageError(f"cannot write to the log {file}: {error.strerror}", print_help=False) from None


def _matters(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _explain(started: asyncio.Future[None]) -> None:
    if started.cancelled() or (error := started.exception()) is None:
        return
    if isinstance(error, PdfSpiderError):
        logger.error("%s", error)
    elif _cannot_be_made(error):
        logger.critical("The worker cannot start: %s: %s", type(error).__name__, error)
    else:
        logger.critical("The worker cannot start", exc_info=error)


def _cannot_be_made(error: BaseException) -> bool:
    """Return whether Scrapy could not load or build a part that the settings name, of which no line of code has run."""
    names = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    return names[-1] != "pdfspider" and PART_BUILDERS.issuperset(names)


def _problems(crawler: Crawler, arguments: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with the spider's arguments, the settings and the URLs."""
    settings, spider = crawler.settings, cast("type[PdfSpider]", crawler.spidercls)
    known = spider.arguments()
    for name in arguments:
        if name not in known and not name.startswith("_"):
            yield f"-a {name}: no such argument (known: {', '.join(known)})"
    try:
        check_parts(settings)
        config, params = read_config(settings), Params.model_validate(arguments)
        _check_scrapys_own(settings)
        if "urls" in arguments and not params.urls:
            yield "-a urls: there is no URL in it"
        if params.due and not params.names_urls:
            yield "-a due: it needs urls or urls_file, of which it leaves some out"
        read_seeds(params, config)
    except ValidationError as error:
        yield from (f"-a {name}={value}: {text}" for name, value, text in faults(error))
    except PdfSpiderError as error:
        yield str(error)


def _check_scrapys_own(settings: BaseSettings) -> None:
    """Raise ConfigurationError for a Scrapy setting that is not a number or a switch, as its default is."""
    for name, default in vars(default_settings).items():
        if settings.getpriority(name) != SETTINGS_PRIORITIES["cmdline"] or name in WITHOUT_EFFECT:
            continue
        if isinstance(default, bool) or name.endswith("_ENABLED"):
            as_switch(settings, name)
        elif isinstance(default, int | float):
            as_number(settings, name, least=-MAX_NUMBER)
