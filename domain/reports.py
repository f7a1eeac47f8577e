"""Reports: what is known of one, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.report_generation import ReportFormat, ReportGenerationRequest

MEDIA_TYPES: Mapping[ReportFormat, str] = {
    ReportFormat.pdf: "application/pdf",
    ReportFormat.xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.csv: "text/csv; charset=utf-8; header=present",
    ReportFormat.parquet: "application/vnd.apache.parquet",
}


class ReportState(StrEnum):
    """How a report's file stands."""

    requested = "requested"
    ready = "ready"
    failed = "failed"
    cancelled = "cancelled"
    removed = "removed"
    """Its retention has ended."""


class Slice(BaseModel):
    """A part of a report's period, which is read and written by itself: from `since` to before `until`."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    rows: int
    """About how many rows it will have, for the progress."""


class ReportFile(BaseModel):
    """The finished file: where it is and what it is, never what is in it."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Where the storage has it."""
    rows: int
    """Rows of data, without headings and totals."""
    bytes: int
    sha256: str
    """Of the file, in hexadecimal digits."""


class Report(BaseModel):
    """One report's file: what was asked for, and how it stands."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    """Random, so that nobody guesses another's."""
    request: ReportGenerationRequest
    state: ReportState
    as_of: datetime
    """What was placed after this instant is in no part of it."""
    asked_at: datetime
    file: ReportFile | None = None
    """Of one that is ready."""
    finished_at: datetime | None = None

    @property
    def file_name(self) -> str:
        """For whoever downloads it: `sales-summary-2026-11.pdf`."""
        return f"{self.request.report}-{self.request.period.replace('..', '-to-')}.{self.request.format}"
