"""`jobs list`: the jobs that fit a filter, newest first."""

from __future__ import annotations

import inspect
import itertools
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from starter.cli.fields import with_options
from starter.cli.output import Output, state_text
from starter.cli.running import run
from starter.cli.values import duration, parse_duration, whole_number
from starter.jobs import Jobs
from starter.queries import JobFilter
from starter.status import JobState, JobSummary
from workflows.registry import Registry


def add_to(app: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""
    attributes = dict(sorted(pair for kind in kinds for pair in kind.request.search_attributes().items()))

    def list_jobs(
        *,
        kind: Annotated[str | None, typer.Option(metavar="KIND", help="Of this kind.")] = None,
        state: Annotated[
            JobState | None,
            typer.Option(parser=_state, metavar="STATE", help=f"In this state: {', '.join(JobState)}."),
        ] = None,
        older_than: Annotated[
            timedelta | None,
            typer.Option(parser=parse_duration, metavar="DURATION", help="Started longer ago than this: 30m, 2h, 1d."),
        ] = None,
        newer_than: Annotated[
            timedelta | None,
            typer.Option(parser=parse_duration, metavar="DURATION", help="Started more recently than this."),
        ] = None,
        error_type: Annotated[
            str | None, typer.Option(metavar="CLASS", help="Failed with this error, such as RecipientRejected.")
        ] = None,
        limit: Annotated[
            int, typer.Option(parser=whole_number(1, 100_000), metavar="NUMBER", help="Maximum number of jobs.")
        ] = 50,
        **ids: str | None,
    ) -> int:
        if kind is not None and kind not in (known := [row.name for row in kinds]):
            raise typer.BadParameter(
                f"there is no kind {kind[:60]!r}; there are: {', '.join(known)}", param_hint="--kind"
            )
        where = JobFilter(
            kind=kind,
            state=state,
            older_than=older_than,
            newer_than=newer_than,
            error_type=error_type,
            ids={attributes[field]: value for field, value in ids.items() if value is not None},
        )
        return run(_list(where, limit, out))

    app.command(
        "list",
        help="List jobs, newest first: those that fit all the options given.",
        epilog=out.examples("list --state failed --newer-than 1d", "list --kind order-confirmation --limit 10"),
    )(with_options(list_jobs, itertools.starmap(_id_option, attributes.items())))


def _state(text: str | JobState) -> JobState:
    if text not in list(JobState):
        raise typer.BadParameter(f"must be one of {', '.join(JobState)}, not {text[:40]!r}")
    return JobState(text)


def _id_option(field: str, attribute: str) -> inspect.Parameter:
    option = typer.Option(
        "--" + field.replace("_", "-"), metavar="ID", help=f"With this {attribute}.", show_default=False
    )
    return inspect.Parameter(
        field, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str | None, option], default=None
    )


async def _list(where: JobFilter, limit: int, out: Output) -> int:
    found = await (await Jobs.connect()).list(where, limit=limit + 1)
    jobs = found[:limit]
    out.document([job.model_dump(mode="json") for job in jobs])
    out.table(("job", "state", "started", "took", "error"), [_row(job) for job in jobs], nothing="No job fits.")
    if len(found) > limit:
        out.note(f"There are more than {limit}; --limit shows more of them.")
    return 0


def _row(job: JobSummary) -> list[str | Text]:
    took = duration(job.closed_at - job.started_at) if job.closed_at else ""
    return [
        Text(job.id, style=f"link {job.web_ui}"),
        state_text(job.state),
        f"{duration(datetime.now(UTC) - job.started_at)} ago",
        took,
        job.error_type or "",
    ]
