"""`/healthz` and `/readyz`: for load balancers and orchestrators, so without an API key."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from adapters.readiness import Need, Readiness
from starter.http.openapi import problems
from starter.http.problems import ProblemType

_log = logging.getLogger(__name__)

_PATIENCE = 0.3
"""Seconds to wait for news of Temporal. Who asks us must not wait for what we don't depend on."""

There = Literal["there", "away", "unknown"]


class ReadyReport(BaseModel):
    """Whether requests are served now. Why not is in the log."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    ready: bool
    """As the status says: 200 or 503."""
    database: There
    """Reachable, and with the schema that this code needs."""
    temporal: There
    """Not needed: orders are taken without it. `unknown` where it has not answered yet."""


class Health:
    """Looks at what we need, and at Temporal, at most once every two seconds, however many ask."""

    def __init__(self, database: Need, temporal: Need) -> None:
        self._database, self._temporal = Readiness(), Readiness()
        self._database.run([database])
        self._temporal.run([temporal])
        self._looking: asyncio.Task[There] | None = None
        self._said: dict[str, str] = {}
        self._temporal_is: There = "unknown"

    async def report(self) -> ReadyReport:
        """How it is now."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look("temporal", self._temporal))
        database = await self._look("database", self._database)
        done, _ = await asyncio.wait({self._looking}, timeout=_PATIENCE)
        if done:
            self._temporal_is = self._looking.result()
        return ReadyReport(ready=database == "there", database=database, temporal=self._temporal_is)

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _look(self, name: str, at: Readiness) -> There:
        met, details = await at.report()
        text = details["needs"][name]["text"]
        news = "" if met else text
        if news != self._said.get(name, ""):
            self._said[name] = news
            _log.log(logging.INFO if met else logging.WARNING, "%s: %s", name, text)
        return "there" if met else "away"


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
    report: ReadyReport = await request.app.state.parts.health.report()
    response.status_code = 200 if report.ready else 503
    return report
