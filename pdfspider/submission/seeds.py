"""Convert the submission of a person or a master to entries of a job."""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from pdfspider.discovery.urls import fingerprint, host_of, normalise
from pdfspider.exceptions import ConfigurationError, InvalidInput
from pdfspider.frontier.entries import MAX_DEPTH, Entry
from pdfspider.frontier.jobs import JobOptions
from pdfspider.submission.reach import reach_of_operator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pdfspider.config import Config
    from pdfspider.submission.params import Params

ANCHOR_LIMIT = 64
ERRORS_SHOWN = 5


class RequestedOptions(TypedDict, total=False):
    """The options of a job that are not settings."""

    max_pages: int
    max_documents: int
    max_time: int
    meta: bytes
    due: int


def seed(
    url: str,
    *,
    depth: int = 0,
    scope: str = "host",
    priority: int = 0,
    reach: Callable[[str], int] = reach_of_operator,
) -> Entry:
    """Return a seed whose links are followed ``depth`` deep (0: no limit).

    ``reach`` returns the reach of a seed on a host, by default that of an operator's seed. Raises InvalidInput.
    """
    url = normalise(url)
    if depth > MAX_DEPTH:
        raise InvalidInput(f"{depth} is no depth: it must be at most {MAX_DEPTH}")
    return Entry(
        url=url,
        fingerprint=fingerprint(url),
        host=host_of(url),
        max_depth=depth,
        scope=scope,
        priority=priority,
        technique="seed",
        reach=reach(host_of(url)),
    )


def options(config: Config, seeds: Sequence[Entry] = (), **asked: Unpack[RequestedOptions]) -> JobOptions:
    """Return the options of a job, from the settings, the seeds and the submission."""
    anchors = sorted({entry.host for entry in seeds})
    asked.setdefault("max_time", round(config.max_seconds * 1000))
    return JobOptions(
        delay=round(config.delay * 1000),
        cap=config.host_cap,
        robots=int(config.obey_robots),
        retention=round(config.retention * 1000),
        anchors=" ".join(anchors) if len(anchors) <= ANCHOR_LIMIT else "",
        **asked,
    )


def asked_by(params: Params) -> RequestedOptions:
    """Return the options that the spider's arguments ask for."""
    asked = RequestedOptions(max_pages=params.max_pages, max_documents=params.max_documents, due=int(params.due))
    if params.max_seconds is not None:
        asked["max_time"] = round(params.max_seconds * 1000)
    return asked


def changes_by(params: Params) -> dict[str, int]:
    """Return the options of an open job that the spider's arguments change: the limits that were given."""
    limits = {
        "max_pages": params.max_pages,
        "max_documents": params.max_documents,
        "max_time": round((params.max_seconds or 0) * 1000),
    }
    named = {"max_time" if name == "max_seconds" else name for name in params.model_fields_set}
    return {option: value for option, value in limits.items() if option in named}


def read_urls(params: Params) -> list[str]:
    """Return the URLs of ``urls`` and ``cdx``, and of the lines of ``urls_file``.

    Raises ConfigurationError.
    """
    urls = [*params.urls, *params.cdx]
    if params.urls_file:
        try:
            lines = Path(params.urls_file).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigurationError(f"cannot read urls_file {params.urls_file}: {reason}") from error
        urls += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not urls:
            raise InvalidInput(f"there is no URL in {params.urls_file}")
    return urls


def read_seeds(params: Params, config: Config, priority: int = 0) -> list[Entry]:
    """Return the seeds that the arguments name.

    Raises InvalidInput with a line for each invalid URL.
    """
    depth = config.depth if params.depth is None else params.depth
    reach = partial(reach_of_operator, networks=config.allowed_networks)
    seeds, bad = [], []
    for url in read_urls(params):
        try:
            seeds.append(seed(url, depth=depth, scope=params.scope, priority=priority, reach=reach))
        except InvalidInput as error:
            bad.append(str(error))
    if bad:
        more = [f"and {len(bad) - ERRORS_SHOWN:,} more like these"] if len(bad) > ERRORS_SHOWN else []
        raise InvalidInput("\n".join(bad[:ERRORS_SHOWN] + more))
    return seeds


def job_for(seeds: Sequence[Entry]) -> str:
    """Return a name for a job that has none.

    It is the same for the same URLs, so that an interrupted crawl goes on.
    """
    digest = blake2b("\n".join(sorted(entry.url for entry in seeds)).encode(), digest_size=4).hexdigest()
    return f"{seeds[0].host.strip('[]').replace(':', '-')[:50]}-{digest}"
