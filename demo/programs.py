"""Parts that are Python programs of this project: mail inbox, payment provider, HTTP interface, worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demo.part import Part, answer
from demo.ports import LOOPBACK

PROJECT = Path(__file__).resolve().parents[1]
"""The folder of our code, which need not be installed."""

SENDER = "orders@shop.example.com"
"""Sender address of the demo's mails; their Message-IDs are in its domain."""

_SETTINGS = (
    *("TEMPORAL_", "DATABASE_", "SMTP_", "MAIL_", "PAYMENT_", "REPORTS_", "AWS_", "ALERT_", "OUTBOX_", "SCHEDULES_"),
    *("WORKER_", "JOBS_", "API_", "DEAD_LETTERS_"),
)
_API_DRAIN_S, _WORKER_DRAIN_S = 3, 5


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours with these settings, without those that are for another system: the demo's jobs must not end up there."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    # The profile in the home directory, too, may name another Temporal, or credentials for it.
    return {**ours, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "TEMPORAL_CONFIG_FILE": os.devnull, **settings}


class Program(Part):
    """One program, with an HTTP port that shows whether it is ready."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        port: int,
        settings: Mapping[str, str] | None = None,
        ready: str = "/healthz",
        **part: Any,
    ) -> None:
        """`arguments` are Python's; `part` has the arguments of `Part`."""
        super().__init__(name, **part)
        self.port = port
        self._arguments = arguments
        self._settings = settings or {}
        self._ready = ready

    @property
    def url(self) -> str:
        """Address of its HTTP endpoints."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """This Python with the arguments."""
        return [sys.executable, *self._arguments]

    def environment(self) -> dict[str, str]:
        """See `environment` of this module."""
        return environment(self._settings)

    def ready(self) -> bool:
        """Ask the program itself."""
        return answer(self.url + self._ready) is not None


def api(settings: Mapping[str, str], *, port: int, **part: Any) -> Program:
    """The shop's HTTP interface."""
    arguments = ["-m", "uvicorn", "starter.api:app", "--host", LOOPBACK, "--port", str(port), "--no-use-colors"]
    arguments += ["--timeout-graceful-shutdown", str(_API_DRAIN_S)]
    return Program("api", arguments, port=port, settings=settings, ready="/readyz", grace_s=_API_DRAIN_S + 4, **part)


def worker(settings: Mapping[str, str], *, port: int, **part: Any) -> Program:
    """A worker for all queues; `port` serves its metrics and health."""
    own = {
        "MAIL_FROM_ADDRESS": SENDER,
        "WORKER_HTTP_HOST": LOOPBACK,
        "WORKER_HTTP_PORT": str(port),
        "WORKER_LOG_FORMAT": "console",
        "WORKER_DRAIN": str(_WORKER_DRAIN_S),
        "WORKER_STARTUP_WAIT": str(Program.start_limit_s - 5),
    }
    arguments, grace = [str(PROJECT / "worker.py")], _WORKER_DRAIN_S + 7
    return Program("worker", arguments, port=port, settings={**settings, **own}, ready="/readyz", grace_s=grace, **part)
