"""Pages that load themselves again, beside those that lead to another."""

from __future__ import annotations

import pytest

from pdfspider.crawl.extract.blocked_pages import reloads_itself


@pytest.mark.parametrize(
    "html",
    [
        "<meta http-equiv=refresh content=2>",
        "<meta http-equiv=refresh content=2 />",
        "<META HTTP-EQUIV='Refresh' CONTENT=' 10; '>",
        '<meta content="5" http-equiv="refresh">',
        "<meta content=5; id=a http-equiv=refresh>",
        "<script>setTimeout(function () { location.reload() }, 3000)</script>",
    ],
)
def test_it_loads_itself_again(html: str) -> None:
    assert reloads_itself(html.encode())


@pytest.mark.parametrize(
    "html",
    [
        "<meta http-equiv=refresh content='0; url=/next'>",
        "<meta http-equiv=refresh content='0;url=/next'>",
        '<meta http-equiv="refresh" content="3 ; /next">',
        "<meta content='0; url=/next' http-equiv=refresh>",
        '<meta content="1, URL=next" http-equiv="refresh">',
        "<meta name=pages content=2>",
    ],
)
def test_it_leads_to_another_page(html: str) -> None:
    assert not reloads_itself(html.encode())
