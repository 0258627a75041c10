"""The Referer of a request: the page on which its link was found, as far as the policy lets it be named."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from scrapy.spidermiddlewares.referer import RefererMiddleware, StrictOriginWhenCrossOriginPolicy

from pdfspider.discovery.urls import origin_of

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings


class Referers:
    """Names referrers by ``REFERRER_POLICY``, with Scrapy's own policies; none where ``REFERER_ENABLED`` is off."""

    def __init__(self, settings: BaseSettings) -> None:
        self._enabled = settings.getbool("REFERER_ENABLED")
        self._policy = RefererMiddleware(settings).default_policy()
        self._by_origin = type(self._policy) is StrictOriginWhenCrossOriginPolicy
        self._between = lru_cache(maxsize=1_024)(self._policy.referrer)

    def header(self, found_on: str | None, url: str) -> str | None:
        """Return the Referer of a request for ``url``, whose link is on ``found_on``; both are normalised."""
        if not found_on or not self._enabled:
            return None
        if not self._by_origin:
            return self._policy.referrer(found_on, url)
        page, target = origin_of(found_on), origin_of(url)
        return found_on if page == target else self._between(f"{page}/", f"{target}/")
