"""Decide the further name of a stored document, and describe it as FilesPipeline does."""

from __future__ import annotations

import json
from dataclasses import fields
from inspect import isawaitable
from os import PathLike
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.http import Response
from scrapy.pipelines.files import FilesPipeline

from pdfspider.documents.paths import LAYOUTS, safe_path
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Capture

if TYPE_CHECKING:
    from pdfspider.config import Config


class Naming:
    """The names of one pipeline: those of its ``file_path()``, or of the layout ``PDF_FILE_NAMES``."""

    def __init__(self, pipeline: FilesPipeline, config: Config) -> None:
        self._pipeline: Any = pipeline
        self._layout = LAYOUTS[config.file_names]
        kind = type(pipeline)
        self._is_own = kind.file_path is not FilesPipeline.file_path
        self.is_on = self._is_own or self._layout is not None
        self._tells = (
            self.is_on
            or kind.item_completed is not FilesPipeline.item_completed
            or pipeline.files_result_field != FilesPipeline.DEFAULT_FILES_RESULT_FIELD
        )
        if pipeline.files_result_field in {field.name for field in fields(Capture)}:
            raise ConfigurationError(f"FILES_RESULT_FIELD={pipeline.files_result_field} is a field of every capture")

    def wanted(self, capture: Capture) -> str:
        """Return the path that a document is to have beside that of its hash; "" for none.

        Raises TypeError if ``file_path()`` returns no path.
        """
        if not self.is_on:
            return ""
        if self._is_own:
            path = self._pipeline.file_path(*_visit(capture), self._pipeline.spiderinfo, item=capture)
            if not isinstance(path, str | PathLike):
                raise TypeError(f"{type(self._pipeline).__qualname__}.file_path() returned {path!r}, not a path")
            return safe_path(str(path))
        assert self._layout
        return safe_path(self._layout(capture.final_url or capture.url, capture.disposition_name))

    async def complete(self, capture: Capture, path: str) -> Any:
        """Return the item with what became of its file, after the pipeline's ``item_completed()``."""
        if not self._tells:
            return capture
        told = {"url": capture.url, "path": path, "checksum": capture.sha256, "status": "downloaded"}
        item = self._pipeline.item_completed([(True, told)], capture, self._pipeline.spiderinfo)
        return await item if isawaitable(item) else item


def _visit(capture: Capture) -> tuple[Request, Response]:
    """Return the request and the response of a visit, as far as they are known after it."""
    own = json.loads(capture.lease.entry.request or "{}")
    request = Request(capture.url, meta=own.get("meta"), cb_kwargs=own.get("cb_kwargs"))
    headers = {
        "Content-Type": capture.content_type,
        "ETag": capture.etag,
        "Last-Modified": capture.last_modified,
        "Content-Disposition": capture.disposition_name and f'attachment; filename="{capture.disposition_name}"',
    }
    known = {name: value for name, value in headers.items() if value}
    return request, Response(capture.final_url or capture.url, capture.status or 200, known, request=request)
