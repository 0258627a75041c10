from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.processes import free_port, redis_server
from tests.leftovers import Run
from tests.support import PATIENCE, Fleet

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a shell: processes of tests would ignore interrupts too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


RUN = pytest.StashKey[Run]()
LEFT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = Run.begin()


def pytest_collection_finish() -> None:
    """Leave the tests themselves out of garbage collection: each one was looked at hundreds of times in a run."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that leaves something behind."""
    if run := session.config.stash.get(RUN, None):
        session.config.stash[LEFT] = left = run.end()
        if left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for found in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"LEFT BEHIND: {found}", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Fail a test that is skipped in CI, where everything that tests need has to be there."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr[2]}"
    return report


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of the test's own."""
    with tempfile.TemporaryDirectory(prefix="redis-") as directory, redis_server(Path(directory)) as url:
        yield url


@pytest.fixture
def fleet(tmp_path: Path, redis_url: str) -> Iterator[Fleet]:
    """Workers on a Redis of the test's own; those that still run are killed at the end."""
    fleet = Fleet(tmp_path, redis_url)
    yield fleet
    fleet.stop()


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A directory in which this process may not write."""
    directory = tmp_path / "read-only"
    directory.mkdir()
    if os.geteuid():
        directory.chmod(0o500)
        yield directory
        directory.chmod(0o700)
        return
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", directory], check=False).returncode:
        pytest.skip("root may write anywhere, and may not mount")
    yield directory
    subprocess.run(["umount", directory], check=True)


def as_postgres(*command: str | Path) -> None:
    """PostgreSQL refuses to run as root."""
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*user, *map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = found[-1] if found else shutil.which("initdb")
    if program is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    return Path(program).parent


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server without tables of ours, on a loopback port."""
    programs = postgresql_programs()
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    data = home / "data"
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    try:
        if os.getuid() == 0:
            shutil.chown(home, "postgres")
        # A language's order of letters, not the bytes': tokens must not be compared by it.
        locale = ["-E", "UTF8", "--locale-provider=icu", "--icu-locale=en"]
        as_postgres(programs / "initdb", "-D", data, "-U", "spider", "-A", "trust", "--no-sync", *locale)
        as_postgres(
            programs / "pg_ctl", "-D", data, "-w", "-t", str(PATIENCE), "-l", home / "log", "-o", options, "start"
        )
        try:
            yield f"postgresql://spider@127.0.0.1:{port}/postgres"
        finally:
            as_postgres(programs / "pg_ctl", "-D", data, "-t", str(PATIENCE), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)
