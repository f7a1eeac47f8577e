"""How a report is asked for, and how it is shown."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from domain.periods import FORMS, PATTERN, BadPeriod, Period, TimeZone
from domain.placing import Whole
from domain.report_generation import OFFERED, ReportFormat, ReportGenerationRequest, ReportName
from domain.report_ports import Asked
from domain.reports import MEDIA_TYPES, Report, ReportState
from domain.requests import EntityId
from starter.http.job_views import JobProgress, Shown


def _period(text: str) -> str:
    if not re.fullmatch(PATTERN, text, re.ASCII):
        raise ValueError(f"must be written as {FORMS}")
    try:
        Period.parse(text)
    except BadPeriod as exc:
        raise ValueError(str(exc).removeprefix(f"{text} ")) from None
    return text


class NewReport(BaseModel):
    """A report that is asked for."""

    # Strict: a number in quotes, or true, is no number.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {"report": "sales-summary", "period": "2026-11", "format": "pdf", "requested_by": 1},
                {"report": "orders-export", "period": "2026-Q3", "format": "parquet", "time_zone": "Europe/Zurich"},
            ]
        },
    )

    report: Annotated[ReportName, Field(strict=False)]
    """What it tells."""
    period: Annotated[str, Field(max_length=24, json_schema_extra={"pattern": PATTERN}), AfterValidator(_period)]
    """What it is of: a year, quarter, month, day, or range of up to 366 days, which has begun."""
    format: Annotated[ReportFormat, Field(strict=False)]
    """The file that it becomes: `pdf` and `xlsx` for people, `csv` for all that read tables; `parquet` and no `pdf` for
    `orders-export`."""
    time_zone: TimeZone = "UTC"
    """IANA name of the time zone whose days the period is of."""
    requested_by: Annotated[EntityId, Whole] | None = None
    """Number of the member of the staff who gets a mail with a link once it is ready; null where nobody does."""
    refresh: bool = False
    """Whether to make it anew where it is there already."""

    @field_validator("format")
    @classmethod
    def _is_offered(cls, wanted: ReportFormat, others: ValidationInfo) -> ReportFormat:
        offered = OFFERED.get(others.data.get("report", ""), frozenset(ReportFormat))
        if wanted not in offered:
            raise ValueError(f"must be one of {', '.join(sorted(offered))} for this report")
        return wanted

    def request(self) -> ReportGenerationRequest:
        """The job's request; its generation is the desk's to choose."""
        return ReportGenerationRequest(
            report=self.report,
            period=self.period,
            format=self.format,
            time_zone=self.time_zone,
            requested_by=self.requested_by,
        )


class ReportLinks(Shown):
    """Where to go on, as paths of this server."""

    self: str
    """The report."""
    file: str | None
    """Its file; null while there is none."""
    job: str
    """The job that makes it."""


class ShownFile(Shown):
    """The file of a report that is ready."""

    name: str
    media_type: str
    rows: int
    """Rows of data, without headings and totals."""
    bytes: int
    sha256: str
    """In hexadecimal digits; also the file's ETag."""


class RequestedReport(Shown):
    """A report that was asked for."""

    id: UUID
    report: ReportName
    period: str
    format: ReportFormat
    time_zone: str
    state: ReportState
    """`requested`: it is being made; `failed` and `cancelled`: ask for it again; `removed`: so, its time was over."""
    links: ReportLinks


class AskedReport(RequestedReport):
    """A report that was asked for just now."""

    joined: bool
    """It was asked for before, or is there already: nothing is made anew."""


class ReportView(RequestedReport):
    """A report, and how it stands. Times are in UTC."""

    as_of: datetime
    """What was placed later is in no part of it."""
    asked_at: datetime
    """When it was asked for first."""
    finished_at: datetime | None
    progress: JobProgress | None
    """While it is made, how far that is; null where it isn't known."""
    file: ShownFile | None
    """Of one that is ready."""


def asked_of(asked: Asked, base: str) -> AskedReport:
    """What became of asking; `base` is the prefix under which this server is reached."""
    return AskedReport(**_requested(asked.report, base), joined=asked.joined)


def view_of(report: Report, base: str, progress: JobProgress | None) -> ReportView:
    """A report as it is shown; `base` is the prefix under which this server is reached."""
    file = None
    if report.file is not None:
        file = ShownFile(
            name=report.file_name,
            media_type=MEDIA_TYPES[report.request.format],
            rows=report.file.rows,
            bytes=report.file.bytes,
            sha256=report.file.sha256,
        )
    return ReportView(
        **_requested(report, base),
        as_of=report.as_of,
        asked_at=report.asked_at,
        finished_at=report.finished_at,
        progress=progress,
        file=file,
    )


def _requested(report: Report, base: str) -> dict[str, Any]:
    path = f"{base}/reports/{report.id}"
    return {
        "id": report.id,
        "report": report.request.report,
        "period": report.request.period,
        "format": report.request.format,
        "time_zone": report.request.time_zone,
        "state": report.state,
        "links": ReportLinks(
            self=path,
            file=f"{path}/file" if report.file else None,
            job=f"{base}/jobs/{quote(report.request.workflow_id)}",
        ),
    }
