"""`jobs dead ack`, `discard`, `reopen`: what people decide about letters, kept with who and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

import typer
from pydantic import ValidationError

from domain.dead_letters import UNSETTLED, WAITING, LetterFilter, LetterState, Moved
from starter.cli import dead_shown as shown
from starter.cli.dead_letters import dead_letters
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run
from starter.cli.who import who
from starter.redriving.choosing import named

Letters = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID", show_default=False, help="Letters by their numbers, or by their jobs: order-confirmation/1042."
    ),
]
OfGroup = Annotated[
    str | None,
    typer.Option("--group", metavar="FINGERPRINT", show_default=False, help="All that died of the same and wait."),
]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", show_default=False, help="Who does it; you on this machine.")
]
NoteText = Annotated[
    str, typer.Option("--note", metavar="TEXT", show_default=False, help="Kept with it; no personal data.")
]


_MOST = 100_000
"""Letters that are moved by one command."""


def moved_by(by: str | None, note: str, *, note_option: str = "--note") -> Moved:
    """Who moves, and why. Raises typer's BadParameter."""
    try:
        return Moved(by=by if by is not None else who(), note=note)
    except ValidationError as exc:
        [error, *_] = exc.errors(include_url=False)
        raise typer.BadParameter(
            str(error["msg"]), param_hint="--by" if error["loc"][:1] == ("by",) else note_option
        ) from None


def add_to(commands: typer.Typer, out: Output) -> None:
    """Add the commands."""

    @commands.command(epilog=out.examples("dead ack 17 --note 'asked the provider, ticket 4711'"))
    def ack(
        ids: Letters = None,
        group: OfGroup = None,
        note: NoteText = "",
        by: By = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Say that you look after letters: they leave the digest of what nobody has looked at.

        Exit status: 1 where one of them is not open.
        """
        moved = moved_by(by, note)
        return run(_move(ids, group, LetterState.acknowledged, moved, {LetterState.open}, "acknowledged", out))

    @commands.command(epilog=out.examples("dead discard 17 --reason 'the customer has cancelled the order'"))
    def discard(
        *,
        ids: Letters = None,
        group: OfGroup = None,
        reason: Annotated[
            str, typer.Option("--reason", metavar="TEXT", show_default=False, help="Why; no personal data.")
        ],
        by: By = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Decide that nothing will be done about letters. They stay in the database, and their runs as they are.

        Exit status: 1 where one of them is settled already.
        """
        if not reason.strip():
            raise typer.BadParameter("say why nothing will be done", param_hint="--reason")
        moved = moved_by(by, reason, note_option="--reason")
        return run(_move(ids, group, LetterState.discarded, moved, UNSETTLED, "discarded", out))

    @commands.command(epilog=out.examples("dead reopen 17 --note 'discarded by mistake'"))
    def reopen(
        ids: Letters = None,
        note: NoteText = "",
        by: By = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Take back what was decided about letters: they are open again.

        The sweep resolves those again whose jobs are well. Exit status: 1 where one of them is open, or where its job
        has another letter that waits.
        """
        others = set(LetterState) - {LetterState.open}
        return run(_move(ids, None, LetterState.open, moved_by(by, note), others, "open again", out))


async def _move(
    names: Sequence[str] | None,
    group: str | None,
    to: LetterState,
    moved: Moved,
    only: Collection[LetterState],
    said: str,
    out: Output,
) -> int:
    if bool(names) == (group is not None):
        raise typer.BadParameter("name letters" if group is None else "give either ids, or --group", param_hint="ID")
    async with dead_letters() as letters:
        found = await named(letters, names or [])
        ids = [letter.id for letter in found.letters]
        if group is not None:
            which = LetterFilter(fingerprint=group, states=WAITING & frozenset(only))
            ids = [letter.id for letter in await letters.list(which, limit=_MOST)]
        done = await letters.move(ids, to, moved=moved, only=only)
        left: list[tuple[int | str, str]] = [(name, "has no letter") for name in found.missing]
        for letter_id in sorted(set(ids) - set(done)):
            letter = await letters.find(letter_id)
            state = letter.state if letter else "gone"
            blocked = to is LetterState.open and state in only
            left.append(
                (letter_id, "stays: its job has another letter that waits" if blocked else f"stays as it is: {state}")
            )
    shown.moved(done, left, said, out)
    return FAILED if left else 0
