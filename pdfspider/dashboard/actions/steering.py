"""Forms that change what runs: options of jobs, what is blocked, hosts in trouble, and what is tried again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pdfspider.dashboard.forms import read_form, see_other
from pdfspider.dashboard.pages import Page, render
from pdfspider.dashboard.state import dashboard_of
from pdfspider.dashboard.views.jobs import read_job
from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.formatting import FOUND_OUTCOMES, OUTCOMES_BY_NAME, counted
from pdfspider.frontier.block_rules import BlockRule, BlockRules
from pdfspider.submission.changing import read_changes
from pdfspider.submission.retrying import retry as retry_failures
from pdfspider.submission.retrying import retry_one

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pdfspider.dashboard.state import Dashboard

ACTION_TIMEOUT_S = 5.0
"""Seconds for which an action is waited for; then it goes on by itself."""


async def ask_to_change(request: web.Request) -> Page:
    """Show the options of a job that can be changed."""
    return _change_form(await read_job(request), {})


async def change(request: web.Request) -> web.StreamResponse:
    """Change options of a job, or show the form again with what is wrong."""
    job, given = await read_job(request), await read_form(request)
    dashboard = dashboard_of(request)
    try:
        done, _ = await _patiently(dashboard, dashboard.frontier.steering.change(job["name"], read_changes(given)))
    except InvalidInput as error:
        return _again(_change_form(job, given, str(error)))
    said = "Changed." if done else "Changed; its hosts follow within moments."
    return see_other(request, f"/jobs/{job['name']}", said)


def _change_form(job: dict[str, Any], given: dict[str, str], problem: str = "") -> Page:
    return Page("change.html", "Change", "/", {"job": job, "given": given, "problem": problem}, is_live=False)


async def retry(request: web.Request) -> web.StreamResponse:
    """Submit one URL, those of a class, or all dead letters of a job again."""
    job, given = await read_job(request), await read_form(request)
    dashboard, name = dashboard_of(request), job["name"]
    back = f"/jobs/{name}"
    if "fingerprint" in given:
        added = await retry_one(
            dashboard.config, dashboard.frontier, await _failure(dashboard, name, given), depth=dashboard.config.depth
        )
        return see_other(request, back, f"{counted(added, 'URL')} queued again.")
    outcome = OUTCOMES_BY_NAME.get(given.get("class", ""))
    if "class" in given and (outcome is None or outcome in FOUND_OUTCOMES):
        raise InvalidInput(f"{given['class'][:100]!r} is no class of failure")
    config, frontier, records = dashboard.config, dashboard.frontier, dashboard.records
    work = retry_failures(config, frontier, records, name, outcome, depth=config.depth)
    done, again = await _patiently(dashboard, work)
    said = f"{counted(sum(again.values()), 'URL')} queued again." if done else "URLs are being queued again."
    return see_other(request, back, said)


async def _failure(dashboard: Dashboard, job: str, given: dict[str, str]) -> Any:
    try:
        run, fingerprint = int(given.get("run", "")), int(given["fingerprint"])
    except ValueError:
        raise InvalidInput("run and fingerprint must be whole numbers") from None
    found = await dashboard.listings.failure(job, run, fingerprint)
    if found is None:
        raise InvalidInput("there is no such failure")
    return found


async def reset_host(request: web.Request) -> web.StreamResponse:
    """Have a host asked again that was left alone."""
    host = request.match_info["host"]
    await dashboard_of(request).frontier.steering.reset_host(host)
    return see_other(request, f"/hosts/{host}", "It is asked again as soon as its delay allows.")


async def ask_to_block(request: web.Request) -> Page:
    """Show what is blocked, and what a rule would drop."""
    dashboard, given = dashboard_of(request), dict(request.query)
    rules = BlockRules(dashboard.frontier.redis)
    await rules.refresh()
    values: dict[str, Any] = {"rules": rules.rules, "given": given, "problem": "", "preview": None, "rule": None}
    if given.get("host") or given.get("pattern"):
        try:
            rule = _rule(given).check()
            preview = await dashboard.frontier.steering.preview(rule, await _run(dashboard, rule))
            values |= {"rule": rule, "preview": preview}
        except (InvalidInput, JobNotFound) as error:
            values["problem"] = str(error)
    return Page("block.html", "Block", "/hosts", values, is_live=False)


async def block(request: web.Request) -> web.StreamResponse:
    """Block a host or a pattern."""
    dashboard, given = dashboard_of(request), await read_form(request)
    rule = _rule(given).check()
    await _run(dashboard, rule)
    await BlockRules(dashboard.frontier.redis).add(rule)
    return see_other(request, "/block", f"Blocked: {rule}. Workers follow within a second or two.")


async def unblock(request: web.Request) -> web.StreamResponse:
    """Remove a rule."""
    given = await read_form(request)
    removed = await BlockRules(dashboard_of(request).frontier.redis).remove([given.get("id", "")])
    return see_other(request, "/block", "Not blocked any more." if removed else "There is no such rule.")


def _rule(given: dict[str, str]) -> BlockRule:
    text = {name: given.get(name, "").strip() for name in ("host", "pattern", "job")}
    return BlockRule(host=text["host"].lower(), pattern=text["pattern"], job=text["job"])


async def _run(dashboard: Dashboard, rule: BlockRule) -> int | None:
    """Return the run of the rule's job, None for all.

    Raises JobNotFound.
    """
    return await dashboard.frontier.run_of(rule.job) if rule.job else None


def _again(page: Page) -> web.Response:
    return web.Response(text=render(page), content_type="text/html", status=400)


async def _patiently(dashboard: Dashboard, work: Coroutine[Any, Any, Any]) -> tuple[bool, Any]:
    """Return whether the work has ended, and its result; if it takes long it goes on by itself.

    Raises what it raises in that time.
    """
    task = asyncio.create_task(work)
    dashboard.working.add(task)
    task.add_done_callback(dashboard.working.discard)
    done, _ = await asyncio.wait([task], timeout=ACTION_TIMEOUT_S)
    return bool(done), task.result() if done else None
