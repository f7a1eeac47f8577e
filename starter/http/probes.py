"""`/healthz` and `/readyz`: for load balancers and orchestrators, so without an API key."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from starter.http.documented import problems
from starter.http.health import ReadyReport
from starter.http.parts import parts_of
from starter.http.problems import ProblemType

_UNFORESEEN = (ProblemType.body_too_large, ProblemType.internal_error)

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The event loop turns."""

    status: Literal["ok"] = "ok"


@router.get(
    "/healthz",
    operation_id="healthz",
    summary="Tell whether the process is alive",
    response_description="It is.",
    responses=problems(*_UNFORESEEN),
)
async def healthz() -> Alive:
    """Answers as long as the event loop turns, whatever else is away."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Tell whether requests are served",
    response_description="They are.",
    responses={
        503: {"model": ReadyReport, "description": "PostgreSQL is away, or its schema is not up to date."},
        **problems(*_UNFORESEEN),
    },
)
async def readyz(request: Request, response: Response) -> ReadyReport:
    """Looks at PostgreSQL and its schema, at most once in two seconds. Tells of Temporal, and doesn't depend on it."""
    report = await parts_of(request.scope).health.report()
    response.status_code = 200 if report.ready else 503
    return report
