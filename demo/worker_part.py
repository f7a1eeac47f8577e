"""The worker as one more part beside the stack: its own process, with its log and its guard."""

from __future__ import annotations

import sys
from typing import ClassVar

from demo.beside import PROJECT, ProgramPart
from demo.ports import LOOPBACK

USUAL_PORT = 9090
"""Of its metrics and health."""

_DRAIN = 5

SENDER = "orders@shop.example.com"
"""Address that the demo's mails come from; their Message-IDs are in its domain."""


class WorkerPart(ProgramPart):
    """One worker process for all queues."""

    name: ClassVar[str] = "worker"
    grace: ClassVar[float] = _DRAIN + 7

    def command(self) -> list[str]:
        """See `python worker.py --help`."""
        return [sys.executable, str(PROJECT / "worker.py")]

    def own_settings(self) -> dict[str, str]:
        """Where it serves HTTP, and how it is to begin and to end."""
        return {
            "MAIL_FROM_ADDRESS": SENDER,
            "WORKER_HTTP_HOST": LOOPBACK,
            "WORKER_HTTP_PORT": str(self.port),
            "WORKER_LOG_FORMAT": "console",
            "WORKER_DRAIN": str(_DRAIN),
            "WORKER_STARTUP_WAIT": str(self.start_limit - 5),
        }
