"""The request that removes old reports, and what its step tells the workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from domain.scheduling import ScheduledRequest


class ReportCleanupRequest(ScheduledRequest):
    """Remove the files of reports whose retention has ended, and parts that nobody will join."""


@dataclass(frozen=True)
class ReportRetention:
    """How long what reports leave behind is kept."""

    files: timedelta
    """Of a finished report."""
    parts: timedelta = timedelta(days=7)
    """Of a report that is not being made: its job failed or was cancelled, and can be redriven for so long."""


class Removed(BaseModel):
    """What a cleanup has removed."""

    model_config = ConfigDict(frozen=True)

    files: int = 0
    abandoned: int = 0
    """Reports whose parts were left behind."""
