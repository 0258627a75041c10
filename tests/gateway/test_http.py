"""What HTTP's masters may rely on besides."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import redis

from bench.processes import free_port
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Gateway, Start
    from tests.support import Fleet

JSON = {"Content-Type": "application/json"}


def parsed(stream: bytes) -> list[dict[str, str]]:
    """The fields of each server-sent event; comments are left out."""
    events = [event for event in stream.decode().split("\n\n") if event and not event.startswith(":")]
    return [dict(line.split(": ", 1) for line in event.split("\n")) for event in events]


class Client:
    def __init__(self, start: Start, **settings: Any) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.gateway: Gateway = start(self.url, **settings)

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {**JSON, **headers}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def watch(self, path: str) -> list[tuple[str, Any]]:
        """Names and data of the events, until the stream ends."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=PATIENCE) as stream:
            return [(event["event"], json.loads(event["data"])) for event in parsed(stream.read())]


def test_jobs_as_resources(gateway: Start, site: Server) -> None:
    client = Client(gateway)
    message = {"url": site.url, "meta": {"a": 1}, "task_id": 7, "depth": 3, "scope": "any"}
    status, accepted = client.ask("/jobs", message)
    assert status == 202
    job = accepted["job"]
    assert accepted["added"] == 1

    begun = client.ask(f"/jobs/{job}/result")[1]
    assert [begun[name] for name in ("task_id", "meta", "id")] == [7, {"a": 1}, accepted["result_id"]]
    *events, (name, result) = client.watch(f"/jobs/{job}/events")
    assert {name for name, _ in events} == {"status"}
    assert name == "result"
    assert len(result["documents"]) == 9
    assert result == client.ask(f"/jobs/{job}/result")[1]
    assert (result["task_id"], result["meta"], result["urls"]) == (7, {"a": 1}, [site.url])

    status, shown = client.ask(f"/jobs/{job}")
    assert (status, shown["job"], shown["state"], shown["documents"]) == (200, job, "finished", 9)
    assert client.ask("/jobs?limit=1000")[1]["jobs"][job] == {k: v for k, v in shown.items() if k != "job"}
    client.gateway.stop()


def test_a_frontier_without_memory_is_waited_for(gateway: Start, site: Server, served: Fleet) -> None:
    client = Client(gateway)
    part = {"url": site.url, "job": "in-parts"}
    assert client.ask("/jobs", {**part, "seal": False})[0] == 202
    with served.client() as frontier, ThreadPoolExecutor(1) as masters:
        frontier.config_set("maxmemory", 1)
        try:
            answer = masters.submit(client.ask, "/jobs", {**part, "task_id": "waits"})
            until(lambda: "wait for Redis" in client.gateway.output or answer.done())
        finally:
            frontier.config_set("maxmemory", 0)
        assert answer.result(30)[0] == 202
    client.gateway.stop()


def test_only_what_is_due(gateway: Start, site: Server) -> None:
    """A second visit is not due for a day: its job ends at once, with nothing."""
    client = Client(gateway)
    message = {"url": site.site.document_url(0), "job": "visited-again"}
    results = []
    for due in (True, True, False):
        assert client.ask("/jobs", {**message, "due": due})[0] == 202
        results.append(client.watch("/jobs/visited-again/events")[-1][1])
    assert [result["counts"]["urls"] for result in results] == [1, 0, 1]
    assert len({result["run"] for result in results}) == 3
    client.gateway.stop()


def test_documents_are_told_to_whoever_watches(gateway: Start, site: Server, served: Fleet) -> None:
    """Those that were there before too, and all before the result."""
    client = Client(gateway)
    urls = site.site.document_urls()
    run = client.ask("/jobs", {"urls": urls[:3], "job": "watched", "seal": False})[1]["run"]
    until(lambda: client.ask("/jobs/watched")[1]["documents"] == 3)
    with ThreadPoolExecutor(1) as others, served.client() as redis:
        watching = others.submit(client.watch, "/jobs/watched/events?documents=true")
        until(lambda: redis.hexists(f"{{pdfs}}:job:{run}", "logged"))
        client.ask("/jobs", {"urls": urls[3:], "job": "watched"})
        events = watching.result(60)
    assert [name for name, _ in events[-2:]] == ["status", "result"]
    told = {event["id"]: event for name, event in events if name == "document"}
    keys = ("url", "outcome", "sha256", "size", "stored", "title", "found_on")
    assert sorted(event["url"] for event in told.values()) == sorted(urls)
    documents = {document["url"]: document for document in events[-1][1]["documents"]}
    assert {event["url"]: {key: event[key] for key in keys} for event in told.values()} == documents
    assert {event["job"] for event in told.values()} == {"watched"}
    assert len([1 for name, _ in client.watch("/jobs/watched/events?documents=true") if name == "document"]) == 9
    assert client.ask("/jobs/watched/events?documents=perhaps")[0] == 400
    client.gateway.stop()


def test_a_job_can_be_controlled(gateway: Start, site: Server) -> None:
    client = Client(gateway)
    message = {"url": site.url, "job": "controlled", "seal": False}
    assert client.ask("/jobs", message)[0] == 202
    states = [client.ask(f"/jobs/controlled/{action}", method="POST") for action in ("pause", "resume", "cancel")]
    assert [answer["state"] for _, answer in states[:2]] == ["paused", "running"]
    assert states[2][1]["state"] in ("cancelling", "cancelled")
    until(lambda: client.ask("/jobs/controlled")[1]["state"] == "cancelled")
    client.gateway.stop()


def test_the_same_request_is_the_same_job(gateway: Start, site: Server) -> None:
    client = Client(gateway)
    message = {"url": site.site.document_url(0)}
    same = [client.ask("/jobs", message, **{"Idempotency-Key": "k"})[1] for _ in range(2)]
    assert same[0]["result_id"] == same[1]["result_id"]
    assert (same[0]["added"], same[1]["added"]) == (1, 0)
    assert client.ask("/jobs", message)[1]["job"] != same[0]["job"]
    client.gateway.stop()


def test_a_webhook_gets_as_much_as_it_takes_and_what_it_does_not_take_keeps_nothing_else_waiting(
    gateway: Start, site: Server
) -> None:
    posted: list[dict[str, Any]] = []
    refused: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b'"refused"' in body:
                self.send_response(500)
                refused.append(body)
            elif len(body) > 2000:
                self.send_response(413)
            else:
                self.send_response(204)
                posted.append(json.loads(body))
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver, ThreadPoolExecutor(1) as thread:
        thread.submit(receiver.serve_forever, 0.05)
        webhook = f"http://127.0.0.1:{receiver.server_port}"
        client = Client(gateway, GATEWAY_WEBHOOK=webhook, GATEWAY_RESULT_MAX_SIZE=3000)
        client.ask("/jobs", {"url": site.site.document_url(0), "job": "refused"})
        until(lambda: refused)
        job = client.ask("/jobs", {"url": site.url, "depth": 3, "scope": "any"})[1]["job"]
        (result,) = until(lambda: posted)
        receiver.shutdown()
    whole = client.ask(f"/jobs/{job}/result")[1]
    assert 0 < len(result["documents"]) < len(whole["documents"]) < 9 == result["counts"]["documents"]
    assert result["truncated"]
    assert whole["truncated"]
    client.gateway.stop()


def test_refusals(gateway: Start, site: Server) -> None:
    client = Client(gateway, GATEWAY_MESSAGE_MAX_SIZE=2000)
    url = {"url": site.url}
    expected = {
        400: [client.ask("/jobs", {"url": "nonsense"}), client.ask("/jobs?limit=0"), client.ask("/jobs", b"{")],
        403: [client.ask("/jobs", Host="evil.example:80")],
        404: [client.ask("/jobs/nobody"), client.ask("/jobs/nobody/cancel", method="POST"), client.ask("/else")],
        405: [client.ask("/jobs", url, method="PUT")],
        413: [client.ask("/jobs", {**url, "meta": {"x": "y" * 3000}})],
        415: [client.ask("/jobs", url, **{"Content-Type": "text/plain"})],
    }
    for status, answers in expected.items():
        for got, body in answers:
            assert got == status, body
            assert body["error"]
    assert client.ask("/jobs/no%20name")[0] == 400
    client.gateway.stop()


def test_a_token_keeps_others_out(gateway: Start) -> None:
    client = Client(gateway, GATEWAY_TOKEN="s3cret")
    assert client.ask("/jobs")[0] == 401
    assert client.ask("/jobs", Authorization="Bearer wrong")[0] == 401
    assert client.ask("/jobs", Authorization="Bearer s3cret")[0] == 200
    assert client.ask("/openapi.json")[0] == 200
    client.gateway.stop()


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        ("http://0.0.0.0:8099", "GATEWAY_TOKEN"),
        ("smoke://x", "smoke"),
        ("", "GATEWAY_URLS"),
        ("redis:,redis://127.0.0.1:1", "two transports in GATEWAY_URLS"),
        ("amqp://127.0.0.1/?declare_tasks=maybe", "declare_tasks"),
        ("https://127.0.0.1:8099?cert=/nowhere", "cert"),
        ("http://127.0.0.1:{taken}", "cannot listen"),
        ("redis:?keep=some", "keep"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(gateway: Start, urls: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = gateway(urls.format(taken=taken.getsockname()[1]))
        assert running.process.wait(PATIENCE) == 1
    assert words in running.output
    assert "Traceback" not in running.output
    assert "Serving" not in running.output


def test_what_the_openapi_document_promises(gateway: Start, redis_url: str, tmp_path: Path) -> None:
    """Asked by schemathesis, of a frontier where nobody works: no URL is fetched."""
    with redis.Redis.from_url(redis_url) as frontier:
        frontier.config_set("appendonly", "no")  # else each answer waits for the disk
    client = Client(gateway, REDIS_URL=redis_url, DATA_DIR=tmp_path / "data")
    options = ["--generation-deterministic", "--max-examples=5", f"--request-timeout={PATIENCE}", "--warnings=off"]
    left_out = ["--exclude-path=/jobs/{job}/events", "--exclude-checks=positive_data_acceptance"]
    """Streams last as long as their jobs, here for ever; and no schema says what makes a URL."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{client.url}/openapi.json", *options, *left_out]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    client.gateway.stop()


def test_the_openapi_document_says_what_there_is(gateway: Start, site: Server) -> None:
    client = Client(gateway)
    document = client.ask("/openapi.json")[1]
    schemas = document["components"]["schemas"]
    accepted = client.ask("/jobs", {"url": site.site.document_url(1)})[1]
    job = accepted["job"]
    until(lambda: client.ask(f"/jobs/{job}")[1]["state"] == "finished")
    answers = {
        "Accepted": accepted,
        "Status": client.ask(f"/jobs/{job}")[1],
        "Result": client.ask(f"/jobs/{job}/result")[1],
        "Jobs": client.ask("/jobs")[1],
        "Transports": client.ask("/transports")[1],
        "Problem": client.ask("/jobs/nobody")[1],
    }
    for name, answer in answers.items():
        assert set(answer) == set(schemas[name]["required"]), name
    (state,) = until(lambda: [one for one in client.ask("/transports")[1]["transports"] if one["state"] == "up"])
    assert state["transport"] == "http"
    assert set(state) == set(schemas["Transports"]["properties"]["transports"]["items"]["required"])
    assert set(document["paths"]) == {
        "/jobs",
        "/transports",
        "/documents/{sha256}",
        "/jobs/{job}",
        *(f"/jobs/{{job}}/{part}" for part in ("result", "events", "pause", "resume", "cancel")),
    }
    client.gateway.stop()
