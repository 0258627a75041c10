"""The frontier: the URLs of all jobs and the state of all hosts, in Redis.

Longer than 300 lines: one class has all calls of the frontier's scripts, with their order and their errors; its queries
are in ``view.py``, its data in ``leases.py``, ``jobs.py`` and ``entries.py``.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError, ResponseError

from pdfspider.batching import Batcher
from pdfspider.exceptions import ForeignStoreError, FrontierError, HostTaken, JobNotFound, LeaseLost
from pdfspider.frontier.blocking_pop import something_waits
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.entries import host_id, links_of
from pdfspider.frontier.gates import Gates
from pdfspider.frontier.jobs import JobOptions, job_name
from pdfspider.frontier.leases import CommitRequest, Lease, LeaseGrant, ago
from pdfspider.frontier.overflow import Overflow
from pdfspider.frontier.reach import networks_number
from pdfspider.frontier.reports.view import View
from pdfspider.frontier.scripts import PREFIX, Scripts
from pdfspider.frontier.seen_cache import SeenCache
from pdfspider.frontier.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from redis.asyncio import Redis

    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.jobs import Submission, Task
    from pdfspider.frontier.schedules import PlannedRun

PAGE_COUNT_TTL_S = 30 * 24 * 3600
"""Seconds for which the count is kept after the last page of a run."""
LINKS_PER_CALL = 512
LISTEN_TIMEOUT_S = 10.0
ASK_AGAIN, HOST_TAKEN = -2, -3


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of a submit."""

    run: int
    added: int
    revived: int


class Frontier(View):
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
        super().__init__(redis)
        self.nonce = secrets.token_hex(4)
        self.worker = worker or f"command-{self.nonce}"
        self.lease_seconds = lease_seconds
        self.start_urls = start_urls
        self.known = SeenCache()
        self.valid_until = 0.0
        """The monotonic time until which this worker's leases are valid for certain."""
        self.give_up_at: float | None = None
        """The monotonic time from which a failed call is not repeated."""
        self.scheduled: tuple[str, int] | None = None
        """A job whose schedule has come, and the time in milliseconds, as the last sweep found it."""
        self._ahead, self._max_deliveries = ahead, max_deliveries
        self._gates = gates or Gates()
        self._alone_since = time.monotonic() if alone else None
        self._scripts = Scripts(redis, start_urls, queue_max, clock)
        self.steering = Steering(redis, self._scripts)
        self._overflow = Overflow(redis, self._scripts, queue_max)
        self._commit = Batcher(self._send_commits, weigh=lambda request: 1 + len(request.links))
        self._release = Batcher(self._send_releases)
        self._calls = 0

    @property
    def taking(self) -> str:
        """The key of the list of start URLs that this worker has claimed."""
        return f"{PREFIX}taking:{self.worker}"

    # Jobs

    async def submit(
        self,
        name: str,
        entries: Sequence[Entry],
        *,
        options: JobOptions | None = None,
        seal: bool = False,
        revive: Mapping[str, str] | None = None,
        claimed: Sequence[bytes] = (),
        task: Task | None = None,
        networks: str = "",
        changes: Mapping[str, int] | None = None,
        planned: PlannedRun | None = None,
    ) -> Submitted:
        """Admit URLs to a job, except those that the job knows already.

        A new job without ``options`` takes those of its previous run, or the defaults. ``revive`` maps class codes to
        "done" or "dead": URLs that ended in these are queued again. ``claimed`` are the raw start URLs that this call
        settles. ``task`` is the master's message that the URLs came in. ``networks`` is the list of networks to whose
        number the reach of the entries refers. ``planned`` is the time of the job's schedule for which its run is
        started; if that was done already, the result has the run 0.
        """
        await self._keep_networks({networks})
        fields, given = (options or JobOptions()).fields(), options is not None
        revivable, changed = dict(revive or {}) or False, _texts(changes)
        run = added = revived = 0
        parts = [entries[i : i + LINKS_PER_CALL] for i in range(0, len(entries), LINKS_PER_CALL)] or [()]
        for i, part in enumerate(parts, 1):
            last = i == len(parts)
            claim: Any = [self.worker, *claimed] if claimed and last else False
            links = links_of(part)
            asked = (job_name(name), fields, given, seal and last, links, revivable, claim, task or False, changed)
            (answer,) = await self._scripts("submit", (*asked, (*planned, last) if planned else False))
            if isinstance(answer, bytes):
                raise _refusal(answer)
            run, added, revived = int(answer[0]), added + answer[1], revived + answer[2]
            if not run:
                break
            await self._spill(answer)
        return Submitted(run, added, revived)

    async def submit_all(self, submissions: Sequence[Submission]) -> list[Submitted | RedisError]:
        """Submit many small submissions in one call.

        Return for each one its result, or the error with which Redis refused it.
        """
        if len(submissions) == 1 and len(submissions[0].entries) > LINKS_PER_CALL:
            one = submissions[0]
            await self._keep_networks({one.networks})
            return [await self.submit(one.job, one.entries, options=one.options, seal=one.seal, task=one.task)]
        await self._keep_networks({submission.networks for submission in submissions})
        answers = await self._scripts("submit", *(submission.request() for submission in submissions))
        for answer in answers:
            await self._spill(answer)
        return [
            _refusal(answer) if isinstance(answer, bytes) else Submitted(int(answer[0]), answer[1], answer[2])
            for answer in answers
        ]

    async def _keep_networks(self, lists: set[str]) -> None:
        """Store lists of networks under their numbers.

        Raises FrontierError if two lists have the same number.
        """
        for networks in lists - {""}:
            number = networks_number(networks)
            await self.redis.hsetnx(f"{PREFIX}networks", number, networks)
            if (await self.redis.hget(f"{PREFIX}networks", number)).decode() != networks:
                raise FrontierError(f"another list of networks has the same number as this one: {networks}")

    async def control(self, name: str, action: str) -> str:
        """Apply "pause", "resume", "cancel", "seal" or "log" to a job, and return its state.

        Raises JobNotFound.
        """
        state = await self._scripts("control", job_name(name), action)
        if not state:
            raise JobNotFound(f"there is no job {name!r}")
        return str(state.decode())

    async def check_identity(self, kind: str, identity: str, what: str) -> None:
        """Store the id of the document store or the database if the frontier has none yet.

        Raises ForeignStoreError if it has another one.
        """
        await self.redis.hsetnx(f"{PREFIX}meta", kind, identity)
        held = (await self.redis.hget(f"{PREFIX}meta", kind)).decode()
        if held != identity:
            raise ForeignStoreError(
                f"{what} is not the one that this frontier's workers use (its id is {identity}, theirs is {held}): "
                "give every worker the same, or this one a frontier of its own"
            )

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
        self.known.at_epoch(answer[0])
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
        self.known.at_epoch(epoch)
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

    async def _spill(self, answer: Any) -> None:
        """Shorten the queues that a submit has found to be over their cap."""
        if not isinstance(answer, bytes):
            for host in answer[3]:
                await self._overflow.spill(host.decode(), answer[0].decode())

    @staticmethod
    def _check(answer: bytes) -> None:
        """Raise the error that Redis would have raised for this part as a call of its own."""
        if answer not in (b"ok", b"fenced"):
            raise _refusal(answer)

    def _settle(self, answer: bytes, request: CommitRequest) -> None:
        if answer == b"epoch":
            self.known.clear()
            raise LeaseLost("the frontier restarted while this URL was leased: it is fetched again")
        if answer == b"fenced":
            raise LeaseLost
        self._check(answer)
        if request.links:
            self.known.add(request.lease.run, (entry.url for entry in request.links))


def _texts(changes: Mapping[str, int] | None) -> dict[str, str] | bool:
    """Return changed options in the form that the script takes."""
    return {option: str(value) for option, value in (changes or {}).items()} or False


def _refusal(text: bytes) -> RedisError:
    """Return the error that Redis would have raised for a call of its own."""
    return ResponseError(text.decode())
