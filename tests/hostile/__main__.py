"""One worker against hostile hosts, beside a job of innocent documents: ``make hostile``."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.processes import redis_server
from pdfspider.documents.store import STORE_ID
from tests.crawl.hostile import Hostile, Request, Seen, hostile, reply
from tests.hostile.answers import ANSWERS, INNOCENT, NEIGHBOUR, ROBOTS, Answers
from tests.hostile.robots_hosts import robots_hosts
from tests.support import Fleet, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crawl.hostile import Answer

HOSTS = 8
ROBOTS_HOSTS = 2_000
"""Hosts with the largest robots.txt, to which the page "robots-hosts" leads."""
NAMES = ("hosts", "punycode-hosts")
"""Pages with 50,000 names each. A resolver may take hours to refuse them, so they are measured by themselves."""
MIB = 1 << 20
STALL = 1.0
MEMORY = 300 * MIB
SETTINGS = {"DOWNLOAD_MAXSIZE": 32 * MIB, "PDF_IDLE_TIMEOUT": 10, "RETRY_TIMES": 0, "LOG_LEVEL": "INFO"}


def main() -> int:
    if sys.argv[1:]:
        return measure(sys.argv[1:])
    others = [*(path[1:] for path in ANSWERS if path[1:] not in NAMES), "robots-hosts"]
    return max(measure(others), measure(NAMES))


def measure(names: Sequence[str]) -> int:
    """Run one worker against these pages, and return the exit code."""
    with (
        tempfile.TemporaryDirectory() as directory,
        redis_server(Path(directory)) as url,
        hostile(hosts=HOSTS) as server,
        robots_hosts(ROBOTS_HOSTS if "robots-hosts" in names else 1) as to_hosts,
    ):
        fleet = Fleet(Path(directory), url)
        try:
            return report(fleet, server, names, ANSWERS | {"/robots-hosts": to_hosts})
        finally:
            fleet.stop()


def report(fleet: Fleet, server: Hostile, names: Sequence[str], answers: dict[str, Answer]) -> int:
    """The exit code: 0 where everything holds."""
    server.answers = Answers({f"/{name}": answers[f"/{name}"] for name in names} | NEIGHBOUR)
    missing = reply(b"", "text/plain", status="404 Not Found")
    server.answers["/robots.txt"] = lambda request: request.send(ROBOTS if is_hostile(request) else missing)
    server.answers["/"] = lambda request: request.send(missing if is_hostile(request) else bytes(NEIGHBOUR["/"]))

    (worker,) = fleet.stand(1, **SETTINGS)
    before = used_memory(fleet)
    fleet.push(*(message(server, "hostile", f"/{name}", 2 + n % (HOSTS - 1)) for n, name in enumerate(names)))
    fleet.push(message(server, "innocent", "/", 1, seal=True, depth=2))
    until(lambda: is_done(fleet, len(names), ROBOTS_HOSTS if "robots-hosts" in names else 0), 1800)
    growth = (used_memory(fleet) - before) / len(names)
    peak = memory_of(worker.process.pid)
    worker.dismiss()
    stall = float(re.findall(r"longest_stall': ([0-9.]+)", worker.output)[-1])
    documents = Counter(request.path for request in server.seen if is_innocent(request))
    innocent = fleet.status()["jobs"]["innocent"]
    left = left_on_disk(fleet)
    checks = {
        f"longest stall of the loop: {stall:.2f} s": stall < STALL,
        f"peak memory of the worker: {peak / MIB:.0f} MiB": peak < MEMORY,
        f"growth of Redis for each page: {growth / MIB:.1f} MiB": growth < 20 * MIB,
        f"innocent documents: {innocent['documents']}": innocent["documents"] == INNOCENT,
        f"bytes left on the disk beside the documents: {left}": left == 0,
        f"fetched twice: {sum(count > 1 for count in documents.values())}": set(documents.values()) == {1},
    }
    for row in fleet.rows("job='hostile' AND technique='seed'"):
        print(f"{row['outcome']:18} {row['url'].rpartition('/')[2][:60]:40} {(row['reason'] or '')[:90]}")
    for text, holds in checks.items():
        print("ok  " if holds else "BAD ", text)
    return 0 if all(checks.values()) else 1


def is_innocent(request: Seen) -> bool:
    return request.address == "127.0.0.1" and request.path.endswith(".pdf")


def is_hostile(request: Request) -> bool:
    return request.address != "127.0.0.1"


def message(server: Hostile, job: str, path: str, host: int, **more: Any) -> str:
    return json.dumps({"url": server.url(path, host), "job": job, "depth": 1, **more})


def is_done(fleet: Fleet, pages: int, hosts: int) -> bool:
    seeds = fleet.rows("job='hostile' AND technique='seed'") if (fleet.data / "pdfs.db").exists() else []
    innocent = fleet.status()["jobs"].get("innocent", {})
    if len(seeds) < pages or innocent.get("state") != "finished":
        return False
    return len(fleet.rows("found_on LIKE '%/robots-hosts'")) >= hosts


def left_on_disk(fleet: Fleet) -> int:
    """Bytes in the store that belong to no document of the innocent job."""
    mine = {row["sha256"] for row in fleet.rows("job='innocent' AND sha256 IS NOT NULL")}
    files = [path for path in (fleet.data / "files").rglob("*") if path.is_file() and path.stem not in mine]
    files = [path for path in files if path.name != STORE_ID]
    return sum(path.stat().st_size for path in files)


def used_memory(fleet: Fleet) -> int:
    with fleet.client() as client:
        return int(client.info("memory")["used_memory"])


def memory_of(pid: int) -> int:
    """The largest resident size in bytes so far."""
    match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())
