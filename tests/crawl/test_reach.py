"""Which addresses a crawl connects to: public ones, the block of a private seed, and networks that are named."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from bench.processes import free_port
from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.gateway.base import Delivery, Receipt
from pdfspider.gateway.inbound.messages import understand
from tests import fork_server
from tests.crawl.hostile import Hostile, hostile, page, redirect, reply
from tests.support import INJECTED, SETTINGS, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Fleet

PRIVATE = "127.0.0.200"
"""Of the half of the loopback block that is private to PublicLoopback; the servers are in the other half."""
ROBOTS = pytest.mark.parametrize("robots", [True, False], ids=["robots", "no robots"])


class Given(Delivery):
    async def ack(self, receipt: Receipt) -> None: ...

    async def reject(self, reason: str) -> None: ...


@pytest.fixture
def site() -> Iterator[Hostile]:
    with hostile() as server:
        yield server


def guarded(fleet: Fleet, names: dict[str, list[str]], *, public: bool = False, **settings: Any) -> dict[str, Any]:
    parts = {f"{INJECTED}.Names": 1, **({f"{INJECTED}.PublicLoopback": 2} if public else {})}
    extensions = {**SETTINGS["EXTENSIONS"], **parts}
    log = fleet.directory / "connects"
    return {"EXTENSIONS": extensions, "NAMES": names, "CONNECT_LOG": log, "RETRY_TIMES": 0, **settings}


def connected(fleet: Fleet) -> set[str]:
    return set((fleet.directory / "connects").read_text().split())


def hand_in(fleet: Fleet, message: dict[str, Any], **settings: Any) -> None:
    """As the gateway does what a master says."""
    known = Settings()
    known.setmodule(defaults)
    known.update({"DOWNLOAD_DELAY": 0, "CONCURRENT_REQUESTS_PER_DOMAIN": 8, **settings})
    submission = understand(Given(body=json.dumps(message).encode(), id="1"), "test", Config.from_settings(known))

    async def submit() -> None:
        assert fleet.redis_url
        client = connect(fleet.redis_url)
        await Frontier(client).submit_all([submission])
        await client.aclose()

    asyncio.run(submit())


@ROBOTS
def test_a_private_seed_opens_its_own_block_and_no_other(fleet: Fleet, site: Hostile, robots: bool) -> None:
    elsewhere = ["10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "[::1]", "[fe80::1]", "[::ffff:a01:101]"]
    refused = [f"http://{host}:{site.port}/x" for host in (*elsewhere, "inside.test", "metadata.test")]
    allowed = [site.url("/near", host=2), f"http://here.test:{site.port}/named"]
    site.answers |= {"/": page(*refused, *allowed, "/to"), "/near": page(), "/named": page()}
    site.answers["/to"] = redirect("http://10.7.7.7/")
    names = {"inside.test": ["10.9.9.9"], "metadata.test": ["169.254.169.254"], "here.test": ["127.0.0.1"]}
    settings = guarded(fleet, names, ROBOTSTXT_OBEY=robots)
    fleet.crawl(site.url(), arguments={"scope": "any"}, **settings)
    outcomes = fleet.outcomes()
    assert {outcomes.pop(url) for url in (site.url(), *allowed)} == {"page"}
    assert outcomes.pop(site.url("/to")) == "redirect"
    assert outcomes == dict.fromkeys([*refused, "http://10.7.7.7/"], "out-of-scope")
    reasons = {row["reason"] for row in fleet.rows("outcome = 'out-of-scope'")}
    assert all("public address" in reason for reason in reasons), reasons
    assert connected(fleet) == {"127.0.0.1", "127.0.0.2"}
    fleet.audit()


@ROBOTS
def test_a_public_seed_opens_nothing(fleet: Fleet, site: Hostile, robots: bool) -> None:
    """Neither by its literal address nor by its name, and its redirects neither."""
    inside = [f"http://{PRIVATE}:{site.port}/a", f"http://inside.test:{site.port}/b", "http://10.0.0.1/c"]
    site.answers |= {"/": page(*inside, "/to"), "/to": redirect(f"http://{PRIVATE}:{site.port}/d")}
    settings = guarded(fleet, {"inside.test": [PRIVATE], "seed.test": ["127.0.0.1"]}, public=True)
    seeds = [f"http://seed.test:{site.port}/", site.url(host=2)]
    fleet.crawl(*seeds, arguments={"scope": "any"}, ROBOTSTXT_OBEY=robots, **settings)
    outcomes = fleet.outcomes()
    assert {outcomes[url] for url in seeds} == {"page"}
    for url in (*inside, f"http://{PRIVATE}:{site.port}/d"):
        assert outcomes[url] == "out-of-scope"
    assert connected(fleet) == {"127.0.0.1", "127.0.0.2"}
    fleet.audit()


@ROBOTS
@pytest.mark.parametrize("job", ["own", "default", "operators"])
def test_a_message_reaches_public_addresses_only_whichever_job_it_joins(
    fleet: Fleet, site: Hostile, robots: bool, job: str
) -> None:
    site.answers |= {"/seed": page(), "/in": page(), "/public": page(f"http://127.0.0.200:{site.port}/deep", "/more")}
    site.answers |= {"/more": page()}
    names = {"inside.test": [PRIVATE], "outside.test": ["127.0.0.1"]}
    settings = guarded(fleet, names, public=True, ROBOTSTXT_OBEY=robots)
    fleet.stand(1, **settings)
    # The operator's own job may reach the private half, as its seed is there; nobody answers there.
    known = json.dumps({"url": f"http://{PRIVATE}:1/", "job": "default" if job == "own" else job})
    fleet.push(known)
    until(lambda: fleet.rows(f"url = 'http://{PRIVATE}:1/'"))
    master = {"urls": [f"http://inside.test:{site.port}/in", f"http://outside.test:{site.port}/public"], "scope": "any"}
    hand_in(fleet, {**master, "depth": 2, "job": job}, ROBOTSTXT_OBEY=robots)
    until(lambda: len(fleet.rows(f"job = '{job}'")) == (4 if job == "own" else 5))
    fleet.workers[0].dismiss()
    outcomes = fleet.outcomes()
    assert outcomes.pop(f"http://{PRIVATE}:1/") == "connection-error"
    assert outcomes == {
        f"http://inside.test:{site.port}/in": "out-of-scope",
        f"http://127.0.0.200:{site.port}/deep": "out-of-scope",
        f"http://outside.test:{site.port}/public": "page",
        f"http://outside.test:{site.port}/more": "page",
    }


def test_named_networks_travel_with_what_is_handed_in_under_them(fleet: Fleet, site: Hostile) -> None:
    near, far = f"http://127.0.0.130:{site.port}/", f"http://{PRIVATE}:{site.port}/"
    links = page(near, far, "http://169.254.169.254/")
    site.answers |= {"/": links, "/master": links}
    settings = guarded(fleet, {"outside.test": ["127.0.0.2"]}, public=True, ROBOTSTXT_OBEY=False)
    named = {"PDF_ALLOWED_NETWORKS": "127.0.0.128/26,10.0.0.0/16"}
    fleet.crawl(site.url(), arguments={"scope": "any", "job": "operators"}, **settings, **named)
    message = {"url": f"http://outside.test:{site.port}/master", "scope": "any", "job": "masters"}
    hand_in(fleet, message, ROBOTSTXT_OBEY=False, GATEWAY_NETWORKS=["127.0.0.192/26", "10.0.0.0/16"])
    fleet.crawl(arguments={"job": "masters"}, **settings)
    found = {(row["job"], row["url"]): row["outcome"] for row in fleet.rows()}
    assert (found["operators", near], found["operators", far]) == ("connection-error", "out-of-scope")
    assert (found["masters", near], found["masters", far]) == ("out-of-scope", "connection-error")
    assert {found[job, "http://169.254.169.254/"] for job in ("operators", "masters")} == {"out-of-scope"}
    fleet.audit()


def test_another_address_of_a_name_is_used_where_one_is_refused(fleet: Fleet, site: Hostile) -> None:
    site.answers |= {"/": page(f"http://both.test:{site.port}/x"), "/x": reply(b"", status="404 Not Found")}
    settings = guarded(fleet, {"both.test": ["10.0.0.1", "127.0.0.2"]})
    fleet.crawl(site.url(), arguments={"scope": "any"}, **settings)
    assert fleet.outcomes()[f"http://both.test:{site.port}/x"] == "not-found"
    assert connected(fleet) == {"127.0.0.1", "127.0.0.2"}


def test_a_metadata_address_that_is_handed_in_ends_in_a_class(fleet: Fleet, site: Hostile) -> None:
    site.answers["/"] = page()
    url = "http://169.254.169.254/latest/"
    fleet.crawl(url, site.url(), **guarded(fleet, {}))
    assert fleet.outcomes() == {url: "out-of-scope", site.url(): "page"}
    assert connected(fleet) == {"127.0.0.1"}


def test_what_is_tried_again_may_reach_what_it_might_before(fleet: Fleet, site: Hostile) -> None:
    """A master's URLs get nothing by an operator's retry, and links of a private seed keep its block."""
    port = free_port()
    silent, nowhere = f"http://127.0.0.2:{port}/", f"http://outside.test:{port}/"
    site.answers |= {"/": page(silent)}
    fleet.crawl(site.url(), arguments={"scope": "any", "job": "operators"}, **guarded(fleet, {}))
    hand_in(fleet, {"url": nowhere, "job": "masters"}, ROBOTSTXT_OBEY=False)
    outside = guarded(fleet, {"outside.test": ["127.0.0.1"]}, public=True)
    fleet.crawl(arguments={"job": "masters"}, **outside)
    assert (fleet.row(silent)["outcome"], fleet.row(nowhere)["outcome"]) == ("connection-error", "connection-error")
    retry = ["retry", "--scope", "any", "-s", f"REDIS_URL={fleet.redis_url}", "-s", f"DATA_DIR={fleet.data}"]
    fork_server.run(["scrapy", *retry]).check_returncode()
    inside = guarded(fleet, {"outside.test": ["127.0.0.1"]})
    for job in ("operators", "masters"):
        fleet.crawl(arguments={"job": job}, **inside)
    assert (fleet.row(silent)["outcome"], fleet.row(nowhere)["outcome"]) == ("connection-error", "out-of-scope")


@pytest.mark.parametrize("resolve", [True, False])
def test_behind_a_proxy_what_can_be_seen_here_is_judged(
    fleet: Fleet, site: Hostile, resolve: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.url())
    monkeypatch.setenv("no_proxy", "")
    literal = ["http://10.0.0.1/x", "http://localhost/x", "http://[::1]/x", "http://169.254.169.254/x"]
    inside, unknown = "http://inside.test/x", "http://unknown.invalid/x"
    site.answers |= {
        "http://outside.test/": page(*literal, inside, unknown),
        **dict.fromkeys([*literal, inside, unknown], page()),
    }
    settings = guarded(fleet, {"outside.test": ["1.1.1.1"], "inside.test": ["1.1.1.1", "10.0.0.1"]})
    settings |= {"ROBOTSTXT_OBEY": False, "PDF_RESOLVE_FOR_PROXY": resolve, "HTTPPROXY_ENABLED": True}
    fleet.crawl("http://outside.test/", arguments={"scope": "any"}, **settings)
    expected = {"http://outside.test/": "page", unknown: "page", inside: "out-of-scope" if resolve else "page"}
    assert fleet.outcomes() == {**expected, **dict.fromkeys(literal, "out-of-scope")}
    assert connected(fleet) == {"127.0.0.1"}
