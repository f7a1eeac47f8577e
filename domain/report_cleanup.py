"""The request that removes old reports, and what its step tells the workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from domain.scheduling import ScheduledRequest
from domain.values import Value


class ReportCleanupRequest(ScheduledRequest):
    """Remove files of reports whose time is over, and parts that nobody will join; settle reports whose jobs ended."""

    kind = "report-cleanup"


@dataclass(frozen=True)
class ReportRetention:
    """How long what reports leave behind is kept."""

    files: timedelta
    """Of a finished report."""
    parts: timedelta = timedelta(days=7)
    """Of a report that is not being made: its job failed or was cancelled, and can be redriven for so long."""
    unrecorded: timedelta = timedelta(days=1)
    """Of a report that failed or was cancelled all the same: its job ended between file and record. Longer than any
    attempt takes from the one to the other."""
    unfinished: timedelta = timedelta(minutes=10)
    """How old a report must be for the cleanup to ask whether its job has ended without saying so."""


class Removed(Value):
    """What a cleanup has removed."""

    files: int = 0
    abandoned: int = 0
    """Reports whose parts, or a file that was not recorded, were left behind."""
    settled: int = 0
    """Reports whose job had ended without saying so: it was terminated, say."""
