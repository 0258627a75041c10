"""One side of a transport as a process: ``python -m bench.ways WAY publish|consume ADDRESS FIRST COUNT``.

Prints READY, and goes on at the first line of its standard input; a consumer at once. Ends when all is done.
"""

from __future__ import annotations

import sys

from bench.ways.base import message
from bench.ways.registry import way


def main() -> None:
    name, side, address, first, count = sys.argv[1:]
    numbers = range(int(first), int(first) + int(count))
    if side == "consume":
        way(name).consume(address, len(numbers), _tell)
        return
    chosen, messages = way(name), [message(number) for number in numbers]
    _tell("READY")
    sys.stdin.readline()
    chosen.publish(address, messages)


def _tell(word: str) -> None:
    print(word, flush=True)


if __name__ == "__main__":
    main()
