"""What the steps of a report's generation are told, and what they tell the workflow."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.report_generation import ReportGenerationRequest
from domain.reports import Report, Slice


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReportPlan(_Frozen):
    """How the file is to be made."""

    report: Report
    """With its file where that is there already: nothing is to be made then."""
    slices: tuple[Slice, ...] = ()


class PartOrder(_Frozen):
    """One part to be written."""

    report: Report
    part: int
    piece: Slice


class Joining(_Frozen):
    """All parts are written, and are to be joined."""

    report: Report
    parts: int


class Ending(_Frozen):
    """The job ends without a file."""

    request: ReportGenerationRequest
    cancelled: bool
    """It failed otherwise. What a failed one has written stays for a redrive."""


class Leftovers(_Frozen):
    """The file is there: its parts are not needed any more."""

    report_id: UUID
