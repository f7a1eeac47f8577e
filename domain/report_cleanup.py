"""The request that removes old reports, and what its step tells the workflow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from domain.scheduling import ScheduledRequest


class ReportCleanupRequest(ScheduledRequest):
    """Remove the files of reports whose retention has ended, and parts that nobody will join."""


class Removed(BaseModel):
    """What a cleanup has removed."""

    model_config = ConfigDict(frozen=True)

    files: int = 0
    abandoned: int = 0
    """Reports whose parts were left behind."""
