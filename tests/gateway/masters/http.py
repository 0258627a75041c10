from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.gateway.masters.base import Master
from tests.support import free_port

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "not told"
TOKEN = "known to both"


class HttpMaster(Master):
    """urllib, trying again while the gateway is away, and a webhook."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._port = free_port()
        self._results: list[dict[str, Any]] = []
        self._rejects: list[dict[str, Any]] = []
        self._start_webhook(0)
        port = self._webhook.server_port
        self.settings = {
            "GATEWAY_WEBHOOK": f"http://127.0.0.1:{port}/results",
            "GATEWAY_WEBHOOK_SECRET": SECRET,
            "GATEWAY_TOKEN": TOKEN,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def submit(self, *messages: str) -> None:
        """All at once: each is answered when it is on disk."""
        threads = [threading.Thread(target=self._submit, args=[message]) for message in messages]
        for thread in threads:
            thread.start()

    def results(self) -> list[dict[str, Any]]:
        return list(self._results)

    def rejects(self) -> list[dict[str, Any]]:
        return list(self._rejects)

    def restart_broker(self) -> None:
        """There is none: it is the webhook that is away for a while."""
        port = self._webhook.server_port
        self.close()
        time.sleep(1)
        self._start_webhook(port)

    def close(self) -> None:
        self._webhook.shutdown()
        self._webhook.server_close()

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}", **headers}
        request = urllib.request.Request(f"{self.url}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def _submit(self, message: str) -> None:
        body = message if message.startswith("{") else json.dumps({"url": message})
        while True:
            try:
                self.ask("/jobs", body.encode())
            except urllib.error.HTTPError as error:
                if error.code == 400:
                    self._rejects.append({"message": message, "reason": json.load(error)["error"]})
                    return
            except OSError:
                pass
            else:
                return
            time.sleep(0.1)

    def _start_webhook(self, port: int) -> None:
        results = self._results

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                genuine = self.headers["Pdfspider-Signature"] == f"sha256={signature}"
                if genuine:
                    results.append(json.loads(body))
                self.send_response(204 if genuine else 403)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._webhook = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
        threading.Thread(target=self._webhook.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
