"""Check that every key belongs to something that exists, and expires with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pdfspider.frontier.audit.reading import PREFIX, Finding, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pdfspider.frontier.audit.reading import KeyReader

    Question = tuple[list[tuple[Any, ...]], Callable[..., str]]
    """Commands, and the function that returns the broken rule from their answers ("": none)."""


async def look_at_keys(reader: KeyReader, names: Iterable[str]) -> set[Finding]:
    """Return the rules that the keys with these names break."""
    asked = [(name, *_question(name)) for name in names]
    answers = iter(await reader.ask([command for _, commands, _ in asked for command in commands]))
    findings = set()
    for name, commands, judge in asked:
        if rule := judge(*(next(answers) for _ in commands)):
            findings.add(Finding(PREFIX + name, rule))
    return findings


def _question(name: str) -> Question:
    if type_of(name) is None:
        return [("EXISTS", PREFIX + name)], lambda there: "is a key of the frontier" if there else ""
    match name.split(":"):
        case ["job" | "seen" | "q" | "overflow" | "blocks" | "untold" as kind, *ids] if len(ids) > 1:
            return _OF_KIND[kind](*ids)
        case ["host", host]:
            return [("PTTL", PREFIX + name), ("EXISTS", f"{PREFIX}host:{host}:jobs")], _host
        case ["worker" | "taking", *ids]:
            return _of_worker(name, *ids)
        case ["robots" | "pages" | "log", *_]:
            return [("PTTL", PREFIX + name)], _expires
    return [], lambda: ""


def _of_run(run: str, part: str) -> Question:
    rule = "its run exists"
    commands = [("EXISTS", f"{PREFIX}job:{run}"), ("EXISTS", f"{PREFIX}job:{run}:{part}")]
    return commands, lambda owned, there: rule if there and not owned else ""


def _untold(run: str, transport: str) -> Question:
    commands = [("PTTL", f"{PREFIX}untold:{run}:{transport}"), ("EXISTS", f"{PREFIX}job:{run}")]
    return commands, lambda ttl, owned: "" if owned else _expires(ttl)


def _of_worker(name: str, worker: str, _: str = "") -> Question:
    rule = "its worker has a deadline, or it expires"
    commands = [("PTTL", PREFIX + name), ("ZSCORE", f"{PREFIX}workers", worker)]
    return commands, lambda ttl, deadline: rule if ttl == -1 and deadline is None else ""


def _bucket(run: str, bucket: str) -> Question:
    def judge(numbers: list[bytes | None], garbage: list[bytes], there: int) -> str:
        removed = any(entry.split()[0] == run.encode() and int(bucket) < int(entry.split()[1]) for entry in garbage)
        known = numbers[0] is not None and int(bucket) < 2 ** int(numbers[1] or 0) + int(numbers[2] or 0)
        return "" if known or removed or not there else "is a bucket of a run that exists"

    job = ("HMGET", f"{PREFIX}job:{run}", "state", "level", "split")
    return [job, ("LRANGE", f"{PREFIX}garbage", 0, -1), ("EXISTS", f"{PREFIX}seen:{run}:{bucket}")], judge


def _blocks(host: str, run: str) -> Question:
    commands = [("HKEYS", f"{PREFIX}blocks:{host}:{run}"), ("ZRANGE", f"{PREFIX}overflow:{host}:{run}", 0, -1)]
    return commands, lambda kept, known: "" if set(kept) == set(known) else "holds the blocks that are known"


def _queue(host: str, run: str, kind: str = "q") -> Question:
    job = f"{PREFIX}job:{run}"
    commands: list[tuple[Any, ...]] = [
        ("EXISTS", f"{PREFIX}{kind}:{host}:{run}"),
        ("HGET", job, "state"),
        ("SISMEMBER", f"{job}:hosts", host),
        ("ZSCORE", f"{PREFIX}host:{host}:jobs", run),
        ("SISMEMBER", f"{job}:parked", host),
        ("SISMEMBER", f"{PREFIX}chores", run),
    ]
    return commands, _found_queue


def _found_queue(*answers: Any) -> str:
    there, state, listed, turn, parked, chore = answers
    if not there:
        return ""
    if state is None:
        return "its run exists"
    if not listed:
        return "is listed among the hosts of its run"
    if state == b"cancelling":
        return "" if chore else "is about to be dropped with its run"
    waits = parked and (state == b"paused" or chore)
    return "" if turn is not None or waits else "takes turns at its host, or waits for its run to be resumed"


def _host(ttl: int, work: int) -> str:
    if work:
        return "stays while it has work" if ttl >= 0 else ""
    return "expires once it has no work" if ttl == -1 else ""


def _expires(ttl: int) -> str:
    return "expires" if ttl == -1 else ""


_OF_KIND: dict[str, Callable[..., Question]] = {
    "job": _of_run,
    "seen": _bucket,
    "q": _queue,
    "overflow": partial(_queue, kind="overflow"),
    "blocks": _blocks,
    "untold": _untold,
}
