"""`/reports/{id}/file`: a report's file, for whoever asked for it or has a link to it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.responses import FileResponse, RedirectResponse
from starlette.types import Message, Receive, Scope, Send

from domain.errors import Gone, JobError, TransientError
from domain.report_ports import ReportFiles
from domain.reports import MEDIA_TYPES, Report, ReportFile, ReportState
from starter.http.openapi import ALWAYS, header, problems
from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, unavailable
from starter.http.report_access import ReadableReport

_log = logging.getLogger(__name__)

_FIX_SETTINGS_S = 300
"""`Retry-After` if an operator has to correct our settings first."""
_SOON = 5
"""Seconds of `Retry-After` while the file is made."""

_CONTENT = {
    media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for media_type in MEDIA_TYPES.values()
}

_HEADERS = {
    "ETag": header("The file's SHA-256, in quotes."),
    "Content-Disposition": header("The file's name."),
    "Accept-Ranges": header("`bytes`.", const="bytes"),
}
_PARTIAL = {"Content-Range": header("Which part it is.", pattern="^bytes [0-9]+-[0-9]+/[0-9]+$")}

_LOCATION = {"Location": header("URL of the file.")}

router = APIRouter(tags=["reports"])


@router.get(
    "/reports/{report_id}/file",
    operation_id="get_report_file",
    summary="Download a report",
    response_class=Response,
    response_description="The file.",
    responses={
        200: {"headers": _HEADERS, "content": _CONTENT},
        307: {"description": "The file is in a bucket, at `Location`.", "headers": _LOCATION},
        206: {
            "description": "The part of the file that was asked for.",
            "headers": _HEADERS | _PARTIAL,
            "content": _CONTENT,
        },
        **problems(
            *ALWAYS,
            ProblemType.malformed_request,
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

    409 until then. If files are kept in a bucket, it redirects (307) to a URL that is valid for five minutes.
    A download takes as long as it takes, while each piece is taken within API_REQUEST_TIMEOUT. One that breaks off has
    fewer bytes than its `Content-Length` says: go on with `Range`.
    """
    file = _file_of(report)
    method: Literal["GET", "HEAD"] = "HEAD" if request.method == "HEAD" else "GET"
    place = await _located(parts_of(request.scope).report_files, file, method)
    if isinstance(place, str):
        return RedirectResponse(place, headers={"Cache-Control": "private, no-store"})
    return _Download(
        place,
        headers={"ETag": f'"{file.sha256}"', "Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
        media_type=MEDIA_TYPES[report.request.format],
        filename=report.file_name,
    )


router.head("/reports/{report_id}/file", include_in_schema=False)(download)


class _Download(FileResponse):
    """Reports a range that cannot be sent as a problem."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            match message.get("status"):
                case 400:
                    raise Problem(ProblemType.malformed_request, "Write the range as `bytes=first-last`.")
                case 416:
                    content_range = Headers(raw=message["headers"])["content-range"]
                    raise Problem(
                        ProblemType.range_not_satisfiable,
                        "The file has no byte in this range: it ends before it.",
                        headers={"Content-Range": content_range},
                    )
            await send(message)

        await super().__call__(scope, receive, sent)


async def _located(files: ReportFiles, file: ReportFile, method: Literal["GET", "HEAD"]) -> Path | str:
    try:
        return await files.locate(file, method)
    except Gone:
        raise Problem(ProblemType.report_removed, "The report's file is gone. Ask for the report again.") from None
    except TransientError as exc:
        _log.warning("A report could not be read", extra={"action": "unavailable", "why": exc.message})
        raise unavailable("The storage of reports cannot be used for now. Ask again.") from exc
    except JobError as exc:
        _log.error(
            "A report could not be read", extra={"action": "unavailable", "why": exc.message}
        )  # the chain tells no more
        raise unavailable("The storage of reports cannot be used: its settings are wrong.", _FIX_SETTINGS_S) from exc


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
