"""The frontier: the URLs of all jobs and the state of all hosts, in Redis.

Longer than 300 lines: one class has all calls of a worker, with their order and their errors. Its queries are in
``view.py``, its calls for jobs in ``job_calls.py``, its data in ``leases.py``, ``jobs.py`` and ``entries.py``.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.batching import Batcher
from pdfspider.exceptions import HostTaken, LeaseLost
from pdfspider.frontier.blocking_pop import something_waits
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.gates import Gates
from pdfspider.frontier.job_calls import LINKS_PER_CALL, JobCalls, refusal
from pdfspider.frontier.leases import CommitRequest, Lease, LeaseGrant, ago
from pdfspider.frontier.scripts import PREFIX, Scripts
from pdfspider.frontier.seen_cache import SeenCache
from pdfspider.frontier.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from redis.asyncio import Redis


PAGE_COUNT_TTL_S = 30 * 24 * 3600
"""Seconds for which the count is kept after the last page of a run."""
LISTEN_TIMEOUT_S = 10.0
ASK_AGAIN, HOST_TAKEN = -2, -3


class Frontier(JobCalls):
    """One worker's access to the frontier, or a command's, which takes no leases.

    ``lease_seconds`` is the time after which a lease expires unless it is renewed. ``ahead`` is how many seconds before
    its start a URL may be leased, so that a host's delay is fully used. Every call may be repeated after a lost answer.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        worker: str = "",
        lease_seconds: float = 30.0,
        ahead: float = 0.5,
        max_deliveries: int = 4,
        start_urls: str = "pdfs:start_urls",
        gates: Gates | None = None,
        queue_max: int = 10_000,
        alone: bool = False,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.nonce = secrets.token_hex(4)
        scripts = Scripts(redis, start_urls, queue_max, clock)
        super().__init__(redis, scripts, worker or f"command-{self.nonce}", queue_max)
        self.lease_seconds = lease_seconds
        self.start_urls = start_urls
        self.seen_cache = SeenCache()
        self.valid_until = 0.0
        """The monotonic time until which this worker's leases are valid for certain."""
        self.give_up_at: float | None = None
        """The monotonic time from which a failed call is not repeated."""
        self.scheduled: tuple[str, int] | None = None
        """A job whose schedule has come, and the time in milliseconds, as the last sweep found it."""
        self._ahead, self._max_deliveries = ahead, max_deliveries
        self._gates = gates or Gates()
        self._alone_since = time.monotonic() if alone else None
        self.steering = Steering(redis, scripts)
        self._commit = Batcher(self._send_commits, weigh=lambda request: 1 + len(request.links))
        self._release = Batcher(self._send_releases)
        self._calls = 0

    @property
    def taking(self) -> str:
        """The key of the list of start URLs that this worker has claimed."""
        return f"{PREFIX}taking:{self.worker}"

    # Leases

    async def lease(
        self, wanted: int, held: int, watched: int | None = None, slots: int = 0, unreached: int = -1
    ) -> LeaseGrant:
        """Lease up to ``wanted`` URLs; ``held`` is how many leases the worker has.

        ``watched`` is a run whose state the answer reports. ``slots`` is how many leases the worker can work on at
        once: beyond that it gets nothing that other workers could work on. 0 means no limit. ``unreached`` is how many
        leases at hosts it takes that have not answered yet, -1 for any number.
        """
        arguments = (
            self.worker,
            self.nonce,
            self._call_id(),
            wanted,
            held,
            int(self.lease_seconds * 1000),
            int(self._ahead * 1000),
            str(watched or ""),
            ago(self._alone_since),
            *self._gates.lease_rules(),
            slots,
            unreached,
        )
        answer, sent = await self._persist("lease", *arguments)
        self._alone_since = None
        if answer[4]:
            self._prolong(sent)
        self.seen_cache.at_epoch(answer[0])
        leases = [Lease.unpack(values, time.monotonic()) for values in answer[6:]]
        if answer[5]:
            await self._overflow.refill(answer[5])
        wait = answer[1] / 1000 if answer[1] >= 0 else None
        return LeaseGrant(answer[0], wait, bool(answer[2]), answer[3].decode(), leases)

    async def listen(self, heard: Callable[[], object]) -> None:
        """Call ``heard`` whenever URLs are submitted after nothing could be leased; runs until cancelled.

        Signals that are sent while the connection is lost are missed. Raises RedisError.
        """
        async with self.redis.pubsub() as channel:
            await channel.subscribe(f"{PREFIX}wake")
            while True:
                if await channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_TIMEOUT_S):
                    heard()

    async def renew(self) -> bool:
        """Extend this worker's deadline, and return False if its leases went to others."""
        sent = time.monotonic()
        epoch, stands = await self._scripts("renew", self.worker, int(self.lease_seconds * 1000))
        self.seen_cache.at_epoch(epoch)
        if stands:
            self._prolong(sent)
        return bool(stands)

    async def reconcile(self, held: Iterable[Lease]) -> int:
        """Release leases of this worker that are not in ``held``, and return their number.

        Do not call it while ``lease`` runs: the leases that it is granted would not be in ``held`` yet.
        """
        return int(await self._scripts("reconcile", self.worker, [lease.token for lease in held]))

    async def started(self, lease: Lease) -> None:
        """Report the start of a lease that asks for it."""
        await self._scripts("started", self.worker, lease.token, ago(lease.started_at))

    async def permit(self, lease: Lease) -> float:
        """Return the seconds to wait before a further request under this lease.

        Raises LeaseLost.
        """
        while True:
            wait, _ = await self._persist("permit", self.worker, lease.token, ago(lease.started_at))
            if wait == ASK_AGAIN:
                await asyncio.sleep(0.02)
            elif wait < 0:
                raise LeaseLost
            else:
                return float(wait) / 1000

    async def visit(self, lease: Lease, host: str) -> float | None:
        """Return the seconds to wait before a robots lease may follow a redirect to this host.

        Return None if the caller has to ask again; until then, nothing else is leased at the host. Raises LeaseLost,
        and HostTaken while another robots lease is at the host.
        """
        wait, _ = await self._persist("visit", self.worker, lease.token, ago(lease.started_at), host_id(host))
        if wait == ASK_AGAIN:
            return None
        if wait == HOST_TAKEN:
            raise HostTaken
        if wait < 0:
            raise LeaseLost
        return float(wait) / 1000

    async def admit_page(self, lease: Lease) -> bool:
        """Return whether the job may have one more page, for a lease that was granted for a document.

        Raises LeaseLost.
        """
        answer, _ = await self._persist("page", self.worker, lease.token)
        if answer < 0:
            raise LeaseLost
        return bool(answer)

    async def commit(self, request: CommitRequest) -> None:
        """End a lease; commits that come together are sent together.

        Raises LeaseLost if another worker has the lease now.
        """
        links = request.links
        while len(links) > LINKS_PER_CALL:
            part = CommitRequest(request.lease, "", dead=False, links=links[:LINKS_PER_CALL])
            self._settle(await self._commit(part), part)
            links = links[LINKS_PER_CALL:]
        if links is not request.links:
            request = CommitRequest(request.lease, request.code, request.dead, request.size, links)
        self._settle(await self._commit(request), request)

    async def release(
        self, lease: Lease, *, delay: float = 0.0, counted: bool = False, returned: bool = False, code: str = ""
    ) -> None:
        """Give a lease back for another delivery after ``delay`` seconds.

        ``counted`` says that this delivery counts as a failed try. ``code`` is the class code of a failure that is
        tried again, for the totals.
        """
        self._check(await self._release((lease, delay, counted, returned, code)))

    async def sweep(self) -> bool:
        """Do a bounded part of the frontier's housekeeping, and return whether there is more to do at once."""
        more, dropped, overfull, scheduled, now = await self._scripts("sweep", self._max_deliveries)
        self.scheduled = (scheduled.decode(), int(now)) if scheduled else None
        await self._overflow.refill(dropped)
        if overfull:
            host, _, run = overfull.decode().partition(":")
            await self._overflow.spill(host, run)
        return bool(more)

    async def count_pages(self, run: int, host: str, pages: int) -> int:
        """Add to the pages that a run has taken from a host, and return the sum over all workers."""
        key = f"{PREFIX}pages:{run}"
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hincrby(key, host, pages)
            pipe.expire(key, PAGE_COUNT_TTL_S)
            return int((await pipe.execute())[0])

    async def leave(self) -> None:
        """Sign this worker off; leases that it still has are available to others at once."""
        await self._commit.close()
        await self._release.close()
        if await self.redis.zadd(f"{PREFIX}workers", {self.worker: 0}, xx=True, ch=True):
            await self.sweep()

    # Robots

    async def commit_robots(
        self, lease: Lease, *, body: bytes = b"", crawl_delay: float = 0.0, ttl: float, failure: str = ""
    ) -> None:
        """End a robots lease with the rules, or the failure, that the fleet shares.

        Raises LeaseLost.
        """
        milliseconds = (ago(lease.started_at), int(crawl_delay * 1000), int(ttl * 1000))
        arguments = (self.worker, lease.token, *milliseconds, failure, body, lease.signal(), self._gates.rules())
        answer, _ = await self._persist("robots", *arguments)
        if answer == b"fenced":
            raise LeaseLost

    # Start URLs

    async def claim_start_urls(self, timeout: float, limit: int = 128) -> list[bytes]:
        """Claim start URLs up to ``limit``, and return all that this worker has claimed.

        Waits at most ``timeout`` seconds for the first one. Raises ResponseError with the code WRONGTYPE if their key
        is not a list, a set or a sorted set.
        """
        if not self.valid_until:
            await self.lease(0, 0)  # a known worker's claims are returned when it dies
        if not await something_waits(self.redis, self.start_urls, self.taking, f"{PREFIX}unclaimed", timeout=timeout):
            return []
        claimed: list[bytes] = await self._scripts("claim", self.worker, limit)
        return claimed[::-1]

    async def reject(self, raw: bytes, reason: bytes) -> None:
        """Set a claimed start URL aside with the reason.

        It stays claimed if Redis refuses that.
        """
        await self.redis.lpush(f"{self.start_urls}:rejected", reason)
        await self.redis.lrem(self.taking, 1, raw)

    # Inside

    def _call_id(self) -> str:
        self._calls += 1
        return f"{self.nonce}-{self._calls}"

    def _prolong(self, sent: float) -> None:
        self.valid_until = max(self.valid_until, sent + self.lease_seconds * 0.9)

    async def _persist(self, name: str, *arguments: Any) -> tuple[Any, float]:
        """Send the same call until it is answered, because a lost answer would orphan its leases.

        A worker that has to end stops trying at ``give_up_at``; its leases then expire.
        """
        while True:
            sent = time.monotonic()
            try:
                return await self._scripts(name, *arguments), sent
            except RedisError as error:
                if not may_pass(error) or (self.give_up_at is not None and sent > self.give_up_at):
                    raise
                await asyncio.sleep(0.5)

    async def _send_commits(self, requests: list[CommitRequest]) -> Sequence[bytes]:
        values = [request.pack() for request in requests]
        answers: Sequence[bytes]
        answers, _ = await self._persist("commit", self.worker, self._call_id(), self._gates.rules(), *values)
        return answers

    async def _send_releases(self, items: list[tuple[Lease, float, bool, bool, str]]) -> Sequence[bytes]:
        values = [
            (lease.token, int(delay * 1000), ago(lease.started_at), lease.signal(), counted, returned, code)
            for lease, delay, counted, returned, code in items
        ]
        answers: Sequence[bytes]
        answers, _ = await self._persist("release", self.worker, self._gates.rules(), *values)
        return answers

    @staticmethod
    def _check(answer: bytes) -> None:
        """Raise the error that Redis would have raised for this part as a call of its own."""
        if answer not in (b"ok", b"fenced"):
            raise refusal(answer)

    def _settle(self, answer: bytes, request: CommitRequest) -> None:
        if answer == b"epoch":
            self.seen_cache.clear()
            raise LeaseLost("the frontier restarted while this URL was leased: it is fetched again")
        if answer == b"fenced":
            raise LeaseLost
        self._check(answer)
        if request.links:
            self.seen_cache.add(request.lease.run, (entry.url for entry in request.links))
