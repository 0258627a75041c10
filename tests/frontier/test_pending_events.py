"""Documents that masters are told of, and the log of a run that is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.frontier.jobs import JobOptions, Task
from pdfspider.frontier.results.pending_events import PendingEvents, RunLog
from pdfspider.items import Outcome
from tests.frontier.rig import pages

if TYPE_CHECKING:
    from pdfspider.frontier.results.pending_events import PendingEvent
    from tests.frontier.rig import Rig

TOLD = Task("way", "key", b"record", once=False, events=True)
ALSO_TOLD = Task("other", "key", b"record", once=False, events=True)
NOT_TOLD = Task("else", "key", b"record", once=False)


async def take(found: PendingEvents) -> list[PendingEvent]:
    """The first call finds that there is no group yet."""
    return await found.next(10, 0.01) or await found.next(10, 0.01)


async def keys(rig: Rig) -> set[str]:
    return {key.decode() for kind in ("untold", "found", "log") for key in await rig.redis.keys(f"{{pdfs}}:{kind}:*")}


async def test_nothing_is_noted_unless_somebody_wants_to_be_told(rig: Rig) -> None:
    await rig.submit("j", *pages(2))
    await rig.submit("k", *pages(2), task=NOT_TOLD)
    await rig.worker().work(Outcome.DOCUMENT)
    assert not await keys(rig)


async def test_each_document_is_noted_until_it_was_told(rig: Rig) -> None:
    entries = pages(4)
    run = (await rig.submit("j", *entries[:2], task=TOLD)).run
    await rig.submit("j", *entries[2:], task=ALSO_TOLD)
    worker = rig.worker()
    outcomes = dict(
        zip(entries, [Outcome.DOCUMENT, Outcome.UNCHANGED, Outcome.NOT_FOUND, Outcome.DUPLICATE], strict=True)
    )
    for lease in await worker.lease(4):
        (outcome,) = [outcome for entry, outcome in outcomes.items() if lease.entry and entry.url == lease.entry.url]
        await worker.commit(lease, outcome)
    expected = {entry.fingerprint for entry in (*entries[:2], entries[3])}
    for transport in ("way", "other"):
        found = PendingEvents(rig.redis, transport)
        notes = await take(found)
        assert {note.fingerprint for note in notes} == expected == set(await found.any_untold(run, 10))
        assert {(note.run, note.job) for note in notes} == {(run, "j")}
        assert await take(PendingEvents(rig.redis, transport)) == notes  # the first one may have died
        first, *others = [note.fingerprint for note in notes]
        await found.told(run, [first])
        assert await found.untold(run, [first, *others, first]) == others
        await found.told(run, others)
        await found.settle(notes)
        assert not await found.any_untold(run, 10)
        assert not await take(PendingEvents(rig.redis, transport))


async def test_what_nobody_fetches_goes_with_its_run(rig: Rig) -> None:
    run = (await rig.submit("j", *pages(2), options=JobOptions(cap=8, robots=0, retention=5000), task=TOLD)).run
    worker = rig.worker()
    await worker.commit((await worker.lease(2))[0], Outcome.DOCUMENT)
    assert await rig.redis.pttl(f"{{pdfs}}:untold:{run}:way") == -1
    assert 0 < await rig.redis.pttl("{pdfs}:found:way") <= 5000
    await rig.control("j", "cancel")
    await worker.commit(worker.held[0], Outcome.DOCUMENT)
    await rig.sweep()
    assert (await rig.status("j"))["state"] == "cancelled"
    assert await rig.redis.scard(f"{{pdfs}}:untold:{run}:way") == 2
    assert 0 < await rig.redis.pttl(f"{{pdfs}}:untold:{run}:way") <= 5000


async def test_a_run_is_logged_from_when_it_is_told_to(rig: Rig) -> None:
    run = (await rig.submit("j", *pages(3), seal=True)).run
    worker = rig.worker()
    one, two, three = await worker.lease(3)
    await worker.commit(one, Outcome.DOCUMENT)
    assert not await keys(rig)
    await rig.control("j", "log")
    await worker.commit(two, Outcome.DOCUMENT)
    log, late = RunLog(rig.redis, run), RunLog(rig.redis, run)
    await late.skip()
    await worker.commit(three, Outcome.DOCUMENT)
    assert two.entry
    assert three.entry
    assert [*(await log.next(1)).values()] == [two.entry.fingerprint]
    last = await log.next(9)
    assert [*last.values()] == [three.entry.fingerprint]
    assert await late.next(9) == last
    assert await log.next(9) == {}
    assert await rig.redis.pttl(f"{{pdfs}}:log:{run}") > 0
