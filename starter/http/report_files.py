"""`/reports/{id}/file`: a report's file, for whoever asked for it or has a link to it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from domain.report_generation import ReportFormat
from domain.reports import MEDIA_TYPES, Report, ReportFile, ReportState
from starter.http.documented import ALWAYS, problems
from starter.http.download import Download
from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType
from starter.http.ranges import NotSatisfiable, Span, span_of
from starter.http.report_access import ReadableReport

_SOON = 5
"""Seconds of `Retry-After` while the file is made."""

_CONTENT = {
    MEDIA_TYPES[form].partition(";")[0]: {
        "schema": {"type": "string", "format": "binary"},
        "examples": {form.value: {"summary": f"A report as {form}", "value": example}},
    }
    for form, example in {
        ReportFormat.pdf: "%PDF-1.7 …",
        ReportFormat.xlsx: "PK …",
        ReportFormat.csv: "order_id,placed_at\r\n1042,2026-11-24T08:30:00Z\r\n",
        ReportFormat.parquet: "PAR1 …",
    }.items()
}

_HEADERS = {
    "ETag": {"description": "The file's SHA-256, in quotes.", "required": True, "schema": {"type": "string"}},
    "Content-Disposition": {"description": "The file's name.", "required": True, "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "`bytes`.", "required": True, "schema": {"type": "string", "const": "bytes"}},
}
_PARTIAL = {
    "Content-Range": {
        "description": "Which part it is.",
        "required": True,
        "schema": {"type": "string", "pattern": "^bytes [0-9]+-[0-9]+/[0-9]+$"},
    }
}

router = APIRouter(tags=["reports"])


@router.get(
    "/reports/{report_id}/file",
    operation_id="get_report_file",
    summary="Download a report",
    response_class=Response,
    response_description="The file.",
    responses={
        200: {"headers": _HEADERS, "content": _CONTENT},
        206: {
            "description": "The part of the file that was asked for.",
            "headers": _HEADERS | _PARTIAL,
            "content": _CONTENT,
        },
        **problems(
            *ALWAYS,
            ProblemType.invalid_link,
            ProblemType.not_found,
            ProblemType.report_not_ready,
            ProblemType.report_not_made,
            ProblemType.report_removed,
            ProblemType.range_not_satisfiable,
        ),
    },
    openapi_extra={
        "parameters": [
            {
                "name": "Range",
                "in": "header",
                "required": False,
                "description": "`bytes=first-last`: a part of the file, so that a download that broke off can go on.",
                "schema": {"type": "string", "pattern": "^bytes=[0-9]+-[0-9]*$"},
                "examples": {"rest": {"value": "bytes=1048576-"}},
            },
            {
                "name": "If-Range",
                "in": "header",
                "required": False,
                "description": "The ETag of what is there already: for another file, all of it is sent.",
                "schema": {"type": "string"},
                "examples": {"etag": {"value": '"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"'}},
            },
        ]
    },
)
async def download(request: Request, report: ReadableReport) -> Response:
    """For the API key that the report was asked for with, or by the link that was sent once it was ready.

    409 until then. A download takes as long as it takes, while each 256 KiB are taken within API_REQUEST_TIMEOUT. One
    that breaks off has fewer bytes than its `Content-Length` says: go on with `Range`.
    """
    file = _file_of(report)
    span = _span(request, file)
    return Download(
        parts_of(request.scope).report_files.read(
            file, start=span.start if span else 0, end=span.end if span else None
        ),
        status_code=206 if span else 200,
        headers=_headers(report, file, span),
        media_type=MEDIA_TYPES[report.request.format],
    )


@router.head("/reports/{report_id}/file", include_in_schema=False)
async def look(report: ReadableReport) -> Response:
    """What a download would begin with."""
    return Response(None, 200, _headers(report, _file_of(report), None), MEDIA_TYPES[report.request.format])


def _file_of(report: Report) -> ReportFile:
    """Raises a Problem, 409 or 410, where there is none."""
    if report.file is not None:
        return report.file
    match report.state:
        case ReportState.requested:
            raise Problem(ProblemType.report_not_ready, "The report is being made. Ask again.", retry_after=_SOON)
        case ReportState.removed:
            raise Problem(ProblemType.report_removed, "The report's time is over: ask for the report again.")
        case _:
            raise Problem(
                ProblemType.report_not_made, f"The report was not made ({report.state}). Ask for the report again."
            )


def _span(request: Request, file: ReportFile) -> Span | None:
    if request.headers.get("if-range", _tag(file)) != _tag(file):
        return None
    try:
        return span_of(request.headers.get("range"), file.bytes)
    except NotSatisfiable:
        raise Problem(
            ProblemType.range_not_satisfiable,
            "The file has no byte in this range: it ends before it.",
            headers={"Content-Range": f"bytes */{file.bytes}"},
        ) from None


def _headers(report: Report, file: ReportFile, span: Span | None) -> dict[str, str]:
    headers = {
        "Content-Length": str(span.end - span.start if span else file.bytes),
        # Letters, digits, dots and hyphens: nothing that would have to be escaped.
        "Content-Disposition": f'attachment; filename="{report.file_name}"',
        "ETag": _tag(file),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return headers | {"Content-Range": span.header(file.bytes)} if span else headers


def _tag(file: ReportFile) -> str:
    return f'"{file.sha256}"'
