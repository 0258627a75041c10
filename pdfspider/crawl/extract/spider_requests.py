"""Requests that a subclass of the spider yields, in the form that the frontier keeps.

URL, depth and priority are those of an entry. Everything else is JSON in the entry's field ``request``, from which any
worker with the same spider makes the request again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from pdfspider.crawl.fetch.foreign_requests import note_keys
from pdfspider.crawl.visit import VISIT_KEY
from pdfspider.discovery.rules import says_pdf
from pdfspider.discovery.urls import fingerprint, host_of, normalise
from pdfspider.exceptions import InvalidInput, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request, Spider

    from pdfspider.frontier.entries import Entry, HostCookies

MAX_SIZE = 16 * 1024
"""Bytes of one request apart from its URL."""
TECHNIQUE = "request"
ALLOWED_METHODS = ("GET", "POST")
REQUEST_PARTS = frozenset(("callback", "errback", "headers", "meta", "cb_kwargs", "flags", "method", "body", "base64"))
BODY_HEADERS = ("Content-Type", "Content-Length", "Content-Encoding")
"""Headers that go with a body."""
VISIT_META = frozenset((VISIT_KEY, "verbatim_url", "depth", "download_latency"))
"""Keys of ``meta`` that belong to one visit, and that ``meta=response.meta`` would hand on."""
SCRAPY_PACKAGES = ("scrapy", "scrapy_redis", "scrapy_spider_metadata")
"""Packages whose methods of a spider are no callbacks."""


def dump(spider: Spider, request: Request) -> str:
    """Return a request without its URL as JSON. Raises RequestRefused."""
    if request.method not in ALLOWED_METHODS:
        raise RequestRefused(f"a {request.method} request: only {' and '.join(ALLOWED_METHODS)} are sent")
    meta = {key: value for key, value in request.meta.items() if key not in VISIT_META}
    note_keys(meta)
    parts = {
        "callback": _name(spider, request.callback, "callback"),
        "errback": _name(spider, request.errback, "errback"),
        "headers": _headers(request),
        "meta": plain(meta, "meta"),
        "cb_kwargs": plain(request.cb_kwargs, "cb_kwargs"),
        "flags": list(map(str, request.flags)),
        **_content(request),
    }
    text = json.dumps({key: value for key, value in parts.items() if value}, ensure_ascii=False, separators=(",", ":"))
    if (size := len(text.encode())) > MAX_SIZE:
        raise RequestRefused(f"its headers, body, meta and cb_kwargs have {size:,} bytes, not at most {MAX_SIZE:,}")
    return text


def load(spider: Spider, text: str) -> dict[str, Any]:
    """Return the arguments of the Request that ``dump`` was given. Raises RequestRefused."""
    arguments: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in REQUEST_PARTS}
    if encoded := arguments.pop("base64", None):
        arguments["body"] = base64.b64decode(encoded)
    for part in ("callback", "errback"):
        if name := arguments.get(part):
            arguments[part] = _method(spider, name, part)
    return arguments


def without_body(text: str) -> str:
    """Return the form of a request as it goes on after a redirect that turns it into a GET request."""
    if not text.strip("{}"):
        return text
    parts = json.loads(text)
    if parts.get("method", "GET") == "GET":
        return text
    parts["headers"] = {name: value for name, value in parts.get("headers", {}).items() if name not in BODY_HEADERS}
    return json.dumps({name: value for name, value in parts.items() if name not in ("method", "body", "base64")})


def _content(request: Request) -> dict[str, str]:
    """Return method and body of a request that is no plain GET."""
    content = {} if request.method == "GET" else {"method": request.method}
    if request.body:
        try:
            content["body"] = request.body.decode()
        except UnicodeDecodeError:
            content["base64"] = base64.b64encode(request.body).decode()
    return content


def _identity(request: Request, url: str) -> str:
    """Return what is visited once in a job: a URL, or a URL with a method and a body."""
    if request.method == "GET" and not request.body:
        return url
    return f"{url}#{request.method}:{hashlib.sha256(request.body).hexdigest()}"


def _method(spider: Spider, name: str, part: str) -> Callable[..., Any]:
    method = getattr(spider, name, None)
    if (
        getattr(method, "__self__", None) is not spider
        or getattr(method, "__module__", "").split(".")[0] in SCRAPY_PACKAGES
    ):
        raise RequestRefused(f"the spider {spider.name} of this worker has no method {name!r}, its {part}")
    return cast("Callable[..., Any]", method)


def child(spider: Spider, parent: Entry, request: Request, found_on: str, number: int) -> Entry:
    """Return the entry of the request that a callback yields as its ``number``-th. Raises RequestRefused.

    With ``dont_filter`` it is visited whether its URL has been or not, but only once however often its parent is.
    """
    url = target(request)
    again = f"{url}#{parent.fingerprint.hex()}:{number}"
    visited = again if request.dont_filter else _identity(request, url)
    return parent.child(
        url=url,
        fingerprint=fingerprint(visited),
        host=host_of(url),
        depth=parent.depth + 1,
        priority=_within(parent.priority + request.priority),
        document=says_pdf(url),
        leaf=False,
        technique=TECHNIQUE,
        found_on=found_on,
        hops=(),
        cookies=cookies_of(request, url),
        sought="",
        request=dump(spider, request),
    )


def start(spider: Spider, seed: Entry, request: Request) -> Entry:
    """Return a seed with the data of the request that the spider's ``start()`` yields. Raises RequestRefused."""
    priority = _within(seed.priority + request.priority)
    return seed.child(
        fingerprint=fingerprint(_identity(request, seed.url)),
        priority=priority,
        cookies=cookies_of(request, seed.url),
        request=dump(spider, request),
    )


def target(request: Request) -> str:
    """Return the normal form of a request's URL. Raises RequestRefused."""
    try:
        return normalise(request.url)
    except InvalidInput as error:
        raise RequestRefused(str(error)) from None


def cookies_of(request: Request, url: str) -> tuple[HostCookies, ...]:
    """Return the cookies of a request, which are sent to the host of its URL. Raises RequestRefused."""
    given: Any = request.cookies
    pairs = given.items() if isinstance(given, dict) else [(each.get("name"), each.get("value")) for each in given]
    cookies = tuple((_text(name), _text(value)) for name, value in pairs)
    if sum(len(name) + len(value) for name, value in cookies) > MAX_SIZE:
        raise RequestRefused(f"its cookies have more than {MAX_SIZE:,} characters")
    return ((host_of(url), cookies),) if cookies else ()


def _text(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise RequestRefused(f"cookies: {value!r} is no text")


def _within(priority: int) -> int:
    return max(-128, min(priority, 127))


def _name(spider: Spider, method: Callable[..., Any] | None, part: str) -> str | None:
    """Return the name by which a worker finds a method of the spider."""
    if method is None:
        return None
    name = getattr(method, "__name__", "")
    if getattr(method, "__self__", None) is not spider or getattr(spider, name, None) != method:
        raise RequestRefused(
            f"its {part} {method!r} is not a method of the spider, so workers cannot find it by its name"
        )
    return name


def _headers(request: Request) -> dict[str, list[str]]:
    return {
        key.decode("latin-1"): [value.decode("latin-1") for value in request.headers.getlist(key)]
        for key in request.headers
    }


def plain(values: dict[str, Any], part: str) -> dict[str, Any]:
    """Return values that come back from JSON as they were. Raises RequestRefused."""
    for key, value in values.items():
        try:
            text = json.dumps({key: value}, ensure_ascii=False, allow_nan=False)
            text.encode()
            same = json.loads(text) == {key: value}
        except (TypeError, ValueError, RecursionError) as error:
            raise RequestRefused(f"its {part}[{key!r}] is not JSON: {error}") from None
        if not same:
            raise RequestRefused(f"its {part}[{key!r}] would not come back from JSON as it is: {value!r:.200}")
    return values
