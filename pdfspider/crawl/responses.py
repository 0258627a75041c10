"""The response to a fetch whose head was judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.http import Response

from pdfspider.documents.head import Kind

if TYPE_CHECKING:
    from pdfspider.documents.staging import Finished
    from pdfspider.items import Hop


class StagedResponse(Response):
    """A response that carries what the first KiB said it is.

    ``kind`` is what the body is; a PDF is in ``staged`` and ``body`` is empty; a page's ``body`` is bounded; of
    anything else only the head was read. ``hops`` are the redirects within the host that led here; ``flaw`` tells
    what is wrong with a PDF that is not whole.
    """

    attributes: tuple[str, ...] = (*Response.attributes, "kind", "staged", "hops", "flaw")

    def __init__(
        self,
        *args: Any,
        kind: Kind = Kind.OTHER,
        staged: Finished | None = None,
        hops: tuple[Hop, ...] = (),
        flaw: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.staged = staged
        self.hops = hops
        self.flaw = flaw

    def header(self, name: str) -> str | None:
        """A header as text, if it is there."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value else None
