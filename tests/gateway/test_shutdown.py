"""A gateway ends in a bounded time, whatever hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from celery import Celery

import pdfspider.gateway
from bench.processes import free_port
from pdfspider.gateway.inbound.submit_batcher import RedisWaiter
from pdfspider.gateway.outbound.publisher import PendingItems
from pdfspider.gateway.shutdown import end_the_rest, within
from pdfspider.gateway.transports.redis.transport import RedisTransport
from tests.servers.processes import RedisProcess
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.server import Server
    from pdfspider.gateway.service import GatewayService
    from tests.gateway.conftest import Start
    from tests.support import Fleet

    MakeService = Callable[[], GatewayService]

HANGS = """
import threading
from pdfspider.gateway.shutdown import exit_after
exit_after(0.2)
threading.Lock().acquire() and threading.Thread(target=threading.Event().wait).start()
"""


SETTLED = """
import logging, sys, threading
from pdfspider.gateway.shutdown import exit_at_once
logging.basicConfig(stream=sys.stderr)
threading.Thread(target=threading.Event().wait).start()
logging.warning("settled")
sys.stdout.write("all of it")
exit_at_once()
"""


def test_a_settled_gateway_waits_for_no_thread() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SETTLED], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout == "all of it"
    assert "settled" in ended.stderr


async def never() -> None:
    """Ends at no cancellation, until it is let go."""
    while not let_go.is_set():
        with suppress(asyncio.CancelledError):
            await let_go.wait()


let_go = asyncio.Event()


async def test_what_does_not_end_is_left(caplog: pytest.LogCaptureFixture) -> None:
    task_that_stays = asyncio.create_task(never())
    await asyncio.sleep(0)
    with caplog.at_level(logging.WARNING):
        await within(0.01, "Something", task_that_stays)
    assert "Something did not end within 0 s, and is left" in caplog.text
    assert not task_that_stays.done()
    let_go.set()
    await task_that_stays


async def test_a_part_that_cannot_be_closed_keeps_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    await within(PATIENCE, "Something", fail())
    assert "Something could not be closed" in caplog.text


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    """As a call of redis-py in Python 3.11, in a loop that goes on until Redis can be used."""
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    left = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end_the_rest()
    assert left.cancelled()


class Swallowing:
    """What ends at a cancellation as if nothing was, as a call of redis-py may in Python 3.11."""

    calls = 0

    async def __call__(self) -> list[bytes]:
        self.calls += 1
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(PATIENCE)
        return []


@pytest.mark.parametrize("loop", ["taking", "publishing", "repeating"])
async def test_one_cancellation_ends_a_loop_whose_calls_swallow_it(loop: str, make_service: MakeService) -> None:
    call = Swallowing()

    async def publish() -> None:
        pending = PendingItems("Results", "way", call)
        while True:
            await pending.take()

    async def submit() -> None:
        while True:
            await RedisWaiter("way")(call)

    works = {
        "taking": lambda: RedisTransport("redis:", make_service())._persist(call),
        "publishing": publish,
        "repeating": submit,
    }
    task = asyncio.create_task(works[loop]())
    while not call.calls:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert call.calls == 1


def test_a_process_that_hangs_exits_and_says_where() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "in wait" in done.stderr


def test_no_call_blocks_in_a_thread_that_the_process_waits_for() -> None:
    kept = re.compile(r"asyncio\.to_thread|ThreadPoolExecutor|run_in_executor")
    root = Path(pdfspider.gateway.__path__[0])
    modules = [*root.rglob("*.py"), root.parent / "records" / "results.py"]
    assert not [module.name for module in modules if kept.search(module.read_text())]


def test_it_ends_while_a_result_backend_says_nothing(
    gateway: Start, site: Server, served: Fleet, tmp_path: Path
) -> None:
    broker, backend = RedisProcess(tmp_path / "broker"), RedisProcess(tmp_path / "backend")
    try:
        running = gateway(f"celery+{broker.url}?backend={backend.url}")
        os.kill(backend.pid, signal.SIGSTOP)
        app = Celery("masters", broker=broker.url, set_as_current=False)
        app.send_task("masters.download_pdf", [site.site.document_url(0)], {"job": "waits"})
        until(lambda: served.status()["jobs"].get("waits", {}).get("state") == "finished")
        app.close()
        running.stop()
        assert b"waits" in b"".join(pending(served))
    finally:
        backend.kill()
        broker.kill()


def pending(served: Fleet) -> list[bytes]:
    """The names of the jobs that have ended, and whose results are still to be stored."""
    with served.client() as client:
        return [fields[b"job"] for _, fields in client.xrange("{pdfs}:owed:celery")]


def test_a_second_signal_ends_it_at_once(gateway: Start, tmp_path: Path) -> None:
    port = free_port()
    running = gateway(f"http://127.0.0.1:{port}")
    running.process.send_signal(signal.SIGTERM)
    until(lambda: "Another signal ends" in running.output)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) in (-signal.SIGTERM, 0)
