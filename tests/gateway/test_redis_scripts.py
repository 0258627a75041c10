"""Messages that cannot be moved stay where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.exceptions import ResponseError

from pdfspider.gateway.base import Event, TransportError
from pdfspider.gateway.registry import make_transports
from pdfspider.gateway.transports.redis.scripts import MOVE, SET_ASIDE
from pdfspider.gateway.transports.redis.transport import RedisTransport
from tests.gateway.serving import equals, eventually, in_thread, serving
from tests.servers.processes import RedisProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdfspider.gateway.service import GatewayService

STREAM, LIST, MOVING, REJECTS = "pdf_tasks:stream", "pdf_tasks", "pdf_tasks:moving", "pdf_tasks:rejected"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def fill(client: redis.Redis, kind: str) -> None:
    client.lpush(MOVING, "m")
    if kind == "list":
        client.lpush(LIST, "a", "b")
    elif kind == "set":
        client.sadd(LIST, "a", "b")
    else:
        client.zadd(LIST, {"a": 2, "b": 1})


def held(client: redis.Redis, kind: str) -> set[bytes]:
    read = {"list": client.lrange, "set": lambda key, *_: client.smembers(key), "zset": client.zrange}[kind]
    streamed = client.xrange(STREAM) if client.type(STREAM) == b"stream" else []
    messages = [fields[b"message"] for _, fields in streamed]
    messages += [*client.lrange(MOVING, 0, -1), *read(LIST, 0, -1)]
    assert len(set(messages)) == len(messages)
    return set(messages)


def move(client: redis.Redis, side: str = "RIGHT") -> Any:
    return client.eval(MOVE, 3, MOVING, LIST, STREAM, 200, side)


REFUSED = {
    "xadd": "-xadd",
    "xdel": "-xdel",
    "removing": "-rpop -lpop -srem -zrem",
    "type": "",
    "memory": "",
}


@pytest.mark.parametrize("kind", ["list", "set", "zset"])
@pytest.mark.parametrize("refused", REFUSED)
def test_what_cannot_be_moved_stays(client: redis.Redis, redis_url: str, kind: str, refused: str) -> None:
    fill(client, kind)
    if refused == "type":
        client.set(STREAM, "no stream")
    client.execute_command("ACL", "SETUSER", "master", "on", ">p", "~*", "&*", "+@all", *REFUSED[refused].split())
    if refused == "memory":
        client.config_set("maxmemory", 1)
    with redis.Redis.from_url(redis_url, username="master", password="p") as master:
        for _ in range(3):
            try:
                move(master)
            except ResponseError:
                assert refused != "memory"  # no more memory is needed: what leaves one key enters the other
            assert held(client, kind) == {b"m", b"a", b"b"}
    client.config_set("maxmemory", 0)
    if refused == "type":
        client.delete(STREAM)
    move(client)
    assert next(fields[b"message"] for _, fields in client.xrange(STREAM)) == b"m"
    assert client.xlen(STREAM) == 3
    assert not client.exists(LIST, MOVING)


def test_the_order_of_a_list_and_of_scores_is_kept(client: redis.Redis) -> None:
    client.rpush(LIST, *range(5))
    assert move(client, "LEFT") == 5
    client.rpush(LIST, *range(5))
    move(client)
    client.zadd(LIST, {"low": 1, "high": 2})
    move(client)
    messages = [fields[b"message"].decode() for _, fields in client.xrange(STREAM)]
    assert messages == [*"0123443210", "high", "low"]


@pytest.mark.parametrize("refused", ["lpush", "xack", "xdel", ""])
def test_what_cannot_be_set_aside_stays(client: redis.Redis, redis_url: str, refused: str) -> None:
    entry = client.xadd(STREAM, {"message": "no sense"})
    client.xgroup_create(STREAM, "gateway", id="0")
    client.xreadgroup("gateway", "one", {STREAM: ">"})
    client.execute_command("ACL", "SETUSER", "master", "on", ">p", "~*", "&*", "+@all", f"-{refused or 'debug'}")
    if not refused:
        client.set(REJECTS, "no list")
    arguments = (2, REJECTS, STREAM, "letter", "gateway", entry)
    with redis.Redis.from_url(redis_url, username="master", password="p") as master, pytest.raises(ResponseError):
        master.eval(SET_ASIDE, *arguments)
    assert client.xpending(STREAM, "gateway")["pending"] == 1
    assert client.xlen(STREAM) == 1
    if not refused:
        client.delete(REJECTS)
    assert client.llen(REJECTS) == 0
    client.eval(SET_ASIDE, *arguments)
    assert client.lrange(REJECTS, 0, -1) == [b"letter"]
    assert not client.xlen(STREAM)


async def test_a_right_that_is_missing_is_said_once_and_costs_nothing(
    tmp_path: Path, service: GatewayService, caplog: pytest.LogCaptureFixture
) -> None:
    broker = RedisProcess(tmp_path / "masters")
    broker.call("ACL", "SETUSER", "spider", "on", ">p", "~*", "&*", "+@all", "-xadd")
    messages = {f"http://example.org/{number}" for number in range(3)}
    broker.call("LPUSH", LIST, *messages)
    with broker.client() as client:
        async with serving(f"redis://spider:p@127.0.0.1:{broker.port}", service):
            await eventually(lambda: in_thread(lambda: len(client.acl_log()) and client.acl_log()[-1]["count"] >= 3))
            assert held(client, "list") == {message.encode() for message in messages}
            assert [record.message for record in caplog.records].count("Messages are taken from redis again") == 0
            broker.call("ACL", "SETUSER", "spider", "+xadd")
            await eventually(lambda: equals(_jobs(service), 3))
            await eventually(lambda: in_thread(lambda: "Messages are taken from redis again" in caplog.text))
    assert caplog.text.count("Messages cannot be taken from redis (") == 1
    broker.kill()


async def test_a_document_that_cannot_be_told_everywhere_is_told_nowhere(service: GatewayService) -> None:
    client: Any = service.frontier.redis
    (transport,) = make_transports(["redis:?events=told&items=items"], service)
    event = Event(id="1", job="job", body=b"{}")
    await client.set("items", "no list")
    for _ in range(2):
        with pytest.raises(TransportError, match="items is a string, not a list"):
            await transport.tell(event)
    assert await client.exists("told") == 0
    await client.delete("items")
    await transport.tell(event)
    assert (await client.xlen("told"), await client.llen("items")) == (1, 1)


async def _jobs(service: GatewayService) -> int:
    return len([name async for name, _ in service.frontier.jobs()])


async def test_acknowledgements_that_are_refused_are_said_once(
    client: redis.Redis, service: GatewayService, caplog: pytest.LogCaptureFixture
) -> None:
    (transport,) = make_transports(["redis:"], service)
    assert isinstance(transport, RedisTransport)
    client.execute_command("ACL", "SETUSER", "default", "-xack")
    for _ in range(3):
        with pytest.raises(TransportError):
            await transport.settle("1-1")
    client.execute_command("ACL", "SETUSER", "default", "+xack")
    await transport.settle("1-1")
    assert [record.getMessage().partition("redis")[0] for record in caplog.records] == ["Messages from ", ""]
