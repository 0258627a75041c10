"""Pages that are made to hurt end in their class, lead to a bounded number of links, and keep nobody from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crawl.hostile import document, hostile, page, reply
from tests.hostile.answers import ANSWERS, Answers

if TYPE_CHECKING:
    from tests.support import Fleet

MOST = 50
PAGES = ("anchors", "long-base", "many-attributes-in-a-small-page", "bomb-3", "members", "endless-page", "endless.pdf")


def test_hostile_pages_end_and_innocent_ones_beside_them_too(fleet: Fleet) -> None:
    with hostile() as server:
        server.answers = Answers({f"/{name}": ANSWERS[f"/{name}"] for name in (*PAGES, "maze")})
        server.answers["/innocent"] = page(*(f"/{n}.pdf" for n in range(20)))
        server.answers |= {f"/{n}.pdf": reply(document(f"{n}")) for n in range(20)}
        seeds = [server.url("/innocent", 2), *(server.url(f"/{name}") for name in (*PAGES, "maze"))]
        settings = {"PDF_LINKS_PER_PAGE": MOST, "DOWNLOAD_MAXSIZE": 1 << 20, "RETRY_TIMES": 0, "LOG_LEVEL": "INFO"}
        worker = fleet.crawl(*seeds, arguments={"depth": 1}, **settings)
        outcomes = {url.rpartition("/")[2]: outcome for url, outcome in fleet.outcomes().items()}
        assert [outcomes[name] for name in PAGES] == [
            *["page"] * 4,
            "bad-encoding",
            "page",
            "too-large",
        ]
        assert outcomes["maze"] == "redirect-loop"
        assert len(fleet.files()) == 20
        found = [row["found_on"] for row in fleet.rows()]
        assert found.count(server.url("/anchors")) == found.count(server.url("/long-base")) == MOST
        assert "pdfspider/links/left_out" in worker.output
    fleet.audit()
