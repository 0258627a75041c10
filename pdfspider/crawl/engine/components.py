"""Check that the item pipelines are complete, without which no document may be committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.pipelines.files import FilesPipeline
from scrapy.utils.misc import load_object
from scrapy.utils.python import global_object_name

from pdfspider.crawl.inspection.pdf_links import PdfLinksPipeline
from pdfspider.crawl.store.pipelines import PdfFilesPipeline, RecordsPipeline
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_PIPELINES: dict[type, float] = {PdfFilesPipeline: 300, PdfLinksPipeline: 350, RecordsPipeline: 400}
"""Our pipelines and their places, where ``ITEM_PIPELINES`` does not name them."""
UNCALLED_METHODS = ("get_media_requests", "media_to_download", "media_downloaded", "media_failed", "file_downloaded")
REQUIRED_PIPELINES = (PdfFilesPipeline, RecordsPipeline)


def complete_pipelines(chosen: Mapping[Any, Any]) -> list[Any]:
    """Return the pipelines of ``ITEM_PIPELINES`` in their order.

    Missing ones of this project are added; a subclass replaces its base. Raises ConfigurationError if a required one is
    switched off, comes too late, or cannot work here.
    """
    placed = {_load(path): place for path, place in chosen.items()}
    for ours, default in OWN_PIPELINES.items():
        if any(placed[each] is not None and _is(each, ours) and each is not ours for each in placed):
            placed.pop(ours, None)
        else:
            placed.setdefault(ours, default)
    on = {each: place for each, place in placed.items() if place is not None}
    try:
        pipelines = sorted(on, key=lambda each: float(on[each]))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"ITEM_PIPELINES: {error}") from None
    _check_order(pipelines)
    for each in pipelines:
        _check_store(each)
    return pipelines


def _load(path: Any) -> Any:
    try:
        return load_object(path)
    except (ImportError, NameError, TypeError, ValueError) as error:
        raise ConfigurationError(f"ITEM_PIPELINES: {error}") from None


def _is(pipeline: Any, kind: type) -> bool:
    return isinstance(pipeline, type) and issubclass(pipeline, kind)


def _check_order(pipelines: list[Any]) -> None:
    keep = ", ".join(f'"{global_object_name(ours)}": {OWN_PIPELINES[ours]:g}' for ours in REQUIRED_PIPELINES)
    places = []
    for ours in REQUIRED_PIPELINES:
        found = [place for place, each in enumerate(pipelines) if _is(each, ours)]
        if len(found) != 1:
            raise ConfigurationError(f"ITEM_PIPELINES must have one {ours.__name__}: keep {keep}")
        places += found
    if places != sorted(places):
        raise ConfigurationError(f"ITEM_PIPELINES must store documents before it records them: keep {keep}")


def _check_store(pipeline: Any) -> None:
    """Raise ConfigurationError for a pipeline that would store files in a way that has no effect here."""
    if not _is(pipeline, FilesPipeline):
        return
    name = global_object_name(pipeline)
    if not issubclass(pipeline, PdfFilesPipeline):
        ours = global_object_name(PdfFilesPipeline)
        raise ConfigurationError(f"ITEM_PIPELINES: {name} would store nothing here: make it a subclass of {ours}")
    for method in UNCALLED_METHODS:
        if getattr(pipeline, method, None) is not getattr(FilesPipeline, method, None):
            raise ConfigurationError(
                f"ITEM_PIPELINES: {name}.{method}() would never be called: the spider has fetched the document already"
            )
