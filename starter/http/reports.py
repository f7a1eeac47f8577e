"""`/reports`: asking for a report, and looking at one."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request, Response

from domain.idempotency import Answer
from domain.report_ports import Asked, UnknownMember
from domain.reports import Report, ReportState
from starter.errors import StarterError
from starter.http import idempotency
from starter.http.api_keys import Client
from starter.http.job_views import JobProgress
from starter.http.json_body import hash_of
from starter.http.openapi import ALWAYS, problems
from starter.http.parts import Parts, parts_of
from starter.http.problems import FieldProblem, Problem, ProblemType
from starter.http.report_access import ReportId, id_in, unknown
from starter.http.report_views import AskedReport, NewReport, ReportView, asked_of, view_of

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
