"""A frontier with something of everything, on which each script can be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from pdfspider.frontier.entries import host_id, links_of
from pdfspider.frontier.jobs import JobOptions
from pdfspider.items import Outcome
from tests.frontier.rig import entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

CLOCK = {b"time", b"run_id", b"shift", b"boot", b"hold", b"epoch"}
"""Fields of meta that a call may move although it fails."""
READ: dict[bytes, tuple[Any, ...]] = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"list": ("LRANGE", 0, -1),
    b"stream": ("XRANGE", "-", "+"),
}
SIGN = ["ok", 0, -1, False]
RULES = [5000, 300_000, 10, 60_000, 5, 0, 60_000]
FILL = 97
"""So many links that a bucket has to be split."""


class Scene:
    """A frontier with something of everything, and a call for each script that would succeed."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.redis = rig, rig.redis
        self.calls: dict[str, list[Any]] = {}

    async def set(self) -> None:
        await self.redis.flushall()
        rig = self.rig
        polite = JobOptions(cap=4)
        submitted = await rig.submit("j", *pages(FILL), entry("http://b.test/1"), seal=True)
        await rig.submit("polite", entry("http://c.test/1"), entry("http://d.test/1"), options=polite)
        await rig.submit("paused", entry("http://e.test/1"))
        await rig.submit("k", entry("http://b.test/2"), options=JobOptions(cap=8, robots=0, delay=1))
        worker = rig.worker("w1", ahead=0.5)
        leases = await worker.lease(12)
        await rig.control("paused", "pause")
        urls = [lease.token for lease in leases if lease.entry]
        (robots, *_) = [lease.token for lease in leases if lease.origin]
        await self.redis.lpush("pdfs:start_urls", "http://a.test/x")
        self.calls = self.make_calls(urls, robots, str(submitted.run))

    def make_calls(self, urls: list[str], robots: str, run: str) -> dict[str, list[Any]]:
        links = links_of(entry(f"http://{host}.test/new") for host in "abz")
        revive = {Outcome.TIMEOUT.code: "dead"}
        task = ["http", "0" * 16, '{"a":1,"reply":null}', False, True]
        options = {"delay": "1", "cap": "2", "anchors": "a.test"}
        request = ["j", options, True, False, links, revive, ["w1", "http://a.test/x"], task, {"max_pages": "5"}]
        score, member = "1", b"m" * 30
        return {
            "submit": [request],
            "claim": ["w1", 10],
            "lease": ["w1", "00ff00ff", "call-1", 8, 0, 30_000, 500, run, -1, 300_000, -1, 0, 4],
            "reconcile": ["w1", urls[1:]],
            "renew": ["w1", 30_000],
            "started": ["w1", urls[0], 5],
            "permit": ["w1", urls[0], 5],
            "visit": ["w1", robots, 5, host_id("b.test")],
            "page": ["w1", urls[0]],
            "commit": ["w1", "call-2", RULES, [urls[0], "p", False, 5, 9, SIGN, links, True]],
            "release": ["w1", RULES, [urls[0], 0, 5, SIGN, True, False, "t"]],
            "robots": ["w1", robots, 5, 0, 1000, "", b"User-agent: *", SIGN, RULES],
            "control": ["j", "cancel"],
            "sweep": [4],
            "spill": [host_id("a.test"), run, score, score, 1, "0" * 40, b"block"],
            "change": ["k", {"delay": "200", "cap": "2", "max_pages": "5", "max_documents": "0", "max_time": "9000"}],
            "limits": [host_id(f"{host}.test") for host in "abz"],
            "reset_host": [host_id("a.test")],
            "refill": [host_id("a.test"), run, f"1:{'0' * 40}", [score, member]],
        }

    async def state(self) -> dict[bytes, Any]:
        """Everything in Redis but the clock's fields and the last answers."""
        keys = sorted(key for key in await self.redis.keys("*") if not key.endswith(b":calls"))
        async with self.redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.type(key)
            for key, kind in zip(keys, await pipe.execute(), strict=True):
                command, *more = READ[kind]
                pipe.execute_command(command, key, *more)
            found = {key: _unordered(content) for key, content in zip(keys, await pipe.execute(), strict=True)}
        if isinstance(meta := found.get(b"{pdfs}:meta"), dict):
            found[b"{pdfs}:meta"] = {name: value for name, value in meta.items() if name not in CLOCK}
        return found

    async def call(self, name: str, arguments: list[Any]) -> bool:
        """Call a script; return whether it succeeded, as a whole and in each of its parts."""
        try:
            answer = await self.rig.worker("w1").frontier._scripts(name, *arguments)
        except ResponseError:
            return False
        parts = answer if name in ("submit", "commit", "release") else []
        return not any(isinstance(part, bytes) and part not in (b"ok", b"fenced", b"epoch") for part in parts)


def _unordered(content: Any) -> Any:
    """Return what a key holds so that it is equal whenever it is the same."""
    return sorted(content) if isinstance(content, set) else content
