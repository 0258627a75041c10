"""The command line of a further worker process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pdfspider.submission.params import Params

if TYPE_CHECKING:
    import argparse


def child_command(spider: str, opts: argparse.Namespace) -> list[str]:
    """Return the command that runs the same spider with the same settings, but submits nothing."""
    settings = [word for given in opts.set for word in ("-s", given)]
    own = {name: value for name, value in opts.spargs.items() if name not in Params.model_fields}
    arguments = [word for item in own.items() for word in ("-a", "{}={}".format(*item))]
    return [sys.executable, "-m", "pdfspider.cli", "crawl", spider, *arguments, *settings, *_log(opts)]


def _log(opts: argparse.Namespace) -> list[str]:
    level = ["--loglevel", opts.loglevel] if opts.loglevel else []
    file = ["--logfile", opts.logfile] if opts.logfile else []
    return [*level, *file, *(["--nolog"] if opts.nolog else [])]
