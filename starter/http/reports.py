"""`/reports`: asking for a report, and looking at one."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from domain.idempotency import Answer
from domain.periods import FORMS, PATTERN, BadPeriod, Period, TimeZone
from domain.placing import Whole
from domain.report_generation import OFFERED, ReportFormat, ReportGenerationRequest, ReportName
from domain.report_ports import Asked, UnknownMember
from domain.reports import MEDIA_TYPES, Report, ReportState
from domain.requests import EntityId
from starter.errors import StarterError
from starter.http import idempotency
from starter.http.api_keys import Client
from starter.http.jobs import JobProgress, Shown
from starter.http.json_body import hash_of
from starter.http.openapi import ALWAYS, problems
from starter.http.parts import Parts, parts_of
from starter.http.problems import FieldProblem, Problem, ProblemType
from starter.http.report_access import ReportId, id_in, unknown


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


_log = logging.getLogger(__name__)

_NOT_MUCH = timedelta(seconds=2)
"""For Temporal to tell how far the job is: the rest is known without it."""

router = APIRouter(tags=["reports"])


@router.post(
    "/reports",
    operation_id="ask_for_report",
    status_code=202,
    summary="Ask for a report",
    response_model=AskedReport,
    response_description="The report is asked for, and its job under way; or it is there already.",
    responses={
        202: {"headers": idempotency.HEADERS},
        **problems(
            *ALWAYS,
            *idempotency.PROBLEMS,
            ProblemType.malformed_request,
            ProblemType.request_timeout,
            ProblemType.unsupported_media_type,
            ProblemType.invalid_request,
        ),
    },
    openapi_extra={"parameters": [idempotency.PARAMETER]},
)
async def ask(request: Request, client: Client, body: NewReport) -> Response:
    """Who asks, and the job that makes the report, are there together or not at all, also while Temporal is away.

    A report that is being made, or is there already, is not made anew, whoever asked for it: all who did may have it.
    It is, where the one before failed or was removed, where its period was not over when it was made, or with
    `refresh`.
    """
    wanted = body.request()
    if not wanted.span.has_begun(datetime.now(UTC), wanted.time_zone):
        raise _does_not_fit("period", "must have begun in this time zone", "The period lies in the future.")
    repeatable = idempotency.repeatable(request, client, hash_of("POST /reports", await request.json()))
    base = request.scope.get("root_path", "")

    def answer(asked: Asked) -> Answer:
        shown = asked_of(asked, base)
        return Answer(status=202, body=shown.model_dump_json(), location=shown.links.self)

    try:
        with idempotency.answering(repeatable, "the report may be asked for", "Send the same again."):
            given = await parts_of(request.scope).reports.ask(
                wanted, answer, repeatable, refresh=body.refresh, client=client.name
            )
    except UnknownMember:
        raise _does_not_fit(
            "requested_by", "must be the number of a member of the staff", "There is no such member of the staff."
        ) from None
    return idempotency.response_of(given)


@router.get(
    "/reports/{report_id}",
    operation_id="get_report",
    summary="Look at a report",
    response_description="The report, and how it stands.",
    responses=problems(*ALWAYS, ProblemType.not_found),
)
async def look(request: Request, client: Client, report_id: ReportId) -> ReportView:
    """For the API key that it was asked for with. `links.file` is there once the file is; `links.job` tells why not."""
    parts = parts_of(request.scope)
    report = await parts.reports.find(id_in(report_id), client=client.name)
    if report is None:
        raise unknown()
    return view_of(report, request.scope.get("root_path", ""), await _progress(parts, report))


async def _progress(parts: Parts, report: Report) -> JobProgress | None:
    """How far its job is; None where that isn't known, or Temporal cannot be asked."""
    if report.state is not ReportState.requested:
        return None
    try:
        async with asyncio.timeout(_NOT_MUCH.total_seconds()):
            made = await parts.jobs.of(report.request.workflow_id).progress()
    except (StarterError, TimeoutError) as exc:  # its job may not have been started so far
        _log.debug("The progress of a report is not known", extra={"why": type(exc).__name__})
        return None
    return JobProgress(**made.model_dump()) if made else None


def _does_not_fit(field: str, detail: str, whole: str) -> Problem:
    return Problem(ProblemType.invalid_request, whole, errors=[FieldProblem(pointer=f"#/{field}", detail=detail)])
