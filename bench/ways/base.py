"""What a transport is to the comparison."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.processes import free_port, redis_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    Tell: TypeAlias = Callable[[str], None]

HOSTS = 500


class Way(ABC):
    """Publishing and consuming as the client's own documentation has it, one process each.

    ``publish`` returns when every message is as safe as this transport can make it; ``consume`` tells READY
    once it can receive, and DONE when it has acknowledged ``count`` messages.
    """

    waits_for_gateway = False
    """Whether the gateway itself is what the master talks to, so that each message is answered once it is on disk."""

    @contextmanager
    def broker(self, directory: Path) -> Iterator[str]:
        """Its address while it runs; where there is none, an address to listen on."""
        yield f"127.0.0.1:{free_port()}"

    @abstractmethod
    def gateway_url(self, address: str) -> str: ...

    @abstractmethod
    def publish(self, address: str, messages: Sequence[str]) -> None: ...

    @abstractmethod
    def consume(self, address: str, count: int, tell: Tell) -> None: ...


class OverRedis(Way):
    @contextmanager
    def broker(self, directory: Path) -> Iterator[str]:
        with redis_server(directory, free_port()) as url:
            yield url


def message(number: int) -> str:
    return json.dumps({"url": f"http://host-{number % HOSTS}.example.org/{number}.pdf", "task_id": str(number)})
