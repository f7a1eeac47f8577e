"""`jobs outbox`: what applications have enqueued and the relay has not started yet, or cannot."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli import outbox_shown as shown
from starter.cli.database import database
from starter.cli.numbers import whole_number
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run

if TYPE_CHECKING:
    from adapters.db.outbox_entries import OutboxEntries

_Id = typer.Argument(parser=whole_number(1, 2**63 - 1), metavar="ID", show_default=False, help="Entries, by their ids.")
_KIND = typer.Option(metavar="KIND", show_default=False, help="Entries of this kind.")


def outbox_commands(out: Output) -> typer.Typer:
    """The command group `outbox`."""
    group = typer.Typer(
        help=(
            "Look at what applications have enqueued, and at what could not be started.\n\n"
            "An entry leaves the outbox once Temporal has its job: `jobs status` shows that then. DATABASE_URL is all "
            "that these commands need."
        ),
        epilog=out.examples("outbox list --refused", "outbox retry 4711", "outbox discard 4712"),
    )

    @group.callback(invoke_without_command=True)
    def command_is_named(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            raise typer.BadParameter("say what to do: list, retry or discard", param_hint="COMMAND")

    @group.command("list", epilog=out.examples("outbox list", "outbox list --refused --kind order-confirmation"))
    def list_entries(
        *,
        refused: Annotated[
            bool, typer.Option("--refused", metavar="", help="Only what will not be tried again by itself.")
        ] = False,
        kind: Annotated[str | None, _KIND] = None,
        limit: Annotated[
            int, typer.Option(parser=whole_number(1, 100_000), metavar="NUMBER", help="At most so many.")
        ] = 50,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """List what is in the outbox, oldest first: waiting to be started, put off, or refused."""
        return run(_list(limit, refused=refused, kind=kind, out=out))

    @group.command(
        epilog=out.examples("outbox retry 4711 4712", "outbox retry --kind order-confirmation", "outbox retry --all")
    )
    def retry(
        *,
        ids: Annotated[list[int] | None, _Id] = None,
        everything: Annotated[
            bool, typer.Option("--all", metavar="", help="All that were refused or put off.")
        ] = False,
        kind: Annotated[str | None, _KIND] = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Have entries tried again at once that were refused or put off, once their cause is mended.

        Exit status: 1 where an entry is not in the outbox (any more).
        """
        if [bool(ids), everything, kind is not None].count(True) != 1:
            raise typer.BadParameter("give either ids, or --kind, or --all", param_hint="ID")
        return run(_retry(ids or [], kind, out))

    @group.command(epilog=out.examples("outbox discard 4711", "outbox discard 4711 4712 --yes"))
    def discard(
        *,
        ids: Annotated[list[int], _Id],
        yes: Annotated[bool, typer.Option("--yes", metavar="", help="Do not ask.")] = False,
        as_json: AsJson = False,
    ) -> int:
        """Drop entries that can never start: their jobs will not run. Each is shown as it can be entered again.

        Exit status: 1 where one of them stays, since nothing has gone wrong with it, or is not there.
        """
        if as_json and not yes:
            raise typer.BadParameter("asks nobody, so add --yes", param_hint="--json")
        count = run(_to_discard(ids, out))
        if count and not yes and not _agreed(f"Discard {shown.counted(count)}? What is discarded never runs. [y/N] "):
            out.note("Nothing was discarded. (With --yes nobody is asked.)")
            return FAILED
        return run(_discard(ids, out))

    return group


async def _list(limit: int, *, refused: bool, kind: str | None, out: Output) -> int:
    async with _entries() as entries:
        found = await entries.oldest(limit=limit + 1, refused=refused, kind=kind)
    shown.listed(found[:limit], out, nothing="Nothing fits." if refused or kind else "The outbox is empty.")
    if len(found) > limit:
        out.note(f"There are more than {limit}; --limit shows more of them.")
    return 0


async def _retry(ids: Sequence[int], kind: str | None, out: Output) -> int:
    async with _entries() as entries:
        found = await entries.retry(ids) if ids else await entries.retry_all(kind)
    return shown.retried(found, out)


async def _to_discard(ids: Sequence[int], out: Output) -> int:
    """Show what would be discarded; returns how many."""
    async with _entries() as entries:
        found = [entry for entry in await entries.named(ids) if entry.troubled]
    for entry in found:
        shown.as_it_can_be_entered_again(entry, out)
    return len(found)


async def _discard(ids: Sequence[int], out: Output) -> int:
    async with _entries() as entries:
        return shown.discarded(await entries.discard(ids), out)


def _agreed(question: str) -> bool:
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:  # nobody is there to ask
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes")


@asynccontextmanager
async def _entries() -> AsyncIterator[OutboxEntries]:
    async with database() as engine:
        # Imported here: see there.
        from adapters.db.outbox_entries import OutboxEntries

        yield OutboxEntries(engine)
