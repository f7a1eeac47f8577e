"""`jobs schedules`: what runs by the clock. Compares with Temporal what is declared, applies it, and looks after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from adapters.job_settings import SchedulesSettings
from starter import schedules
from starter.cli import schedules_shown as shown
from starter.cli.numbers import whole_number
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run
from starter.connection import connect
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import Applied, apply
from starter.scheduling.coming import coming
from starter.scheduling.declared import ScheduleTable
from starter.scheduling.drift import DriftState, drift
from starter.scheduling.looking import look
from workflows.registry import Registry


def schedule_commands(kinds: Registry, out: Output) -> typer.Typer:
    """The command group `schedules`."""
    group = typer.Typer(
        help=(
            "Make Temporal have the schedules that are declared, and look how they fare.\n\n"
            "`temporal schedule` works on them too: trigger, toggle (--pause, --unpause), backfill, describe."
        ),
        epilog=out.examples("schedules apply", "schedules diff", "schedules list", "schedules next --count 3"),
    )

    @group.callback(invoke_without_command=True)
    def command_is_named(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            raise typer.BadParameter("say what to do: diff, apply, list or next", param_hint="COMMAND")

    @group.command("diff", epilog=out.examples("schedules diff", "schedules diff --json"))
    def diff(
        *,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Tell where Temporal's schedules are not as declared, field by field. Changes nothing.

        Exit status: 1 where one is missing, changed, or left over. A paused one is told, and is no difference.
        """
        return run(_diff(_table(kinds), out))

    @group.command("apply", epilog=out.examples("schedules apply --dry-run", "schedules apply --prune"))
    def apply_table(
        *,
        prune: Annotated[
            bool, typer.Option("--prune", metavar="", help="Remove those of ours that are declared no more.")
        ] = False,
        adopt: Annotated[
            bool, typer.Option("--adopt", metavar="", help="Take over schedules of the same ids that are not ours.")
        ] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", metavar="", help="Tell what would be done, only.")] = False,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Create the schedules that are missing in Temporal, and change those that are not as declared.

        Run it at each deployment, after `setup`: what is right stays, a pause stays too, and two that run at once do
        no harm. Exit status: 1 where a schedule of the same id is not ours.
        """
        return run(_apply(_table(kinds), out, prune=prune, adopt=adopt, dry_run=dry_run))

    @group.command("list", epilog=out.examples("schedules list", "schedules list --json"))
    def list_schedules(
        *,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Show how each schedule fares: its last run, its next one, what was skipped, and what is wrong with it."""
        return run(_list(_table(kinds), out))

    @group.command("next", epilog=out.examples("schedules next", "schedules next --id monthly-reports --count 12"))
    def next_runs(
        *,
        only: Annotated[
            str | None, typer.Option("--id", metavar="ID", show_default=False, help="Of this schedule alone.")
        ] = None,
        count: Annotated[
            int, typer.Option(parser=whole_number(1, 1000), metavar="NUMBER", help="Of each schedule.")
        ] = 5,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Show when the schedules in Temporal run next, in their own time zone and in UTC."""
        table = _table(kinds)
        if only is not None and only not in table.ids:
            raise typer.BadParameter(
                f"there is no schedule {only[:60]!r}; there are: {', '.join(table.ids)}", param_hint="--id"
            )
        return run(_next([only] if only else table.ids, count, out))

    return group


def _table(kinds: Registry) -> ScheduleTable:
    return schedules.declared(kinds, time_zone=SchedulesSettings().time_zone)


def _owner() -> str:
    return SchedulesSettings().owner


async def _diff(table: ScheduleTable, out: Output) -> int:
    found = await drift(table, ActualSchedules(await connect()), _owner())
    shown.drift(found, out)
    return FAILED if any(each.state is not DriftState.same for each in found) else 0


async def _apply(table: ScheduleTable, out: Output, *, prune: bool, adopt: bool, dry_run: bool) -> int:
    there = ActualSchedules(await connect())
    done = await apply(table, there, _owner(), prune=prune, adopt=adopt, dry_run=dry_run)
    shown.applied(done, out, dry_run=dry_run)
    return FAILED if any(each.done is Applied.refused for each in done) else 0


async def _list(table: ScheduleTable, out: Output) -> int:
    shown.listed(await look(table, ActualSchedules(await connect()), _owner()), out)
    return 0


async def _next(ids: Sequence[str], count: int, out: Output) -> int:
    there = ActualSchedules(await connect())
    by_id = {each: await coming(there, each, count) for each in ids}
    shown.coming(sorted((run for runs in by_id.values() for run in runs or []), key=lambda run: (run.at, run.id)), out)
    missing = [each for each, runs in by_id.items() if runs is None]
    if missing:
        out.note(f"Not in Temporal: {', '.join(missing)}. `jobs schedules apply` creates them.")
    return FAILED if missing else 0
