"""Which item pipelines run, whatever ITEM_PIPELINES says."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.pipelines.files import FilesPipeline

from pdfspider.crawl.engine.components import complete_pipelines
from pdfspider.crawl.inspection.pdf_links import PdfLinksPipeline
from pdfspider.crawl.store.pipelines import PdfFilesPipeline, RecordsPipeline
from pdfspider.exceptions import ConfigurationError

OURS = [PdfFilesPipeline, PdfLinksPipeline, RecordsPipeline]


class Other:
    """A user's pipeline."""


class Files(PdfFilesPipeline):
    """A user's way to store documents."""


class Fetching(PdfFilesPipeline):
    """Would fetch documents by itself."""

    def get_media_requests(self, *_: Any, **__: Any) -> list[Any]:
        return []


def test_ours_are_there_by_default() -> None:
    assert complete_pipelines({}) == OURS


def test_ours_are_added_to_others() -> None:
    assert complete_pipelines({Other: 350.5}) == [PdfFilesPipeline, PdfLinksPipeline, Other, RecordsPipeline]


def test_places_may_be_chosen() -> None:
    places = {"pdfspider.crawl.store.pipelines.PdfFilesPipeline": 1, RecordsPipeline: 2, Other: 3}
    assert complete_pipelines(places) == [PdfFilesPipeline, RecordsPipeline, Other, PdfLinksPipeline]


@pytest.mark.parametrize("ours", [{}, {PdfFilesPipeline: 300}])
def test_a_subclass_takes_the_place_of_ours(ours: dict[Any, int]) -> None:
    assert complete_pipelines({**ours, Files: 10}) == [Files, PdfLinksPipeline, RecordsPipeline]


def test_what_looks_into_documents_may_be_switched_off() -> None:
    assert complete_pipelines({PdfLinksPipeline: None}) == [PdfFilesPipeline, RecordsPipeline]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({PdfFilesPipeline: None}, "must have one PdfFilesPipeline: keep "),
        ({RecordsPipeline: None}, '"pdfspider.crawl.store.pipelines.RecordsPipeline": 400'),
        ({RecordsPipeline: 1}, "store documents before it records them"),
        ({FilesPipeline: 1}, "would store nothing here: make it a subclass of "),
        ({Fetching: 1}, "Fetching.get_media_requests.. would never be called"),
        ({"no.such.pipeline": 1}, "no"),
        ({Other: "first"}, "first"),
    ],
)
def test_what_cannot_work_is_refused(chosen: dict[Any, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        complete_pipelines(chosen)
