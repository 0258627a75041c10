"""Opens the job that the spider's arguments ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.submission.recrawl_schedule import those_due
from pdfspider.submission.seeds import asked_by, changes_by, job_for, options, read_seeds, read_urls

if TYPE_CHECKING:
    from pdfspider.crawl.worker import Worker
    from pdfspider.submission.params import Params


async def open_job(worker: Worker, params: Params) -> None:
    """Submit what the spider's arguments ask for; the worker then ends with that job."""
    if params.names_urls:
        worker.credentials.learn(read_urls(params))
        seeds = read_seeds(params, worker.config)
        worker.job = params.job or job_for(seeds)
        job = options(worker.config, seeds, **asked_by(params))
        if params.due:
            seeds = await those_due(worker.config, worker.frontier, worker.records, worker.job, seeds)
        submitted = await worker.frontier.submit(
            worker.job,
            seeds,
            options=job,
            seal=worker.job != DEFAULT_JOB,
            networks=worker.config.allowed_networks,
            changes=changes_by(params),
        )
        worker.watched = submitted.run
    elif params.job:
        worker.job, worker.watched = params.job, await worker.frontier.run_of(params.job)
