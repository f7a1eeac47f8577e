"""Who may have a report's file: whoever asked for it, by their API key, and whoever has a link to it."""

from __future__ import annotations

import logging
import re
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request
from fastapi.security import APIKeyQuery

from domain.reports import Report
from starter.http.api_keys import Credentials, client_of
from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, not_found

_TOKEN = re.compile(r"([?&]token=)[^&]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)

ReportId = Annotated[
    str,
    Path(
        description="Id of the report.",
        json_schema_extra={"format": "uuid"},
        openapi_examples={"id": {"value": "5f0c7a52-6f2e-4f4f-9a35-0f6c1f0f7c11"}},
    ),
]

_link = APIKeyQuery(
    name="token",
    scheme_name="ReportLink",
    description="Comes with the link to a report that somebody was sent, and is of use for that report alone.",
    auto_error=False,
)


def id_in(text: str) -> UUID:
    """The id of a report. Raises a Problem, 404, where none can have it."""
    if not _UUID.fullmatch(text):
        raise unknown()
    return UUID(text)


def unknown() -> Problem:
    """What is told of ids that there are none of, of what is no id, and of others' reports."""
    return not_found("report with this id that was asked for with this API key")


async def _report(
    request: Request, report_id: ReportId, credentials: Credentials, token: Annotated[str | None, Depends(_link)]
) -> Report:
    parts = parts_of(request.scope)
    # A key comes first: whoever has one gets what it is good for, whatever became of the link.
    if credentials is None and token is not None:
        wanted = id_in(report_id)
        if parts.report_links.check(token) != wanted:
            raise Problem(
                ProblemType.invalid_link,
                "The link is not valid: it has expired, or is not whole. Ask for the report again to get a new one.",
            )
        found = await parts.reports.find(wanted)
    else:
        client = await client_of(request, credentials)
        found = await parts.reports.find(id_in(report_id), client=client.name)
    if found is None:
        raise unknown()
    return found


ReadableReport = Annotated[Report, Depends(_report)]
"""The report of the path; the request ends with 401, 403 or 404 where it is none that whoever asks may have."""


def hide_tokens() -> None:
    """Keep tokens of links out of uvicorn's log of requests, from now on. Proxies in front have logs of their own."""
    logging.getLogger("uvicorn.access").addFilter(_without_token)


def _without_token(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_TOKEN.sub(r"\1…", part) if isinstance(part, str) else part for part in record.args)
    return True
