"""The database of captures and documents, and its exports."""

from __future__ import annotations

from pdfspider.records.database import Database
from pdfspider.records.export import export
from pdfspider.records.reader import RetryableUrl

__all__ = ["Database", "RetryableUrl", "export"]
