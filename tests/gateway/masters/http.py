from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from bench.processes import free_port
from tests.gateway.masters.base import AskingMaster
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "not told"
TOKEN = "known to both"


class HttpMaster(AskingMaster):
    """urllib, trying again while the gateway is away, and a webhook."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._ports = [free_port()]
        self._posted: dict[str, list[dict[str, Any]]] = {"result": [], "document": []}
        self._start_webhook(0)
        port = self._webhook.server_port
        self.settings = {
            "GATEWAY_WEBHOOK": f"http://127.0.0.1:{port}/results",
            "GATEWAY_WEBHOOK_SECRET": SECRET,
            "GATEWAY_TOKEN": TOKEN,
        }

    @property
    def url(self) -> str:
        return self._url(self._ports[0])

    def urls(self, gateways: int) -> list[str]:
        self._ports = [free_port() for _ in range(gateways)]
        return [self._url(port) for port in self._ports]

    def submit(self, *messages: str) -> None:
        """All at once: each is answered when it is on disk."""
        for message in messages:
            super().submit(message)

    def results(self) -> list[dict[str, Any]]:
        return list(self._posted["result"])

    def events(self) -> list[dict[str, Any]]:
        return list(self._posted["document"])

    def restart_broker(self) -> None:
        """There is none: it is the webhook that is away for a while."""
        with self.webhook_away():
            self._closed.wait(1)

    @contextmanager
    def webhook_away(self) -> Iterator[None]:
        """Connections to the webhook are refused."""
        port = self._webhook.server_port
        self._stop_webhook()
        yield
        self._start_webhook(port)

    def close(self) -> None:
        super().close()
        self._stop_webhook()

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}", **headers}
        request = urllib.request.Request(f"http://127.0.0.1:{random.choice(self._ports)}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)

    @staticmethod
    def _url(port: int) -> str:
        return f"http://127.0.0.1:{port}?events=webhook"

    def _submit(self, *messages: str) -> None:
        (message,) = messages
        body = message if message.startswith("{") else json.dumps({"url": message})
        while not self._closed.is_set():
            try:
                self.ask("/jobs", body.encode())
            except urllib.error.HTTPError as error:
                if error.code == 400:
                    self._rejected(message, json.load(error)["error"])
                    return
            except OSError:
                pass
            else:
                return
            self._closed.wait(0.1)

    def _stop_webhook(self) -> None:
        self._webhook.shutdown()
        self._webhook.server_close()

    def _start_webhook(self, port: int) -> None:
        posted = self._posted

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                genuine = self.headers["Pdfspider-Signature"] == f"sha256={signature}"
                if genuine:
                    posted[self.headers["Pdfspider-Event"]].append(json.loads(body))
                self.send_response(204 if genuine else 403)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._webhook = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
        threading.Thread(target=self._webhook.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
