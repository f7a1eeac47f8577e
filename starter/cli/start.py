"""`jobs start KIND`: one sub-command a kind, its options made from the fields of the kind's request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from adapters.job_settings import SchedulesSettings
from domain.scheduling import ScheduledRequest
from starter.cli.asking import ASKERS
from starter.cli.commands import Commands
from starter.cli.fields import FieldOption, field_options, make_request, with_options
from starter.cli.output import Output
from starter.cli.running import run
from starter.cli.starting import Waiting, start
from starter.cli.values import parse_duration, whole_number
from starter.starting import StartOptions
from workflows.registry import Kind, Registry


class _Kinds(TyperGroup):
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            names = ", ".join(self.commands)
            raise typer.BadParameter(f"there is no kind {cmd_name[:60]!r}; there are: {names}", ctx=ctx)
        return found


def start_commands(kinds: Registry, out: Output) -> typer.Typer:
    """The command group `start`."""
    group = Commands(
        help=(
            "Start a job. The same job again starts nothing: the command says so and how the first one fared.\n\n"
            "Exit status with --wait: 0 where the job is done, skipped or declined; 1 where it failed, was cancelled "
            "or ended otherwise; 130 after Ctrl-C, which ends the waiting and not the job."
        ),
        epilog=out.examples(
            "start order-confirmation --order-id 1042", "start order-confirmation --order-id 1042 --delay 10m --wait"
        ),
        cls=_Kinds,
        required="name a kind",
        of="KIND",
        subcommand_metavar="KIND [OPTIONS]",
    )

    for kind in kinds:
        options = field_options(kind.request)
        about = (kind.request.__doc__ or kind.name).strip().splitlines()[0]
        if issubclass(kind.request, ScheduledRequest):
            about += "\n\nWithout a time zone, it is that of SCHEDULES_TIME_ZONE, as for a run of a schedule."
        example = " ".join(f"{o.flag} {o.example}" for o in options if o.required and o.schema.get("type") != "boolean")
        group.command(
            kind.name,
            help=escape(about),
            epilog=out.examples(f"start {kind.name} {example}"),
        )(_command(kind, options, out))
    return group


def _command(kind: Kind, options: list[FieldOption], out: Output) -> Callable[..., int]:
    asker = ASKERS.get(kind.name)

    # `domain.requests.START_OPTIONS` has the names of these options, which fields can't have.
    def command(
        *,
        delay: Annotated[
            timedelta | None,
            typer.Option(parser=parse_duration, metavar="DURATION", help="Run it after this time: 30s, 10m, 2h, 1d."),
        ] = None,
        priority: Annotated[
            int | None,
            typer.Option(
                parser=whole_number(1, 5), metavar="1-5", help="1 comes first, 5 last; Temporal's default is 3."
            ),
        ] = None,
        fairness_key: Annotated[
            str | None,
            typer.Option(
                metavar="KEY", help="Jobs of one queue are dealt out evenly among their keys (a tenant, say)."
            ),
        ] = None,
        restart: Annotated[
            bool,
            typer.Option("--restart", metavar="", help="Run it again if it failed, was cancelled or terminated."),
        ] = False,
        wait: Annotated[bool, typer.Option("--wait", metavar="", help="Wait for its outcome.")] = False,
        timeout: Annotated[
            timedelta | None,
            typer.Option(
                parser=parse_duration,
                metavar="DURATION",
                help="Wait no longer than this; the job goes on, the exit status is 1.",
            ),
        ] = None,
        check: Annotated[
            bool,
            typer.Option(
                "--check/--no-check", metavar="", help="Look for 5 s whether a worker takes the job, and warn if not."
            ),
        ] = True,
        **given: Any,
    ) -> int:
        if timeout is not None and not wait:
            raise typer.BadParameter("limits the waiting: give --wait too", param_hint="--timeout")
        chosen = StartOptions(delay=delay, priority=priority, fairness_key=fairness_key, restart=restart)
        request = make_request(kind.request, options, given)
        if isinstance(request, ScheduledRequest):
            # Or a day, or a month, would be another one than for the schedule that starts this kind.
            request = request.in_zone(SchedulesSettings().time_zone)
        ask = None if asker is None or asker.by_itself(given, chosen) else partial(asker.ask, request, given)
        return run(start(kind, request, chosen, Waiting(wait, timeout, check), out, ask))

    own = [*(option.signature() for option in options), *(asker.options if asker else ())]
    return with_options(command, own)
