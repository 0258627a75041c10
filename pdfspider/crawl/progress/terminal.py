"""A display at the foot of the terminal, above which log lines appear."""

from __future__ import annotations

import atexit
import io
import logging
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

logger = logging.getLogger(__name__)

REFRESHES_PER_SECOND = 2


class Terminal:
    """Draws the result of ``render`` in a thread, so that a blocked terminal blocks nothing else."""

    def __init__(self, render: Callable[[], RenderableType]) -> None:
        self._render = render
        self._shown: RenderableType = Text()
        self.console = Console(stderr=True, highlight=False)
        self._live = Live(
            console=self.console,
            get_renderable=self._show,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._routed: list[tuple[logging.StreamHandler[Any], Any]] = []

    @staticmethod
    def is_there() -> bool:
        """Return whether standard error is a terminal that can be drawn on."""
        return sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal

    def open(self) -> None:
        """Show the display."""
        for handler in logging.root.handlers:
            stream = getattr(handler, "stream", None)
            if isinstance(handler, logging.StreamHandler) and stream in (sys.stderr, sys.stdout) and stream.isatty():
                self._routed.append((handler, handler.setStream(_Above(self.console))))
        atexit.register(self.close)  # a forced end would leave the terminal without its cursor
        self._live.start(refresh=True)

    def close(self) -> None:
        """Remove the display; may be called again."""
        self._live.stop()
        while self._routed:
            handler, stream = self._routed.pop()
            handler.setStream(stream)
        atexit.unregister(self.close)

    def _show(self) -> RenderableType:
        try:
            self._shown = self._render()
        except Exception:
            logger.debug("The display cannot be drawn", exc_info=True)
        return self._shown


class _Above(io.TextIOBase):
    """A stream that writes above the display; the terminal wraps long lines, so that URLs stay whole."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        self._console.print(text.removesuffix("\n"), markup=False, emoji=False, soft_wrap=True)
        return len(text)
