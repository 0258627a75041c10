"""Faults of what a worker uses beside Redis: the web, the disk, the database."""

from __future__ import annotations

import errno
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from tests.faults.faults import fault
from tests.faults.limits import changed_environment, small_disk
from tests.faults.postgres import Postgres
from tests.faults.s3 import BUCKET, KEYS, faulty_s3, make_bucket, stored_objects
from tests.faults.web import DistantWeb
from tests.faults.world import CONCURRENCY, World
from tests.support import stored

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import Member

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

    def documents(self) -> set[str]:
        return stored(self.disk / "files")

    def _worker_settings(self) -> dict[str, Any]:
        return {**super()._worker_settings(), "FILES_STORE": self.disk / "files"}


class Distant(World):
    """What lies between its workers and the web can be slow or break. Workers wait no longer than a second or two."""

    settings: ClassVar[dict[str, Any]] = {"PDF_IDLE_TIMEOUT": 1.5, "PDF_MINIMUM_RATE": 8192}
    web: DistantWeb

    @property
    def tolerance(self) -> float:
        """The way takes its time."""
        return 2 * super().tolerance

    def _open_web(self) -> DistantWeb:
        return DistantWeb(self._site(), self.pace.latency)


class ObjectStore(World):
    """Its documents go to an S3 that does what it is told."""

    def _open(self) -> None:
        self.s3 = self.stack.enter_context(faulty_s3())
        self.bucket = self.stack.enter_context(make_bucket(self.s3))
        super()._open()

    def add(self) -> Member:
        with changed_environment({"AWS_MAX_ATTEMPTS": "1"}):  # the client would try again by itself
            return super().add()

    def documents(self) -> set[str]:
        return stored_objects(self.bucket)

    def _worker_settings(self) -> dict[str, Any]:
        where = {"AWS_ENDPOINT_URL": self.s3.endpoint, "FILES_STORE": f"s3://{BUCKET}/"}
        return {**super()._worker_settings(), **KEYS, **where}


class OnPostgres(World):
    """Its database is a PostgreSQL server; a worker that is started while that is down refuses."""

    excuses = (*World.excuses, "Cannot use the database")

    def _open(self) -> None:
        self.postgres = Postgres()
        self.stack.callback(self.postgres.close)
        self.postgres.start()
        super()._open()

    def captures(self) -> list[dict[str, Any]]:
        return self.postgres.query("SELECT * FROM captures")

    def _worker_settings(self) -> dict[str, Any]:
        return {**super()._worker_settings(), "DATABASE_URL": self.postgres.url}


@fault("web server hangs")
def hang_web(world: World) -> int:
    world.hurt()
    world.web.freeze(world.random.uniform(0.5, 3))
    return 0


@fault("web server's connections break, then none is taken")
def break_web(world: World) -> int:
    in_flight = world.remains().leased
    world.web.stop()
    world.hurt()
    world.pause(world.random.uniform(0, 1.5))
    world.web.start()
    return in_flight


@fault("disk full", SmallDisk, injections=2)
def fill_disk(world: World) -> int:
    assert isinstance(world, SmallDisk)
    ballast = world.disk / "ballast"
    world.hurt()
    fill(ballast)
    world.pause(world.random.uniform(0.5, 2))
    ballast.unlink()
    return released(world)


@fault("database locked", injections=3)
def lock_database(world: World) -> int:
    database = world.fleet.data / "pdfs.db"
    with closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        world.hurt()
        time.sleep(world.random.uniform(1, 4))
        connection.execute("ROLLBACK")
    return 0


@fault("connections to the web drip", Distant)
def drip(world: World) -> int:
    assert isinstance(world, Distant)
    world.hurt()
    world.web.drip(world.random.choice((500, 4000, 40_000)), world.random.uniform(1, 3))
    return 0


@fault("connections to the web stall", Distant)
def stall(world: World) -> int:
    assert isinstance(world, Distant)
    world.hurt()
    world.web.stall(world.random.uniform(0.5, 3))
    return 0


@fault("connections to the web reset", Distant)
def reset_web(world: World) -> int:
    assert isinstance(world, Distant)
    for _ in range(3):
        world.hurt()
        world.web.reset()
        world.pause(world.random.uniform(0.05, 0.3))
    return 3 * len(world.members) * CONCURRENCY


@fault("S3 answers 500", ObjectStore)
def refuse_uploads(world: World) -> int:
    return spoil_uploads(world, "500")


@fault("S3 cuts uploads", ObjectStore)
def cut_uploads(world: World) -> int:
    return spoil_uploads(world, "cut")


@fault("S3 loses uploads, or half of them", ObjectStore)
def lose_uploads(world: World) -> int:
    return spoil_uploads(world, world.random.choice(("lose", "halve")))


@fault("PostgreSQL down and back", OnPostgres, injections=3)
def crash_postgres(world: World) -> int:
    assert isinstance(world, OnPostgres)
    world.hurt()
    world.postgres.crash()
    time.sleep(world.random.uniform(0.5, 4))
    world.postgres.start()
    return 0


@fault("PostgreSQL locked", OnPostgres, injections=3)
def lock_postgres(world: World) -> int:
    assert isinstance(world, OnPostgres)
    with world.postgres.locked("captures"):
        world.hurt()
        time.sleep(world.random.uniform(1, 4))
    return 0


def spoil_uploads(world: World, how: str) -> int:
    assert isinstance(world, ObjectStore)
    world.hurt()
    uploads = world.random.randint(2, 8)
    world.s3.faults += [how] * uploads
    world.wait(lambda: not world.s3.faults or world.finished())
    world.s3.faults.clear()
    return uploads * released(world)


def released(world: World) -> int:
    """Return how many URLs the workers have in flight, and so give back, when a store takes nothing."""
    return len(world.members) * CONCURRENCY


def fill(path: Path) -> None:
    """Writes until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(BLOCK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
