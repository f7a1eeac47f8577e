"""The worker as one more part beside the stack: its own process, with its log and its guard."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from demo.part import Part, PartFailed, Say, silent
from demo.ports import LOOPBACK, free_port, is_taken

_PROGRAM = Path(__file__).resolve().parents[1] / "worker.py"
_USUAL_PORT = 9090
_ATTEMPTS = 3
_DRAIN = 5

SENDER = "orders@shop.example.com"
"""Address that the demo's mails come from; their Message-IDs are in its domain."""

_ITS_SETTINGS = ("TEMPORAL_", "DATABASE_", "SMTP_", "MAIL_", "PAYMENT_", "WORKER_", "JOBS_")


class WorkerPart(Part):
    """One worker process for all queues."""

    name: ClassVar[str] = "worker"
    grace: ClassVar[float] = _DRAIN + 7

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        port: int,
        log: Path,
        say: Say = silent,
        keep_open: Sequence[int] = (),
    ) -> None:
        """`settings` are those of `Stack.environment`; `port` is that of its metrics and health."""
        super().__init__(log=log, say=say, keep_open=keep_open)
        self._settings = dict(settings)
        self.port = port

    @property
    def url(self) -> str:
        """Of its HTTP endpoints."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """See `python worker.py --help`."""
        return [sys.executable, str(_PROGRAM)]

    def environment(self) -> dict[str, str]:
        """Ours, less what would set up a worker for another system: its jobs must not end up there."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_ITS_SETTINGS)}
        return {
            **ours,
            **self._settings,
            # The profile in the home directory, too, may name another system, or credentials for it.
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "MAIL_FROM_ADDRESS": SENDER,
            "WORKER_HTTP_HOST": LOOPBACK,
            "WORKER_HTTP_PORT": str(self.port),
            "WORKER_LOG_FORMAT": "console",
            "WORKER_DRAIN": str(_DRAIN),
            "WORKER_STARTUP_WAIT": str(self.start_limit - 5),
        }

    def ready(self) -> bool:
        """It says so itself."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def start_worker(
    settings: Mapping[str, str], *, log: Path, say: Say = silent, keep_open: Sequence[int] = (), any_port: bool = False
) -> WorkerPart:
    """Start one on the usual port, or on another where that is taken, or with `any_port`. Raises `PartFailed`."""
    port = free_port() if any_port else _USUAL_PORT
    for attempt in range(1, _ATTEMPTS + 1):
        if is_taken(port):
            taken, port = port, free_port()
            say(f"Port {taken} (worker) is taken by another program; using {port}.")
        worker = WorkerPart(settings, port=port, log=log, say=say, keep_open=keep_open)
        try:
            worker.start()
        except PartFailed as exc:
            # Between our look at the port and the worker's use of it, another program may take it.
            if "is taken by another program" not in exc.last_lines or attempt == _ATTEMPTS:
                raise
        else:
            return worker
    raise AssertionError("the last attempt either returns or raises")
