"""Submit what a person asks for: a command's options, or the fields of a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.submission.recrawl_schedule import those_due
from pdfspider.submission.seeds import asked_by, changes_by, options, read_seeds

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.records import Database
    from pdfspider.submission.params import Params


class SubmitResult(NamedTuple):
    """The result of a submission."""

    job: str
    taken: int
    """URLs that were submitted."""
    added: int
    """Those of them that were new to the job."""
    not_due: int
    """URLs that were left out because their hosts are not due again yet."""


def check_params(params: Params, priority: int) -> None:
    """Raise InvalidInput for options that make no sense together."""
    if not -128 <= priority <= 127:
        raise InvalidInput(f"priority {priority} is not between -128 and 127")
    limits = params.max_pages or params.max_documents or params.max_seconds
    if params.job in (None, DEFAULT_JOB) and (params.due or limits):
        raise InvalidInput(f"the job {DEFAULT_JOB} never ends: only due hosts, and limits, need another job")


async def submit(
    config: Config,
    frontier: Frontier,
    records: Database | None,
    params: Params,
    *,
    priority: int = 0,
    seal: bool = True,
) -> SubmitResult:
    """Submit the URLs of the arguments to their job.

    ``records`` is needed where only due hosts are wanted. Raises InvalidInput.
    """
    check_params(params, priority)
    seeds, name = read_seeds(params, config, priority), params.job or DEFAULT_JOB
    asked = options(config, () if name == DEFAULT_JOB else seeds, **asked_by(params))
    taken = seeds
    if params.due:
        assert records is not None
        taken = await those_due(config, frontier, records, name, seeds)
    submitted = await frontier.submit(
        name,
        taken,
        options=asked,
        seal=seal and name != DEFAULT_JOB,
        networks=config.allowed_networks,
        changes=changes_by(params),
    )
    return SubmitResult(name, len(taken), submitted.added, len(seeds) - len(taken))
