"""The embedded Redis while its users, its server or its supervisor are killed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from pdfspider.embedded import EmbeddedRedis
from tests.embedded.users import (
    PARENT,
    answers,
    get,
    has_ended,
    has_pending_sigterm,
    joined,
    kill,
    leave,
    living,
    put,
    servers,
    supervisors,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.embedded.users import Launch


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
