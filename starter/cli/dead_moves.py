"""`jobs dead ack`, `discard`, `reopen`, `sweep`: what operators decide about dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.dead_letters import WAITING, Audit, DeadLetterFilter, Move
from starter.cli.dead_filters import By, Ids, NoteText, audit, counted, dead_letters
from starter.cli.output import FAILED, Output
from starter.cli.running import run
from starter.cli.starting import Waiting, start
from starter.dead_letters.selection import by_name
from workflows.registry import Registry

_MAX_MOVED = 100_000

Group = Annotated[
    str | None,
    typer.Option("--group", metavar="FINGERPRINT", show_default=False, help="All of this group that wait."),
]


def add_to(group: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the commands."""

    @group.command(epilog=out.examples("dead ack 17 --note 'asked the provider, ticket 4711'"))
    def ack(
        ids: Ids = None,
        group: Group = None,
        note: NoteText = "",
        by: By = None,
    ) -> int:
        """Acknowledge dead letters: the daily digest leaves them out.

        Exit status: 1 if one of them is not open.
        """
        return run(_move(ids, group, Move.acknowledge, audit(by, note), "acknowledged", out))

    @group.command(epilog=out.examples("dead discard 17 --reason 'the customer has cancelled the order'"))
    def discard(
        *,
        ids: Ids = None,
        group: Group = None,
        reason: Annotated[
            str, typer.Option("--reason", metavar="TEXT", show_default=False, help="Why; no personal data.")
        ],
        by: By = None,
    ) -> int:
        """Decide that nothing will be done about dead letters. They stay in the database, and their runs as they are.

        Exit status: 1 if one of them is settled already.
        """
        if not reason.strip():
            raise typer.BadParameter("say why nothing will be done", param_hint="--reason")
        return run(_move(ids, group, Move.discard, audit(by, reason, option="--reason"), "discarded", out))

    @group.command(epilog=out.examples("dead reopen 17 --note 'discarded by mistake'"))
    def reopen(
        ids: Ids = None,
        note: NoteText = "",
        by: By = None,
    ) -> int:
        """Open dead letters again.

        The sweep resolves those again whose jobs recovered. Exit status: 1 if one of them is open, or its job has
        another dead letter that waits.
        """
        return run(_move(ids, None, Move.reopen, audit(by, note), "open again", out))

    @group.command(epilog=out.examples("dead sweep"))
    def sweep(
        wait: Annotated[bool, typer.Option("--wait/--no-wait", metavar="", help="Wait until it has ended.")] = True,
    ) -> int:
        """Record dead runs that have no dead letter yet, and settle those of recovered jobs: starts a job.

        A schedule does so every few minutes. Exit status: 1 if the job fails.
        """
        request = DeadLetterSweepRequest(at=datetime.now(UTC))
        waiting = Waiting(wait=wait, timeout=None, check=wait)
        return run(start(kinds.get(request.kind), request, {}, waiting, out))


async def _move(
    names: Sequence[str] | None, group: str | None, move: Move, audit: Audit, done: str, out: Output
) -> int:
    if bool(names) == (group is not None):
        raise typer.BadParameter("name letters" if group is None else "give either ids, or --group", param_hint="ID")
    async with dead_letters() as letters:
        found, missing = await by_name(letters, names or [])
        if group is not None:
            which = DeadLetterFilter(fingerprint=group, states=WAITING & move.sources)
            found = [*await letters.list(which, limit=_MAX_MOVED)]
        moved = await letters.move([letter.id for letter in found], move, audit)
        errors = [f"{name} has no dead letter" for name in missing]
        for letter_id in sorted({letter.id for letter in found} - set(moved)):
            letter = await letters.find(letter_id)
            state = letter.state if letter else "gone"
            blocked = state in move.sources
            why = "stays: its job has another letter that waits" if blocked else f"stays as it is: {state}"
            errors.append(f"{letter_id} {why}")
    error = {"type": "NotMoved", "message": f"{'; '.join(errors)}."} if errors else None
    out.document({"moved": list(moved), "error": error})
    out.say(f"{counted(len(moved)).capitalize()} {done}.")
    for each in errors:
        out.note(f"{each}.")
    return FAILED if errors else 0
