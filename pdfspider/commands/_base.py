"""Base classes and helpers of the commands.

No class here is a ScrapyCommand, because Scrapy takes every such class in this package for a command.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError
from redis.exceptions import RedisError
from scrapy.exceptions import UsageError

from pdfspider.config import Config
from pdfspider.crawl.engine.tuning import collect_rarely
from pdfspider.embedded import EmbeddedRedis
from pdfspider.exceptions import ConfigurationError, InvalidInput, PdfSpiderError
from pdfspider.formatting import PROGRAM_NAMES, printable
from pdfspider.frontier.connection import check, connect
from pdfspider.frontier.jobs import job_name
from pdfspider.frontier.migration import check_format
from pdfspider.frontier_setup import frontier_for
from pdfspider.records.engine import read_url
from pdfspider.submission.params import Params, faults

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from scrapy.commands import ScrapyCommand
    from scrapy.settings import BaseSettings

    from pdfspider.frontier.frontier import Frontier

    Work = Callable[[Frontier], Awaitable[None]]
    Mixin = ScrapyCommand
else:
    Mixin = object

INTERRUPTED, CLOSED_PIPE = 130, 141
"""Exit codes, as shells give them for SIGINT and SIGPIPE."""
LIMIT_ARGUMENTS = {name: name for name in ("max_pages", "max_documents", "max_seconds")}
"""The arguments that limit a job, and the options of commands that give them."""


class ProjectCommand(Mixin):
    """A mixin for the project's commands.

    An error that the user can correct is printed as one line on standard error, with exit code 1.
    """

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        """Run the command.

        Raises PdfSpiderError.
        """
        raise NotImplementedError

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        name_program(parser)

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        set_settings(self.settings, opts.set)
        super().process_options(args, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        check_words(args, opts)
        collect_rarely()
        with _reporting(self):
            self.act(read_config(self.settings), args, opts)


class FrontierCommand(ProjectCommand):
    """A mixin for commands that use the frontier."""

    creates: ClassVar[bool] = False
    """True to start an embedded Redis if none was ever started."""

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        """Return the work, after all checks that need no frontier.

        Raises PdfSpiderError.
        """
        raise NotImplementedError

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """Return the function that makes the event loop, None for asyncio's own."""
        return None

    def when_nothing(self, config: Config, opts: argparse.Namespace) -> None:
        """Report that there is no frontier yet."""
        raise ConfigurationError(f"nothing was ever crawled or submitted with DATA_DIR {config.data_dir}")

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        work = self.plan(config, args, opts)
        if config.redis_url is None and not self.creates and not (config.data_dir / "redis" / "version").exists():
            self.when_nothing(config, opts)
            return
        with redis_url(config) as url, asyncio.Runner(loop_factory=self.loop_factory()) as runner:
            runner.run(_do(work, config, url))


@contextmanager
def _reporting(command: ProjectCommand) -> Iterator[None]:
    """Print errors that the user can correct as one line, and set the exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        command.exitcode = CLOSED_PIPE
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python prints an error at exit
    except (PdfSpiderError, RedisError, OSError) as error:
        command.exitcode = complain(str(error))
    except KeyboardInterrupt:
        command.exitcode = INTERRUPTED


@contextmanager
def redis_url(config: Config) -> Iterator[str]:
    if config.redis_url:
        yield config.redis_url
    else:
        with EmbeddedRedis(config.data_dir / "redis", config.embedded_maxmemory) as embedded:
            yield embedded.url


async def _do(work: Work, config: Config, url: str) -> None:
    await check(url, **config.redis_params)
    redis = connect(url, **config.redis_params)
    try:
        await check_format(redis)
        await work(frontier_for(config, redis))
    finally:
        await redis.aclose()


def read_config(settings: BaseSettings | None) -> Config:
    """Return the configuration in the settings.

    Raises ConfigurationError.
    """
    assert settings is not None
    return Config.from_settings(settings)


def set_settings(settings: BaseSettings, assignments: list[str]) -> None:
    """Set what the options ``-s`` say. Raises UsageError for one without a value, or that is not JSON and has to be."""
    for name, is_given, value in (assignment.partition("=") for assignment in assignments):
        if not is_given:
            raise UsageError(f"-s {name}: there is no value, write -s {name}=VALUE", print_help=False)
        try:
            settings.set(name, value, "cmdline")
        except (ValueError, TypeError) as error:
            raise UsageError(f"-s {name}={value}: it is not a JSON object: {error}", print_help=False) from None


def check_words(args: Iterable[str], opts: argparse.Namespace) -> None:
    """Raise UsageError for an argument that is empty or an unknown option, and for an option with an empty value.

    An empty word is a variable of a shell that is not set, and must not mean "all".
    """
    for word in args:
        if word.startswith("--"):
            raise UsageError(f"there is no option {word}")
        if not word:
            raise UsageError("an argument is empty")
    for name, value in vars(opts).items():
        if value == "":
            raise UsageError(f"--{name.replace('_', '-')} is empty")


def require_database(config: Config) -> None:
    """Raise ConfigurationError unless the database exists."""
    url = read_url(config.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise ConfigurationError(f"there is no database at {config.shown_database}")


def only(args: list[str], what: str) -> str:
    """Return the one argument that a command takes.

    Raises UsageError.
    """
    if len(args) != 1:
        raise UsageError(f"expected {what}")
    return args[0]


def one_job(args: list[str]) -> str:
    """Return the job's name, which is the one argument.

    Raises UsageError and InvalidInput.
    """
    return job_name(only(args, "one job"))


def read_params(opts: argparse.Namespace, names: Mapping[str, str], **given: Any) -> Params:
    """Return the spider's arguments that options give; ``names`` has the option of each.

    Raises InvalidInput with a line for each invalid one.
    """
    found = {name: value for name, option in names.items() if (value := getattr(opts, option)) is not None}
    try:
        return Params(**given, **found)
    except ValidationError as error:
        lines = (f"--{names.get(name, name).replace('_', '-')} {value}: {text}" for name, value, text in faults(error))
        raise InvalidInput("\n".join(lines)) from None


def program() -> str:
    """Return the name of the program that was started: ``pdfspider`` or ``scrapy``."""
    name = Path(sys.argv[0]).name
    return name if name in PROGRAM_NAMES else "scrapy"


def name_program(parser: argparse.ArgumentParser) -> None:
    """Use the name of the program that was started in the usage, where Scrapy writes its own."""
    if parser.usage:
        parser.usage = parser.usage.replace("scrapy", program(), 1)


def say(text: str) -> None:
    """Write a line to standard output, without what a terminal would obey."""
    sys.stdout.write(f"{printable(text)}\n")


async def say_if_no_worker(frontier: Frontier) -> None:
    """Say how to start a worker if there is none."""
    if not [worker async for worker in frontier.workers()]:
        say(f"no worker is running: start one with {program()} crawl pdfs")


def complain(*problems: str) -> int:
    """Write each problem as an error, and return the exit code."""
    for problem in problems:
        for line in problem.splitlines():
            sys.stderr.write(f"error: {printable(line)}\n")
    return 1
