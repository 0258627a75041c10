"""A PostgreSQL server that can be crashed and locked."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from bench.processes import free_port
from tests.faults.limits import Unavailable
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


class Postgres:
    """A PostgreSQL server on a loopback port of its own. Raises Unavailable where there is none."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            raise Unavailable("no PostgreSQL server: apt-get install postgresql")
        self._home = Path(tempfile.mkdtemp(prefix="pg-"))
        self._programs, self._data, self.port = found[-1], self._home / "data", free_port()
        if os.getuid() == 0:
            shutil.chown(self._home, "postgres")
        self._run("initdb", "-U", "spider", "-A", "trust", "--no-sync", "-E", "UTF8")

    @property
    def url(self) -> str:
        return f"postgresql://spider@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._home}"
        self._run("pg_ctl", "-w", "-t", str(PATIENCE), "-l", str(self._home / "log"), "-o", options, "start")

    def crash(self) -> None:
        """Ends at once, without having finished anything."""
        self._run("pg_ctl", "-t", str(PATIENCE), "-m", "immediate", "stop")

    def close(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self.crash()
        shutil.rmtree(self._home)

    def query(self, sql: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        with psycopg.connect(self.url) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    def _run(self, program: str, *arguments: str) -> None:
        """As PostgreSQL's own user: it refuses to run as root."""
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*user, str(self._programs / program), "-D", str(self._data), *arguments]
        nothing = subprocess.DEVNULL
        subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, cwd="/", check=True)
