"""The web site's server, which can be stopped and frozen, and the way to it."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.server import listen, serve, serving
from tests.faults.proxy import Proxy

if TYPE_CHECKING:
    from bench.log import Entry
    from bench.server import Server
    from bench.site import Site


class Web:
    """The site's server, which may go away and come back on the same port; its log is that of all its lives."""

    def __init__(self, site: Site, latency: float) -> None:
        self._latency = latency
        self._past: list[Entry] = []
        self.thawed: list[float] = []
        """When (monotonic) it went on after it had been frozen."""
        self._stack = ExitStack()
        self.server = self._serve(site)

    def _serve(self, site: Site, port: int = 0) -> Server[Site]:
        return self._stack.enter_context(serve(site, latency=self._latency, port=port))

    @property
    def site(self) -> Site:
        return self.server.site

    def stop(self) -> None:
        """Every connection breaks, and new ones are refused."""
        self.server.stop()
        stopped = time.monotonic()
        self._past += [entry._replace(ended=entry.ended or stopped) for entry in self.server.log()]
        self._stack.close()

    def start(self) -> None:
        self.server = self._serve(self.site, self.site.port)

    def freeze(self, seconds: float) -> None:
        """It neither reads nor answers; connections are taken."""
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.thawed.append(time.monotonic())
        self.server.process.send_signal(signal.SIGCONT)

    def log(self) -> list[Entry]:
        return self._past + self.server.log()

    def close(self) -> None:
        self._stack.close()


class DistantWeb(Web):
    """The same behind a proxy for each of its addresses."""

    def __init__(self, site: Site, latency: float) -> None:
        public, hidden = listen(site.addresses, 0), listen(site.addresses, 0)
        self._behind = int(hidden[0].getsockname()[1])
        for reserved in hidden:
            reserved.close()
        self.proxies = [Proxy(self._behind, listener) for listener in public]
        super().__init__(site, latency)

    def _serve(self, site: Site, port: int = 0) -> Server[Site]:
        options = [f"--port={self.proxies[0].port}", f"--behind={self._behind}", f"--latency={self._latency}"]
        return self._stack.enter_context(serving("tests.faults.hidden", site, options))

    def stall(self, seconds: float) -> None:
        """Nothing comes through, then all of it."""
        for proxy in self.proxies:
            proxy.cut()
        time.sleep(seconds)
        self.thawed.append(time.monotonic())
        for proxy in self.proxies:
            proxy.heal()

    def drip(self, rate: int, seconds: float) -> None:
        """Answers come through at ``rate`` bytes per second each."""
        for proxy in self.proxies:
            proxy.rate = rate
        time.sleep(seconds)
        for proxy in self.proxies:
            proxy.rate = 0

    def reset(self) -> None:
        for proxy in self.proxies:
            proxy.reset()

    def close(self) -> None:
        super().close()
        for proxy in self.proxies:
            proxy.close()
