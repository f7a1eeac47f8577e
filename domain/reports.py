"""Reports: what is known of one, its file, and what the steps of its generation are given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import model_validator

from domain.report_generation import ReportFormat, ReportGenerationRequest
from domain.values import Value

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


class Slice(Value):
    """A part of a report's period, which is read and written by itself: from `since` to before `until`."""

    since: datetime
    until: datetime
    rows: int
    """About how many rows it will have, for the progress."""


class ReportFile(Value):
    """The finished file: where it is and what it is, never what is in it."""

    key: str
    """Where the storage has it."""
    rows: int
    """Rows of data, without headings and totals."""
    bytes: int
    sha256: str
    """Of the file, in hexadecimal digits."""


class Report(Value):
    """One report's file: what was asked for, and how it stands."""

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


class _OfReport(Value):
    report_id: UUID

    @model_validator(mode="before")
    @classmethod
    def _takes_whole_reports(cls, data: Any) -> Any:
        """Histories from before December 2026 have the whole report instead of its id."""
        if isinstance(data, dict) and "report" in data:
            report = data["report"]
            return {**data, "report_id": report["id"], "file": report.get("file")}
        return data


class ReportPlan(_OfReport):
    """How the file is to be made."""

    file: ReportFile | None = None
    """The file if it is there already: nothing is to be made then."""
    slices: tuple[Slice, ...] = ()


class PartInput(_OfReport):
    """One part to be written."""

    part: int
    piece: Slice


class PublishInput(_OfReport):
    """All parts are written, and are to be joined."""

    parts: int


class TidyInput(_OfReport):
    """The file is there: its parts are not needed any more."""


class EndInput(Value):
    """The job ends without a file."""

    request: ReportGenerationRequest
    """The job's own: the report may have no row when the job ends."""
    cancelled: bool
    """It failed otherwise. What a failed one has written stays for a redrive."""
