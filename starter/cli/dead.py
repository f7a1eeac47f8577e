"""`jobs dead`: the jobs that need a person, and what people do about them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from domain.dead_letters import WAITING, LetterFilter
from starter.cli import dead_moves, dead_redrive, dead_show, dead_sweep
from starter.cli import dead_shown as shown
from starter.cli.dead_filters import filter_parameters, given_filter, parameters_of, signature
from starter.cli.dead_letters import dead_letters
from starter.cli.numbers import whole_number
from starter.cli.output import AsJson, Output
from starter.cli.running import run
from workflows.registry import Registry


def dead_commands(kinds: Registry, out: Output) -> typer.Typer:
    """The command group `dead`."""
    group = typer.Typer(
        help=(
            "Look at the jobs that failed for good, were stopped from outside, or do not come on; redrive or settle "
            "them.\n\n"
            "Each dead run has a letter, for ever, also when Temporal has forgotten the run. What to do step by step "
            "is told in docs/dead-letters.md."
        ),
        epilog=out.examples(
            "dead groups", "dead show 17", "dead redrive --group 3f2a9c1b7d04", "dead redrive 17 --yes", "dead ack 17"
        ),
    )

    @group.callback(invoke_without_command=True)
    def command_is_named(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            raise typer.BadParameter(
                "say what to do: list, groups, show, redrive, ack, discard, reopen or sweep", param_hint="COMMAND"
            )

    _add_list(group, kinds, out)
    _add_groups(group, kinds, out)
    dead_show.add_to(group, kinds, out)
    dead_redrive.add_to(group, kinds, out)
    dead_moves.add_to(group, out)
    dead_sweep.add_to(group, kinds, out)
    return group


def _add_list(group: typer.Typer, kinds: Registry, out: Output) -> None:
    def rest(
        *,
        limit: Annotated[
            int, typer.Option(parser=whole_number(1, 100_000), metavar="NUMBER", help="At most so many.")
        ] = 50,
        as_json: AsJson = False,
    ) -> None: ...

    def list_letters(*, limit: int, as_json: bool, **given: Any) -> int:  # noqa: ARG001  # `out` has it
        return run(_list(given_filter(given, kinds, states=WAITING), limit, out))

    list_letters.__signature__ = signature(filter_parameters(kinds, with_states=True), parameters_of(rest))  # type: ignore[attr-defined]  # functions may have one
    group.command(
        "list",
        help="List dead letters, newest first: those that fit all the options given. DATABASE_URL is all it needs.",
        epilog=out.examples("dead list --since 2h", "dead list --error-type RecipientRejected --state resolved"),
    )(list_letters)


def _add_groups(group: typer.Typer, kinds: Registry, out: Output) -> None:
    def rest(
        *,
        limit: Annotated[
            int, typer.Option(parser=whole_number(1, 10_000), metavar="NUMBER", help="At most so many groups.")
        ] = 50,
        as_json: AsJson = False,
    ) -> None: ...

    def groups(*, limit: int, as_json: bool, **given: Any) -> int:  # noqa: ARG001  # `out` has it
        return run(_groups(given_filter(given, kinds, states=WAITING), limit, out))

    groups.__signature__ = signature(filter_parameters(kinds, with_states=True), parameters_of(rest))  # type: ignore[attr-defined]  # functions may have one
    group.command(
        "groups",
        help=(
            "Tell what the letters have died of, most of the same first: what differs only in ids, counts and quoted "
            "texts is one group."
        ),
        epilog=out.examples("dead groups", "dead groups --kind order-confirmation --json"),
    )(groups)


async def _list(which: LetterFilter, limit: int, out: Output) -> int:
    async with dead_letters() as letters:
        found = await letters.list(which, limit=limit + 1)
    shown.listed(found[:limit], out)
    if len(found) > limit:
        out.note(f"There are more than {limit}; --limit shows more of them, `jobs dead groups` all by their causes.")
    return 0


async def _groups(which: LetterFilter, limit: int, out: Output) -> int:
    async with dead_letters() as letters:
        found = await letters.groups(which, limit=limit + 1)
    shown.grouped(found[:limit], out)
    if len(found) > limit:
        out.note(f"There are more than {limit} groups; --limit shows more of them.")
    return 0
