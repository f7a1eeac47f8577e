"""The HTTP interface as one more part beside the stack: its own process, with its log and its guard."""

from __future__ import annotations

import sys
from typing import ClassVar

from demo.beside import PROJECT, ProgramPart
from demo.ports import LOOPBACK

USUAL_PORT = 8080

_DRAIN = 3
"""Seconds that requests get to end."""


class ApiPart(ProgramPart):
    """One process that takes orders, as `uvicorn starter.api:app` does."""

    name: ClassVar[str] = "api"
    grace: ClassVar[float] = _DRAIN + 4

    def command(self) -> list[str]:
        """See `uvicorn --help`."""
        return [
            *(sys.executable, "-m", "uvicorn", "starter.api:app"),
            *("--app-dir", str(PROJECT)),
            *("--host", LOOPBACK),
            *("--port", str(self.port)),
            *("--timeout-graceful-shutdown", str(_DRAIN)),
            "--no-use-colors",
        ]

    def own_settings(self) -> dict[str, str]:
        """Where those who get a link to a report reach it; all else that it needs are the stack's."""
        return {"REPORTS_URL": self.url}
