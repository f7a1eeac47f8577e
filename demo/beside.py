"""Parts beside the stack: our own programs, which work with its servers."""

from __future__ import annotations

import http.client
import os
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from demo.part import Part, PartFailed, Say, silent
from demo.ports import LOOPBACK, free_port, is_taken

PROJECT = Path(__file__).resolve().parents[1]
"""Where our code lies, which need not be installed."""

_ATTEMPTS = 3

_ITS_SETTINGS = (
    *("TEMPORAL_", "DATABASE_", "SMTP_", "MAIL_", "PAYMENT_", "REPORTS_", "AWS_", "ALERT_", "OUTBOX_", "SCHEDULES_"),
    *("WORKER_", "JOBS_", "API_", "DEAD_LETTERS_"),
)


class ProgramPart(Part):
    """One of our programs, with an HTTP port that tells whether it is ready."""

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        port: int,
        log: Path,
        say: Say = silent,
        keep_open: Sequence[int] = (),
    ) -> None:
        """`settings` are those of `Stack.environment`, and what it needs besides."""
        super().__init__(log=log, say=say, keep_open=keep_open)
        self._settings = dict(settings)
        self.port = port

    @property
    def url(self) -> str:
        """Of its HTTP endpoints."""
        return f"http://{LOOPBACK}:{self.port}"

    @abstractmethod
    def own_settings(self) -> dict[str, str]:
        """What it is told in the demo, whatever the settings are."""

    def environment(self) -> dict[str, str]:
        """Ours, less what would set it up for another system: the demo's jobs must not end up there."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_ITS_SETTINGS)}
        return {
            **ours,
            **self._settings,
            # The profile in the home directory, too, may name another system, or credentials for it.
            "TEMPORAL_CONFIG_FILE": os.devnull,
            **self.own_settings(),
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


ProgramT = TypeVar("ProgramT", bound=ProgramPart)


def start(make: Callable[[int], ProgramT], usual_port: int, *, any_port: bool = False, say: Say = silent) -> ProgramT:
    """Make a part for a port and start it: the usual one, or another where that is taken, or with `any_port`.

    Raises `PartFailed`.
    """
    port = free_port() if any_port else usual_port
    for attempt in range(1, _ATTEMPTS + 1):
        part = make(port)
        if is_taken(port):
            taken, port = port, free_port()
            say(f"Port {taken} ({part.name}) is taken by another program; using {port}.")
            part = make(port)
        try:
            part.start()
        except PartFailed as exc:
            # Between our look at the port and the part's use of it, another program may take it.
            if not exc.port_taken or attempt == _ATTEMPTS:
                raise
        else:
            return part
    raise AssertionError("the last attempt either returns or raises")
