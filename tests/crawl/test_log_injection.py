"""What pages, servers and messages say puts no control characters and no lines of its own into the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.content import page_html
from tests.crawl.hostile import document, hostile, reply

if TYPE_CHECKING:
    from tests.support import Fleet

EVIL = "\x1b]0;owned\x07\x1b[31mred\x9b2J"
FORGED = "\r\n23:59:59 CRITICAL forged"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def test_nothing_in_the_log_comes_from_a_page_or_a_server(fleet: Fleet) -> None:
    raw = EVIL.encode("latin-1")
    links = (f"/a{EVIL}.pdf", f"/b{FORGED}", f"http://{EVIL}/", "/moved", "/status", "/header", "/kind", "/type")
    pdf = document("x").replace(b"/Title (x)", b"/Title (" + raw + b")")
    with hostile({"/": reply(page_html(EVIL, links), "text/html")}) as server:
        server.answers |= {
            "/moved": b"HTTP/1.1 302 Found\r\nLocation: http://exa" + raw + b"mple/\r\nContent-Length: 0\r\n\r\n",
            "/status": b"HTTP/1.1 500 " + raw + b"\r\nContent-Length: 0\r\n\r\n",
            "/header": b"HTTP/1.1 200 OK\r\nX" + raw + b": 1\r\nContent-Length: 0\r\n\r\n",
            "/kind": b"HTTP/1.1 " + raw + b"\r\n\r\n",
            "/type": reply(pdf, "application/pdf", f'Content-Disposition: attachment; filename="{EVIL[1:9]}"'),
        }
        fleet.push(f"http://{EVIL}/", f"{{{EVIL}", f"http://127.0.0.1:99999/{FORGED}")
        worker = fleet.crawl(server.url(), LOG_LEVEL="DEBUG", RETRY_TIMES=0, PDF_INSPECT=True)
    assert len(fleet.rejected()) == 3
    assert not CONTROL.search(worker.output)
    assert not [line for line in worker.output.splitlines() if line.startswith("23:59:59")]
    shown = [row["reason"] for row in fleet.rows() if row["reason"]]
    assert not [reason for reason in shown if CONTROL.search(reason)], shown
