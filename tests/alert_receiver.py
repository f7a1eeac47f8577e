"""A receiver of alerts over plain HTTP, as Apprise's `json://` speaks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Received:
    """A message that was answered with 200."""

    title: str
    message: str
    key: str | None
    """Of idempotency."""


class AlertReceiver:
    """Answers with these status codes, one after the other, and then with 200. Use it as a context manager."""

    def __init__(self, codes: Iterable[int] = ()) -> None:
        self.codes = list(codes)
        self.received: list[Received] = []
        self.attempts = 0
        self.answering = threading.Event()
        """No answer goes out before it is set."""
        self.answering.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """For ALERT_URLS, with a secret in it."""
        return f"json://ops:kept-secret@127.0.0.1:{self._server.server_port}/alerts"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.attempts += 1
                code = receiver.codes.pop(0) if receiver.codes else 200
                receiver.answering.wait()
                if code == 200:
                    key = self.headers["Idempotency-Key"]
                    receiver.received.append(Received(body["title"], body["message"], key))
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
                pass

        return Handler

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
