"""The look-up of documents of earlier runs in the database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from pdfspider.crawl.policy.conditional_requests import ConditionalRequests, compare, condition
from pdfspider.exceptions import JobNotFound
from pdfspider.frontier.leases import Lease, LeaseKind
from pdfspider.items import Outcome
from pdfspider.records.history import EarlierDocument
from tests.frontier.rig import entry
from tests.records.conftest import capture

if TYPE_CHECKING:
    from pathlib import Path

HERE, THERE = "http://a.test/x.pdf", "http://a.test/y.pdf"


def lease(run: int = 2) -> Lease:
    return Lease("1", run, LeaseKind.URL, 0.0, False, 0, 0, entry(HERE))


def config_and_frontier(tmp_path: Path, answer: Any) -> tuple[Any, Any]:
    async def job(_: int) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    config = SimpleNamespace(database_url=f"sqlite:///{tmp_path}/nowhere/pdfs.db", only_if_changed=True)
    return config, SimpleNamespace(job=job)


@pytest.mark.parametrize("answer", [SimpleNamespace(name="j"), JobNotFound("gone"), RedisConnectionError("gone")])
async def test_what_cannot_be_known_is_fetched(tmp_path: Path, answer: object) -> None:
    conditional_requests = ConditionalRequests(*config_and_frontier(tmp_path, answer))
    assert await conditional_requests.of([lease(), lease()]) == {}
    await conditional_requests.close()


def earlier(**known: Any) -> EarlierDocument:
    fields = dict.fromkeys(EarlierDocument._fields, None) | {
        "run": 1,
        "fingerprint": 1,
        "sha256": "00",
        "final_url": HERE,
    }
    return EarlierDocument(**(fields | known))


@pytest.mark.parametrize(
    ("known", "headers"),
    [
        ({}, {}),
        ({"etag": '"1"', "last_modified": "then"}, {"If-None-Match": '"1"', "If-Modified-Since": "then"}),
        ({"etag": 'W/"1"', "last_modified": "then", "final_url": THERE}, {"If-None-Match": 'W/"1"'}),
        ({"last_modified": "then", "final_url": THERE}, {}),
        ({"etag": '"1"\r\nX: y', "last_modified": "\u20ac"}, {}),
        ({"etag": "x" * 5000}, {}),
    ],
)
def test_a_condition(known: dict[str, str], headers: dict[str, str]) -> None:
    assert condition(earlier(**known), HERE) == headers


@pytest.mark.parametrize(
    ("outcome", "status", "sha256", "said"),
    [
        (Outcome.DOCUMENT, 200, "00", (Outcome.UNCHANGED, "why")),
        (Outcome.DOCUMENT, 200, "11", (Outcome.DOCUMENT, "changed: in the run of 1970-01-01 it was 00")),
        (Outcome.NOT_FOUND, 410, None, (Outcome.GONE, "HTTP status 410; in the run of 1970-01-01 it was 00")),
        (Outcome.NOT_FOUND, 200, None, None),
        (Outcome.TIMEOUT, None, None, None),
    ],
)
def test_what_has_become_of_a_document(outcome: Outcome, status: int | None, sha256: str | None, said: object) -> None:
    assert compare(capture(sha256=sha256, outcome=outcome, status=status, reason="why"), earlier()) == said
