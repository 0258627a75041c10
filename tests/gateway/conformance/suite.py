"""What every transport promises, each with the broker and the client that people use: a file for each."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, ClassVar

from pdfspider.gateway.base import Address
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Collection

    from bench.server import Server
    from tests.gateway.conftest import Start
    from tests.gateway.masters.base import Master
    from tests.support import Fleet

MANY = int(os.environ.get("MANY") or 100)
"""Messages that are handed in while gateway and broker are killed."""
LONG = PATIENCE * max(1, MANY / 200)


def task(url: str, task_id: str, **fields: Any) -> str:
    return json.dumps({"url": url, "task_id": task_id, **fields})


def by_id(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a master drops repetitions."""
    return list({result["id"]: result for result in results}.values())


def check_events(master: Master, results: list[dict[str, Any]]) -> None:
    """Where documents are told of: those of the results, once each."""
    if master.events() is None:
        return
    jobs = {result["job"]: result for result in results}
    expected = [(job, *shown(row)) for job, result in jobs.items() for row in result["documents"]]
    told = until(lambda: len(found := told_of(master, jobs)) >= len(expected) and found, LONG)
    assert sorted((event["job"], *shown(event)) for event in told) == sorted(expected)
    own = {job: result["task_id"] for job, result in jobs.items() if result["task_id"] is not None}
    assert all(event["task_id"] == own[event["job"]] for event in told if "task_id" in event and event["job"] in own)


def told_of(master: Master, jobs: Collection[str]) -> list[dict[str, Any]]:
    return [event for event in by_id(master.events() or []) if event["job"] in jobs]


def shown(document: dict[str, Any]) -> list[str]:
    return [str(document[key]) for key in ("url", "outcome", "sha256", "size", "stored", "found_on")]


def waiting(served: Fleet, master: Master, name: str = "") -> list[bytes]:
    """The frontier's keys of what was not answered yet; ``name`` is the transport's, where its URL has another."""
    name = name or Address(master.url).name
    with served.client() as client:
        runs = [run for run in client.smembers("{pdfs}:unanswered") if run.endswith(f":{name}".encode())]
        return [*runs, *client.keys(f"{{pdfs}}:tasks:*:{name}"), *client.xrange(f"{{pdfs}}:owed:{name}")]


class Conformance:
    kind: ClassVar[type[Master]]

    def test_a_message_is_answered_and_one_without_sense_is_set_aside(
        self, master: Master, gateway: Start, site: Server, served: Fleet
    ) -> None:
        running = gateway(master.url, **master.settings)
        meta = {"order": [1, 2.5, None, "ä"], "empty": {}}
        master.submit(
            task(site.url, "page", meta=meta),
            json.dumps({"meta": meta, "task_id": "page", "url": site.url}),  # the same once more
            '{"url": "http://example.org/", "colour": "red"}',
            "not a URL",
            "http://169.254.169.254/latest/",
            site.site.document_url(3),
        )
        until(lambda: len(by_id(master.results())) == 2 and len(master.rejects()) == 3)
        reasons = {letter["message"]: letter["reason"] for letter in master.rejects()}
        assert "colour" in reasons['{"url": "http://example.org/", "colour": "red"}']
        assert "URL" in reasons["not a URL"]
        assert "not a public address" in reasons["http://169.254.169.254/latest/"]
        answers = {result["task_id"]: result for result in master.results()}
        page, single = answers["page"], answers[None]
        assert page["meta"] == meta
        assert (page["state"], page["failures"]) == ("finished", [])
        expected = site.site.expected()
        assert {document["url"]: document["sha256"] for document in page["documents"]} == {
            url: expected[url] for url in site.site.links(0) if url in expected
        }
        (document,) = single["documents"]
        assert (document["url"], document["sha256"]) == (
            site.site.document_url(3),
            expected[site.site.document_url(3)],
        )
        assert document["size"] == site.site.document_size(3)
        assert document["stored"].startswith(str(served.data / "files"))
        check_events(master, master.results())
        running.stop()

    def test_nothing_is_lost_when_gateway_and_broker_are_killed(
        self, master: Master, gateway: Start, site: Server, served: Fleet
    ) -> None:
        before = {result["id"] for result in master.results()}
        with master.broker_away():
            first = gateway(master.url, **master.settings)
        names = [f"{n}" for n in range(MANY)]
        urls = site.site.document_urls()
        messages = [task(urls[n % len(urls)], name) for n, name in enumerate(names)]
        master.submit(*messages[: MANY // 2])
        until(lambda: len(served.status()["jobs"]) > MANY // 8)
        first.kill()
        second = gateway(master.url, **master.settings)
        master.submit(*messages[MANY // 2 :])
        until(lambda: len(master.results()) > MANY // 8)
        master.restart_broker()
        until(lambda: {result["task_id"] for result in master.results()} >= set(names), LONG)
        until(lambda: not waiting(served, master), LONG)
        answers = [result for result in by_id(master.results()) if result["id"] not in before]
        assert sorted(result["task_id"] for result in answers) == sorted(names)
        assert all(len(result["documents"]) == 1 for result in answers)
        check_events(master, answers)
        second.stop()
        served.audit()
