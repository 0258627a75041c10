"""Shared parts of the commands that change the state of one job."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pdfspider.commands._base import one_job, say
from pdfspider.exceptions import FrontierError

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier


class JobControlCommand:
    """A command that brings a job to a state by an action of the frontier's."""

    action: ClassVar[str]
    state: ClassVar[str]
    note: ClassVar[str] = ""
    """What is said beside the new state."""

    def syntax(self) -> str:
        return "[options] JOB"

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        name = one_job(args)

        async def work(frontier: Frontier) -> None:
            state = await frontier.control(name, self.action)
            if state != self.state:
                raise FrontierError(f"job {name} is {state}: it cannot be {self.action}d")
            say(f"job {name}: {state}{self.note}")

        return work
