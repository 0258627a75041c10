from __future__ import annotations

from typing import TYPE_CHECKING

from tests.gateway.masters.celery import CeleryMaster

if TYPE_CHECKING:
    from pathlib import Path


class CeleryRedisMaster(CeleryMaster):
    """The same with Redis for both."""

    def _start(self, directory: Path) -> None:
        self._broker = self._backend

    def restart_broker(self) -> None:
        self._backend.kill()
        self._backend.start()

    def close(self) -> None:
        self._app.close()
        self._backend.kill()
