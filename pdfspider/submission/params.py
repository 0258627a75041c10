"""The spider's arguments: ``scrapy crawl pdfs -a NAME=VALUE``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from pdfspider.exceptions import InvalidInput
from pdfspider.fields import MAX_NUMBER
from pdfspider.frontier.entries import MAX_DEPTH
from pdfspider.frontier.jobs import job_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError

BETWEEN_URLS = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)|\s+")


def _split(value: Any) -> Any:
    return [part for part in BETWEEN_URLS.split(value) if part] if isinstance(value, str) else value


def _name(value: str) -> str:
    try:
        return job_name(value)
    except InvalidInput as error:
        raise ValueError(error) from None


class Params(BaseModel):
    """The arguments of one worker.

    Without ``urls``, ``urls_file``, ``cdx`` and ``job`` it serves the frontier until it is stopped. With any of them it
    ends when that job is finished.
    """

    urls: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list, description="URLs to begin with, separated by commas"
    )
    urls_file: str | None = Field(default=None, description="a file with one URL on each line")
    cdx: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list, description="URLs of CDX APIs, whose PDFs are fetched from where they were captured"
    )
    job: Annotated[str, AfterValidator(_name)] | None = Field(default=None, description="name of the job")
    depth: int | None = Field(
        default=None, ge=0, le=MAX_DEPTH, description="how many links deep to follow (default: DEPTH_LIMIT)"
    )
    scope: Literal["host", "domain", "any"] = Field(
        default="host", description="where pages are followed; a link that says it is a PDF may lead out of it"
    )
    due: bool = Field(default=False, description="leave out hosts that are not due again yet")
    max_pages: int = Field(default=0, ge=0, le=int(MAX_NUMBER), description="end after this many pages; 0: no limit")
    max_seconds: float | None = Field(
        default=None,
        ge=0,
        le=MAX_NUMBER,
        description="end what is queued after so many seconds; 0: no limit (default: FRONTIER_MAX_SECONDS)",
    )
    max_documents: int = Field(
        default=0, ge=0, le=int(MAX_NUMBER), description="end after this many documents; 0: no limit"
    )

    @property
    def names_urls(self) -> bool:
        """True if the arguments name URLs to begin with."""
        return bool(self.urls or self.urls_file or self.cdx)


def faults(error: ValidationError) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and fault of each invalid argument."""
    for item in error.errors():
        message = item["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        yield str(item["loc"][0]), item["input"], message.removesuffix(", unable to parse string as an integer")
