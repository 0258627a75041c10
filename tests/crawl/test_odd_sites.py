"""Small odd sites, crawled at once: whatever a visitor gets of them is kept, byte for byte, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crawl.hostile import hostile
from tests.crawl.odd_sites import build

if TYPE_CHECKING:
    from tests.support import Fleet


def test_a_visitor_would_get_nothing_else(fleet: Fleet) -> None:
    with hostile() as server:
        sites = build(server)
        fleet.crawl(server.url(), PDF_SITEMAPS=False)
        kept, here = fleet.files(), server.url("")
    wanted = {odd.root + name: sha256 for odd in sites for name, sha256 in odd.documents.items()}
    became = {url.removeprefix(here): outcome for url, outcome in fleet.outcomes().items()}
    missing = [(path, became.get(path)) for path, sha256 in wanted.items() if sha256 not in kept]
    assert missing == []
    assert kept == set(wanted.values())
    fleet.audit()
