"""What the first format of the frontier's keys becomes. tests/data/format-1.json is a job that was half crawled with
it: some URLs have ended, some wait, twelve are leased by a worker that died, one has userinfo.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pdfspider.discovery.urls import fingerprint
from pdfspider.exceptions import ConfigurationError, FormatError
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.leases import CommitRequest, LeaseKind
from pdfspider.frontier.migration import check_format, migrate
from pdfspider.frontier.scripts import KEY_FORMAT
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import on_one_server

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

DATA = Path(__file__).parent.parent / "data/format-1.json"


async def load(redis: Any) -> None:
    """Write the keys of the file."""
    for key, (kind, content) in json.loads(DATA.read_text()).items():
        if kind == "hash":
            await redis.hset(key, mapping={b64decode(name): b64decode(value) for name, value in content})
        elif kind == "zset":
            await redis.zadd(key, {b64decode(member): score for member, score in content})
        elif kind == "stream":
            for number, fields in content:
                await redis.xadd(key, {b64decode(name): b64decode(value) for name, value in fields}, id=number)
        else:
            await (redis.sadd if kind == "set" else redis.rpush)(key, *map(b64decode, content))
    for key in await redis.keys("{pdfs}:robots:*"):
        await redis.expire(key, 3600)
    for key in await redis.keys("{pdfs}:host:????????????????"):
        if not await redis.exists(b"%b:jobs" % key):
            await redis.expire(key, 3600)


async def statuses(redis: Any) -> dict[str, Any]:
    names = ("queued", "delayed", "leased", "done", "dead", "seen", "c:d", "c:w", "c:n")
    runs = await redis.hgetall("{pdfs}:jobs")
    return {name: await redis.hmget(f"{{pdfs}}:job:{int(run)}", names) for name, run in runs.items()}


async def crawl(redis: Any, worker: str) -> list[bytes]:
    """Crawl to the end in the present format; return the fingerprints of what was fetched."""
    frontier, fetched = Frontier(redis, worker=worker, lease_seconds=1), []
    while (await frontier.status_of_run(await frontier.run_of("half")))["state"] != "finished":
        await frontier.sweep()
        for lease in (await frontier.lease(64, 0)).leases:
            if lease.kind is LeaseKind.ROBOTS:
                await frontier.commit_robots(lease, body=b"", ttl=3600)
                continue
            assert lease.entry is not None
            assert "@" not in lease.entry.url
            fetched.append(lease.entry.fingerprint)
            await frontier.commit(CommitRequest(lease, Outcome.OTHER.code, dead=False))
    await frontier.leave()
    return fetched


@on_one_server
async def test_a_half_crawled_job_of_the_first_format_goes_on_in_this_one(rig: Rig) -> None:
    await load(rig.redis)
    before = await statuses(rig.redis)
    queued, leased, ended = int(before[b"half"][0]), int(before[b"half"][2]), sum(map(int, before[b"half"][3:5]))
    assert await migrate(rig.redis) == f"frontier: 13 keys were brought to the format {KEY_FORMAT}"
    assert await statuses(rig.redis) == before
    report = await audit(rig.redis)
    assert (report.runs, report.leases) == (3, leased)
    fetched = await crawl(rig.redis, "new")
    assert len(fetched) == len(set(fetched)) == queued + leased
    status = (await statuses(rig.redis))[b"half"]
    assert (int(status[3]) + int(status[4]), int(status[5])) == (ended + len(fetched), ended + len(fetched))
    assert fingerprint("http://a.test/") not in fetched
    assert await migrate(rig.redis) == f"frontier: it has the format {KEY_FORMAT} already"


@pytest.mark.parametrize("broken_off", [1, 7, 20, 30])
async def test_a_migration_that_was_broken_off_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, broken_off: int
) -> None:
    await load(rig.redis)
    before = await statuses(rig.redis)
    calls = Counter[str]()
    execute = type(rig.redis).execute_command

    async def fail(self: Any, *arguments: Any, **options: Any) -> Any:
        if arguments[0] in ("RENAMENX", "EVALSHA", "DEL", "UNLINK"):
            calls["writes"] += 1
            if calls["writes"] == broken_off:
                raise ConfigurationError("pulled the plug")
        return await execute(self, *arguments, **options)

    monkeypatch.setattr(type(rig.redis), "execute_command", fail)
    with pytest.raises(ConfigurationError, match="plug"):
        await migrate(rig.redis)
    with pytest.raises(FormatError):
        await check_format(rig.redis)
    await migrate(rig.redis)
    assert await statuses(rig.redis) == before
    await audit(rig.redis)
    assert not await rig.redis.keys("{pdfs}:format-1:*")


async def test_an_older_format_is_refused_with_the_command_that_brings_it_up_to_date(rig: Rig) -> None:
    await load(rig.redis)
    before = {key: await rig.redis.dump(key) for key in await rig.redis.keys("*")}
    frontier = rig.worker().frontier
    for call in (check_format(rig.redis), frontier.lease(1, 0), frontier.submit("half", []), frontier.sweep()):
        with pytest.raises(FormatError, match=r"format 1, older .* run scrapy migrate"):
            await call
    assert {key: await rig.redis.dump(key) for key in await rig.redis.keys("*")} == before
    await rig.redis.flushall()


async def test_a_newer_format_is_refused_and_left_alone(rig: Rig) -> None:
    await rig.submit("j", "http://a.test/")
    await rig.redis.hset("{pdfs}:meta", "format", KEY_FORMAT + 1)
    for call in (check_format(rig.redis), rig.worker().frontier.lease(1, 0), migrate(rig.redis)):
        with pytest.raises(FormatError, match=f"format {KEY_FORMAT + 1}, newer"):
            await call
    await rig.redis.flushall()


async def test_nothing_is_migrated_while_a_worker_may_be_at_work(rig: Rig) -> None:
    await load(rig.redis)
    seconds, _ = await rig.redis.time()
    await rig.redis.zadd("{pdfs}:workers", {"dead": (seconds + 3600) * 1000})
    with pytest.raises(ConfigurationError, match=r"workers may still be at work \(dead\)"):
        await migrate(rig.redis)
    assert not await rig.redis.keys("{pdfs}:format-1:*")
    await rig.redis.flushall()


async def test_an_empty_frontier_needs_no_migration(rig: Rig) -> None:
    assert await migrate(rig.redis) == "frontier: there is none"
    await check_format(rig.redis)
    assert not await rig.redis.keys("*")


@pytest.mark.parametrize(
    ("key", "fields", "message"),
    [
        ("{pdfs}:meta", {"format": "two"}, "have the format 'two'"),
        ("{pdfs}:overflow:1", {"x": "y"}, "by a version between two formats"),
    ],
)
async def test_a_format_that_is_not_known_is_refused_with_what_to_do(
    rig: Rig, key: str, fields: dict[str, str], message: str
) -> None:
    await load(rig.redis)
    await rig.redis.hset(key, mapping=fields)
    before = {key: await rig.redis.dump(key) for key in await rig.redis.keys("*")}
    with pytest.raises(
        ConfigurationError, match=f"{message}; it cannot be migrated: let .* or begin with an empty one"
    ):
        await migrate(rig.redis)
    assert {key: await rig.redis.dump(key) for key in await rig.redis.keys("*")} == before
    await rig.redis.flushall()


@pytest.mark.parametrize("payload", [b"", b"\x93\x01", b"\xff" * 40, b"\x81\xa1a\x01", b"\x93\xa1u\xa1x\xa1y", b"\xc0"])
async def test_a_queue_of_an_unknown_format_is_refused_before_anything_changes(rig: Rig, payload: bytes) -> None:
    await load(rig.redis)
    await rig.redis.zadd("{pdfs}:q:00112233445566aa:7", {b"\0" * 12 + payload: 1})
    before = {key: await rig.redis.dump(key) for key in await rig.redis.keys("*") if not key.endswith(b":meta")}
    with pytest.raises(
        ConfigurationError, match="q:00112233445566aa:7 is not of the first format; it cannot be migrated"
    ):
        await migrate(rig.redis)
    after = {key: await rig.redis.dump(key) for key in await rig.redis.keys("*") if not key.endswith(b":meta")}
    assert after == before
    assert not await rig.redis.hexists("{pdfs}:meta", "migrating")
    await rig.redis.flushall()
