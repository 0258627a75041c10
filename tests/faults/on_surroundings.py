"""Faults of what a worker uses beside Redis: the web, the disk, the database."""

from __future__ import annotations

import errno
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.faults.faults import fault
from tests.faults.servers import small_disk
from tests.faults.world import World

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

DISK_MIB = 64
BLOCK = b"\0" * (1 << 16)


class SmallDisk(World):
    """Its documents and their staging are on a disk that can be filled."""

    def _open(self) -> None:
        self.stack.enter_context(small_disk(self.disk, DISK_MIB))
        super()._open()

    @property
    def disk(self) -> Path:
        return self.directory / "disk"

    @property
    def store(self) -> Path:
        return self.disk / "files"

    def _worker_settings(self) -> dict[str, Any]:
        return {**super()._worker_settings(), "FILES_STORE": self.store}


@fault("web server hangs")
def hang_web(world: World) -> int:
    world.hurt()
    world.web.freeze(world.random.uniform(0.5, 3))
    return 0


@fault("web server's connections break, then none is taken")
def break_web(world: World) -> int:
    flying = world.remains().leased
    world.web.stop()
    world.hurt()
    world.pause(world.random.uniform(0, 1.5))
    world.web.start()
    return flying


@fault("disk full", SmallDisk, injections=2)
def fill_disk(world: World) -> int:
    assert isinstance(world, SmallDisk)
    ballast = world.disk / "ballast"
    world.hurt()
    fill(ballast)
    world.pause(world.random.uniform(0.5, 2))
    ballast.unlink()
    return 0


@fault("database locked", injections=3)
def lock_database(world: World) -> int:
    database = world.fleet.data / "pdfs.db"
    with closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        world.hurt()
        time.sleep(world.random.uniform(1, 4))
        connection.execute("ROLLBACK")
    return 0


def fill(path: Path) -> None:
    """Writes until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(BLOCK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
