"""Server-sent events: where each stands, going on after a lost connection, and signs of life."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, ClientTimeout

from bench.processes import free_port
from pdfspider.gateway.queries.watching import Position
from pdfspider.gateway.transports.http.transport import HttpTransport
from tests.gateway.inprocess import listening, service_on
from tests.gateway.test_http import parsed
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FINGERPRINTS = [bytes([number]) * 8 for number in range(1, 10)]


def told(events: list[dict[str, str]]) -> list[str]:
    """Ids of the documents."""
    return [json.loads(event["data"])["id"] for event in events if event["event"] == "document"]


async def test_a_quiet_stream_has_signs_of_life(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    async with (
        service_on(redis_url, tmp_path, GATEWAY_KEEP_ALIVE=0.1) as service,
        listening(HttpTransport(here, service)),
        ClientSession(here, timeout=ClientTimeout(PATIENCE)) as client,
    ):
        await client.post("/jobs", json={"url": "http://127.0.0.1:9/", "job": "quiet", "seal": False})
        async with client.get("/jobs/quiet/events") as stream:
            assert stream.headers["X-Accel-Buffering"] == "no"
            assert stream.headers["Cache-Control"] == "no-store"
            comments = 0
            async for line in stream.content:
                comments += line.startswith(b":")
                if comments == 3:
                    break


async def test_who_comes_again_goes_on_behind_the_last_event(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    async with (
        service_on(redis_url, tmp_path) as service,
        listening(HttpTransport(here, service)),
        ClientSession(here, timeout=ClientTimeout(PATIENCE)) as client,
    ):
        recorded: list[bytes] = FINGERPRINTS[:3]

        async def events(_: str, __: int, fingerprints: list[bytes]) -> dict[bytes, dict[str, Any]]:
            return {fingerprint: {"id": fingerprint.hex()} for fingerprint in fingerprints}

        async def events_after(_: str, __: int, last: bytes | None) -> dict[bytes, dict[str, Any]]:
            return {each: {"id": each.hex()} for each in recorded if last is None or each > last}

        monkeypatch.setattr(service, "events", events)  # as the database would say
        monkeypatch.setattr(service, "events_after", events_after)
        await client.post("/jobs", json={"url": "http://127.0.0.1:9/", "job": "watched", "seal": False})
        run = (await service.status("watched"))["run"]

        async def find(*fingerprints: bytes) -> None:
            for fingerprint in fingerprints:
                await service.frontier.redis.xadd(f"{{pdfs}}:log:{run}", {"fp": fingerprint})

        async def watch(last: str, until: int) -> list[dict[str, str]]:
            """Events up to so many documents (0: to the end)."""
            headers = {"Last-Event-ID": last} if last else {}
            read = b""
            async with client.get("/jobs/watched/events?documents=true", headers=headers) as stream:
                assert stream.status == 200
                async for line in stream.content:
                    read += line
                    if until and read.count(b"event: document") == until and read.endswith(b"\n\n"):
                        break
            return parsed(read)

        await find(FINGERPRINTS[0])
        first = await watch("", 2)
        assert told(first) == [each.hex() for each in FINGERPRINTS[:2]]
        await find(*FINGERPRINTS[3:6])
        second = await watch(first[-1]["id"], 3)
        assert told(second) == [each.hex() for each in FINGERPRINTS[2:5]]
        await find(*FINGERPRINTS[6:8])
        await service.control("watched", "cancel")
        while await service.frontier.sweep():
            pass
        third = await watch(second[-1]["id"], 0)
        assert told(third) == [each.hex() for each in FINGERPRINTS[5:8]]
        assert [event["event"] for event in third[-2:]] == ["status", "result"]
        assert Position.parse(third[-1]["id"]) == Position(run, ended=True)
        async with client.get("/jobs/watched/events", headers={"Last-Event-ID": third[-1]["id"]}) as again:
            assert (again.status, await again.read()) == (204, b"")
        for unknown in "nonsense", f"{run + 1}:end", f"{run}:1-1":
            assert len(told(await watch(unknown, 3))) == 3


def test_positions_are_read_as_they_are_written() -> None:
    for position in Position(7), Position(7, "12-3"), Position(7, "12-3", "00ff" * 4), Position(7, ended=True):
        assert Position.parse(str(position)) == position
    for text in "", "7", "x:end", "7:end:1", "7:1", "-1:", "7:1-2:zz", "7:1-2\n":
        assert Position.parse(text) is None
