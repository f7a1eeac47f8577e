"""`jobs schedules`: compares Temporal's schedules with the declared ones, applies these, and shows how they fare."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from adapters.job_settings import SchedulesSettings
from starter import schedules
from starter.cli.commands import Commands
from starter.cli.output import FAILED, Output, state_text
from starter.cli.running import run
from starter.cli.values import duration, moment, whole_number
from starter.connection import connect
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import Applied, apply
from starter.scheduling.declared import ScheduleTable
from starter.scheduling.drift import Drift, DriftState, drift
from starter.scheduling.problems import ScheduledRunSeen
from starter.scheduling.status import ScheduleStatus, look, next_runs
from workflows.registry import Registry

_STATES = {
    DriftState.added: "is declared, and not in Temporal",
    DriftState.changed: "is not as declared",
    DriftState.gone: "is ours in Temporal, and no longer declared",
    DriftState.foreign: "is in Temporal, and is not ours",
}
_DONE = {
    Applied.unchanged: "as declared already",
    Applied.created: "created",
    Applied.updated: "changed",
    Applied.adopted: "adopted",
    Applied.removed: "removed",
    Applied.kept: "no longer declared; --prune would remove it",
    Applied.refused: "there is one of this id that is not ours; --adopt would take it over",
}
_CHANGING = (Applied.created, Applied.updated, Applied.adopted, Applied.removed)
_NONE = "No schedules are declared, and there are none of ours."


def schedule_commands(kinds: Registry, out: Output) -> typer.Typer:
    """Return the command group `schedules`."""
    group = Commands(
        help=(
            "Apply the declared schedules to Temporal, and show how they fare.\n\n"
            "`temporal schedule` works on them too: trigger, toggle (--pause, --unpause), backfill, describe."
        ),
        epilog=out.examples("schedules apply", "schedules diff", "schedules list", "schedules next --count 3"),
    )

    def table() -> ScheduleTable:
        return schedules.declared(kinds, time_zone=SchedulesSettings().time_zone)

    @group.command("diff", epilog=out.examples("schedules diff", "schedules diff --json"))
    def diff() -> int:
        """Show how Temporal's schedules differ from the declared ones, field by field. Changes nothing.

        Exit status: 1 if one is missing, changed, or left over. A paused one is shown, and is no difference.
        """
        return run(_diff(table(), out))

    @group.command("apply", epilog=out.examples("schedules apply --dry-run", "schedules apply --prune"))
    def apply_table(
        *,
        prune: Annotated[
            bool, typer.Option("--prune", metavar="", help="Delete schedules of ours that are no longer declared.")
        ] = False,
        adopt: Annotated[
            bool, typer.Option("--adopt", metavar="", help="Take over schedules of the same ids that are not ours.")
        ] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", metavar="", help="Dry run: show what would change.")
        ] = False,
    ) -> int:
        """Create the schedules that are missing in Temporal, and change those that are not as declared.

        Run it at each deployment, after `setup`: what is right stays, a pause stays too, and two that run at once do
        no harm. Exit status: 1 if a schedule of the same id is not ours.
        """
        return run(_apply(table(), out, prune=prune, adopt=adopt, dry_run=dry_run))

    @group.command("list", epilog=out.examples("schedules list", "schedules list --json"))
    def list_schedules() -> int:
        """Show how each schedule fares: its last run, its next one, what was skipped, and what is wrong with it."""
        return run(_list(table(), out))

    @group.command("next", epilog=out.examples("schedules next", "schedules next --id monthly-reports --count 12"))
    def next_(
        *,
        only: Annotated[
            str | None, typer.Option("--id", metavar="ID", show_default=False, help="Only of this schedule.")
        ] = None,
        count: Annotated[
            int, typer.Option(parser=whole_number(1, 1000), metavar="NUMBER", help="Of each schedule.")
        ] = 5,
    ) -> int:
        """Show when the schedules in Temporal run next, in their own time zone and in UTC."""
        ids = table().ids
        if only is not None and only not in ids:
            raise typer.BadParameter(
                f"there is no schedule {only[:60]!r}; there are: {', '.join(ids)}", param_hint="--id"
            )
        return run(_next([only] if only else ids, count, out))

    return group


async def _diff(table: ScheduleTable, out: Output) -> int:
    found = await drift(table, ActualSchedules(await connect()), SchedulesSettings().owner)
    out.document([each.model_dump(mode="json") for each in found])
    for each in found:
        if each.state is not DriftState.same:
            out.say(f"{each.id} {_STATES[each.state]}")
            _changes(each, out)
        if each.paused:
            out.say(f"{each.id} is paused{_why(each.note)}")
    states = {each.state for each in found}
    if states <= {DriftState.same}:
        out.say("No differences." if found else _NONE)
        return 0
    if states & {DriftState.added, DriftState.changed}:
        out.note("`jobs schedules apply` applies the declared schedules to Temporal.")
    if DriftState.gone in states:
        out.note("`jobs schedules apply --prune` removes those that are no longer declared.")
    if DriftState.foreign in states:
        out.note("Those that are not ours are left alone: rename one of the two, or `jobs schedules apply --adopt`.")
    return FAILED


async def _apply(table: ScheduleTable, out: Output, *, prune: bool, adopt: bool, dry_run: bool) -> int:
    there = ActualSchedules(await connect())
    applied = await apply(table, there, SchedulesSettings().owner, prune=prune, adopt=adopt, dry_run=dry_run)
    out.document([{**each.model_dump(mode="json"), "dry_run": dry_run} for each in applied])
    for each in applied:
        would = "would be " if dry_run and each.done in _CHANGING else ""
        out.say(f"{each.id}: {would}{_DONE[each.done]}")
        if each.done in (Applied.updated, Applied.adopted):
            _changes(each.drift, out)
        if each.drift.paused and each.done is not Applied.removed:
            out.say(f"  stays paused{_why(each.drift.note)}")
    if not applied:
        out.note(_NONE)
    return FAILED if any(each.done is Applied.refused for each in applied) else 0


async def _list(table: ScheduleTable, out: Output) -> int:
    found = await look(table, ActualSchedules(await connect()), SchedulesSettings().owner)
    out.document([each.model_dump(mode="json") for each in found])
    columns = ("schedule", "due", "state", "last run", "next run", "runs", "skipped", "missed")
    out.table(columns, [_row(each) for each in found], nothing=_NONE)
    for each in found:
        if each.state == "paused":
            since = f", has left out {each.left_out} since {moment(each.left_out_since)}" if each.left_out_since else ""
            out.say(f"{each.id} is paused{_why(each.note)}{since}")
        for problem in each.problems:
            out.say(Text.assemble((f"{each.id} {problem.name}: ", "bold red"), out.callable(problem.message)))
    return 0


async def _next(ids: Sequence[str], count: int, out: Output) -> int:
    there = ActualSchedules(await connect())
    by_id = {each: await next_runs(there, each, count) for each in ids}
    found = sorted((run for runs in by_id.values() for run in runs or []), key=lambda run: (run.at, run.id))
    out.document([each.model_dump(mode="json") for each in found])
    if found:
        now = datetime.now(UTC)
        rows = [
            [
                each.id,
                f"{each.local:%a %Y-%m-%d %H:%M:%S %Z}",
                each.time_zone,
                f"{each.at:%Y-%m-%d %H:%M:%S}",
                duration(max(each.at - now, timedelta())) + (", were it not paused" if each.paused else ""),
            ]
            for each in found
        ]
        out.table(("schedule", "local time", "time zone", "UTC", "in"), rows)
    missing = [each for each, runs in by_id.items() if runs is None]
    if missing:
        out.note(f"Not in Temporal: {', '.join(missing)}. `jobs schedules apply` creates them.")
    return FAILED if missing else 0


def _row(status: ScheduleStatus) -> list[str | Text]:
    return [
        status.id,
        f"{status.due} ({status.time_zone})",
        Text(
            status.state + ("" if status.declared else ", no longer declared"),
            style="" if status.state == "active" and status.declared else "yellow",
        ),
        _last(status.last_run),
        moment(status.next_run) if status.next_run else "",
        str(status.runs),
        str(status.skipped),
        str(status.missed),
    ]


def _last(run: ScheduledRunSeen | None) -> Text:
    if run is None:
        return Text("none yet")
    state = state_text(run.state) if run.state else Text("no longer kept")
    error = f" {run.error_type}" if run.error_type else ""
    ago = duration(datetime.now(UTC) - run.started_at)
    return Text.assemble(state, error, f" {ago} ago", style=f"link {run.web_ui}" if run.web_ui else "")


def _changes(of: Drift, out: Output) -> None:
    for change in of.changes:
        is_now = "" if of.state is DriftState.added else f"{change.is_now or '(none)'} → "
        out.say(f"  {change.field}: {is_now}{change.declared or '(none)'}")


def _why(note: str) -> str:
    return f": {note}" if note else ""
