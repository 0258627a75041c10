"""The embedded Redis where it cannot be started or used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pdfspider.embedded import EmbeddedRedis
from pdfspider.exceptions import EmbeddedRedisError
from tests.embedded.users import NO_PATH, ROOT, has_ended, joined, servers, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.embedded.users import Launch


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
