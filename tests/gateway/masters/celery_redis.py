from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.gateway.masters.celery import CeleryMaster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class CeleryRedisMaster(CeleryMaster):
    """The same with Redis for both."""

    def _start(self, directory: Path) -> None:
        self.broker = self._backend

    def events(self) -> list[dict[str, Any]]:
        with self.broker.client() as client:
            return [json.loads(fields[b"document"]) for _, fields in client.xrange("pdf_documents")]

    @contextmanager
    def broker_away(self) -> Iterator[None]:
        self._backend.kill()
        yield
        self._backend.start()

    def restart_broker(self) -> None:
        self._backend.kill()
        self._backend.start()

    def close(self) -> None:
        self._app.close()
        self._backend.kill()
