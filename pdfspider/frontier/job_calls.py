"""Submit URLs to jobs, and steer jobs as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError, ResponseError

from pdfspider.exceptions import ForeignStoreError, FrontierError, JobNotFound
from pdfspider.frontier.entries import links_of
from pdfspider.frontier.jobs import JobOptions, job_name
from pdfspider.frontier.overflow import Overflow
from pdfspider.frontier.reach import networks_number
from pdfspider.frontier.reports.view import View
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redis.asyncio import Redis

    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.jobs import Submission, Task
    from pdfspider.frontier.schedules import PlannedRun
    from pdfspider.frontier.scripts import Scripts

LINKS_PER_CALL = 512


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of a submit."""

    run: int
    added: int
    revived: int


class JobCalls(View):
    """The calls that concern jobs as a whole. Each may be repeated after a lost answer."""

    def __init__(self, redis: Redis, scripts: Scripts, worker: str, queue_max: int) -> None:
        super().__init__(redis)
        self.worker = worker
        self._scripts = scripts
        self._overflow = Overflow(redis, scripts, queue_max)

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
                raise refusal(answer)
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
            refusal(answer) if isinstance(answer, bytes) else Submitted(int(answer[0]), answer[1], answer[2])
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

    async def _spill(self, answer: Any) -> None:
        """Shorten the queues that a submit has found to be over their cap."""
        if not isinstance(answer, bytes):
            for host in answer[3]:
                await self._overflow.spill(host.decode(), answer[0].decode())


def _texts(changes: Mapping[str, int] | None) -> dict[str, str] | bool:
    """Return changed options in the form that the script takes."""
    return {option: str(value) for option, value in (changes or {}).items()} or False


def refusal(text: bytes) -> RedisError:
    """Return the error that Redis would have raised for a call of its own."""
    return ResponseError(text.decode())
