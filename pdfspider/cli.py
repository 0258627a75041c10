"""The command ``pdfspider``: the project's commands, in any directory."""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module

from scrapy.cmdline import execute

from pdfspider import commands

HELP = ("-h", "--help", "help")


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    words = sys.argv[1:]
    if not words or words[0] in HELP:
        sys.stdout.write(usage())
        return
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "pdfspider.settings")
    execute(["pdfspider", *words])


def usage() -> str:
    """Return the list of commands as text."""
    purposes = {name: import_module(f"{commands.__name__}.{name}").Command().short_desc() for name in names()}
    width = max(map(len, purposes))
    return "\n".join(
        [
            "Usage: pdfspider COMMAND [options] [arguments]",
            "",
            "  pdfspider crawl https://example.org/     bring back the PDFs of a site, into ./data",
            "",
            "Commands:",
            *(f"  {name:<{width}}  {purpose}" for name, purpose in purposes.items()),
            "",
            "pdfspider COMMAND -h describes a command. -s NAME=VALUE sets any setting.",
            "",
        ]
    )


def names() -> list[str]:
    """Return the names of the project's commands."""
    return sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if not module.name.startswith("_"))


if __name__ == "__main__":
    main()
