"""Kinds whose job the database chooses: the request is recorded there, and the job that it returns is started.

An outbox entry is committed with the record, so that the job runs also if it cannot be started from here.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from domain.errors import InvalidRequest
from domain.idempotency import Answer
from domain.report_generation import ReportGenerationRequest
from domain.report_ports import Asked, UnknownMember
from domain.requests import JobRequest
from starter.cli.database import database
from starter.starting import StartOptions

Given = Mapping[str, Any]
"""Values of the options, by the parameters of the command's function."""


@dataclass(frozen=True)
class AskedJob:
    """The job that the database chose."""

    request: JobRequest
    joined: bool
    """It had been requested before."""
    facts: Mapping[str, Any]
    """More for the JSON document."""


@dataclass(frozen=True)
class Asker:
    """How the database is asked for the job of a kind."""

    ask: Callable[[JobRequest, Given], Awaitable[AskedJob]]
    chosen: str
    """Field that the database chooses. With --restart it can be given, to run that very job again."""
    options: tuple[inspect.Parameter, ...] = ()
    """Options beside those of the kind's fields and those of all kinds, whose names they must not have."""

    def by_itself(self, given: Given, chosen: StartOptions) -> bool:
        """Whether the request is to be started as it is. Raises typer's BadParameter if that makes no sense."""
        named = given[f"field_{self.chosen}"] is not None
        if named and not chosen.get("restart"):
            raise typer.BadParameter("is chosen for you; give it with --restart alone", param_hint=f"--{self.chosen}")
        for option in () if named else ("delay", "priority", "fairness_key"):
            if chosen.get(option) is not None:
                flag = "--" + option.replace("_", "-")
                raise typer.BadParameter("cannot be given here: it is handed on at once", param_hint=flag)
        return named


_REFRESH = inspect.Parameter(
    "refresh",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--refresh", metavar="", help="Make it again if it is there already.")],
)


async def _ask_for_report(request: JobRequest, given: Given) -> AskedJob:
    if not isinstance(request, ReportGenerationRequest):
        raise InvalidRequest(f"{request.workflow_id} is no report.")
    async with database() as engine:
        # Imported here: see `database`.
        from adapters.db.report_desk import SqlReportDesk

        reports: list[Asked] = []

        def note(asked: Asked) -> Answer:
            reports.append(asked)
            return Answer(200, "", None)  # which is kept for nobody

        try:
            await SqlReportDesk(engine).ask(request, note, refresh=given["refresh"])
        except UnknownMember:
            raise typer.BadParameter(
                f"nobody of the staff has the number {request.requested_by}", param_hint="--requested-by"
            ) from None
    report, joined = reports[-1].report, reports[-1].joined
    return AskedJob(report.request, joined, {"report_id": str(report.id), "report_state": str(report.state)})


ASKERS: Mapping[str, Asker] = {
    ReportGenerationRequest.kind: Asker(_ask_for_report, chosen="generation", options=(_REFRESH,)),
}
"""By kind."""
