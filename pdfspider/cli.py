"""The command ``pdfspider``: the project's commands, in any directory."""

from __future__ import annotations

import os
import pkgutil
import sys
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points

from scrapy.cmdline import execute

from pdfspider import commands

HELP_WORDS = ("-h", "--help", "help")


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    words = sys.argv[1:]
    if not words or words[0] in HELP_WORDS:
        sys.stdout.write(usage())
        return
    if problem := find_unknown(words[0]):
        sys.stderr.write(f"error: {problem}\n")
        sys.exit(2)
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


def find_unknown(word: str) -> str | None:
    """Return what is wrong with the first word of a command line, None if it is a command or an option."""
    if word.startswith("-") or word in names() or word in scrapys():
        return None
    if "://" in word:
        return f"{word} is no command: did you mean pdfspider crawl {word}?"
    meant = get_close_matches(word, names(), 1)
    return f"there is no command {word}{f': did you mean {meant[0]}?' if meant else ''} (pdfspider lists all commands)"


def scrapys() -> set[str]:
    """Return the names of Scrapy's own commands, and of those that installed packages add to Scrapy."""
    own = {module.name for module in pkgutil.iter_modules(import_module("scrapy.commands").__path__)}
    return own | {entry.name for entry in entry_points(group="scrapy.commands")}


def names() -> list[str]:
    """Return the names of the project's commands."""
    return sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if not module.name.startswith("_"))


if __name__ == "__main__":
    main()
