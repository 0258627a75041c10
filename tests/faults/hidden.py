"""Serve the benchmark site on another port than its links name: ``python -m tests.faults.hidden --behind PORT …``.

Whatever stands on the site's own port then sees all that goes to it and comes from it.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import uvloop

from bench.answers import Answers
from bench.log import RequestLog
from bench.server import listen, run
from bench.site import Site


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hidden")
    for field in fields(Site):
        parser.add_argument(f"--{field.name}", type=int, required=True)
    parser.add_argument("--behind", type=int, required=True)
    parser.add_argument("--latency", type=float, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    site = Site(**{field.name: getattr(options, field.name) for field in fields(Site)})
    with options.log.open("wb") as file:
        answers = Answers(site, options.latency / 1000)
        uvloop.run(run(site, listen(site.addresses, options.behind), answers, RequestLog(file)))


if __name__ == "__main__":
    main()
