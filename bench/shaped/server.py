"""Serve the shaped site: ``python -m bench.shaped.server --urls 3000 --port 0 --log FILE``; see ``bench.server``."""

from __future__ import annotations

import argparse
import contextlib
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from bench.log import RequestLog
from bench.server import Server, listen, run, serving
from bench.shaped.answers import ShapedAnswers
from bench.shaped.site import Shaped

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def serve(site: Shaped | None = None) -> Iterator[Server[Shaped]]:
    """Serve ``site`` from a process of its own until the block ends."""
    with serving("bench.shaped.server", site or Shaped(), ["--port=0"]) as server:
        yield server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.shaped.server", description="Serve the shaped site.")
    for field in fields(Shaped):
        parser.add_argument(f"--{field.name}", type=int, default=0 if field.name == "port" else field.default)
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="where to log the requests")
    options = parser.parse_args()
    site = Shaped(options.urls, options.hosts, options.seed)
    sockets = listen(site.addresses, options.port)
    site = replace(site, port=sockets[0].getsockname()[1])
    with options.log.open("wb") as file:
        uvloop.run(run(site, sockets, ShapedAnswers(site), RequestLog(file)))


if __name__ == "__main__":
    main()
