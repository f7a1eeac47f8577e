"""One way that a job may take, to be recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from domain.requests import JobRequest

BUSY = "451 4.3.0 at RCPT TO"


@dataclass(frozen=True)
class Course:
    """One way that a job may take."""

    request: JobRequest
    ports: Mapping[type, object]
    held: bool = False
    """Paused when it starts, and let go."""
    cancel_when: asyncio.Event | None = None
    """It is cancelled once this has happened."""
