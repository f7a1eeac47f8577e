"""`jobs list`: the jobs that fit a filter, newest first."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from starter.cli.durations import duration, parse_duration
from starter.cli.numbers import whole_number
from starter.cli.output import AsJson, Output, state_text
from starter.cli.running import run
from starter.jobs import Jobs
from starter.queries import JobFilter
from starter.status import JobState, JobSummary
from workflows.registry import Registry


def add_to(app: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""
    ids = _id_options(kinds)

    def list_jobs(
        *,
        kind: str | None,
        state: JobState | None,
        older_than: timedelta | None,
        newer_than: timedelta | None,
        error_type: str | None,
        limit: int,
        as_json: bool,  # noqa: ARG001  # `out` has it
        **given: Any,
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
            ids={attribute: value for name, attribute in ids.items() if (value := given[name]) is not None},
        )
        return run(_list(where, limit, out))

    list_jobs.__signature__ = inspect.Signature([*_filters(), *(_id_parameter(n, a) for n, a in ids.items()), *_rest()])  # type: ignore[attr-defined]  # functions may have one
    app.command(
        "list",
        help="List jobs, newest first: those that fit all the options given.",
        epilog=out.examples("list --state failed --newer-than 1d", "list --kind order-confirmation --limit 10"),
    )(list_jobs)


def _filters() -> list[inspect.Parameter]:
    def filters(
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
    ) -> None: ...

    return list(inspect.signature(filters, eval_str=True).parameters.values())


def _state(text: str | JobState) -> JobState:
    if text not in list(JobState):
        raise typer.BadParameter(f"must be one of {', '.join(JobState)}, not {text[:40]!r}")
    return JobState(text)


def _rest() -> list[inspect.Parameter]:
    def rest(
        *,
        limit: Annotated[
            int, typer.Option(parser=whole_number(1, 100_000), metavar="NUMBER", help="At most so many.")
        ] = 50,
        as_json: AsJson = False,
    ) -> None: ...

    return list(inspect.signature(rest, eval_str=True).parameters.values())


def _id_options(kinds: Registry) -> dict[str, str]:
    """Field → search attribute, of all kinds: `order_id` → `OrderId`."""
    return dict(sorted(pair for kind in kinds for pair in kind.request.search_attributes().items()))


def _id_parameter(field: str, attribute: str) -> inspect.Parameter:
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
    if not out.as_json:
        if jobs:
            out.table(("job", "state", "started", "took", "error"), [_row(job) for job in jobs])
        else:
            out.note("No job fits.")
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
