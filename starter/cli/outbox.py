"""`jobs outbox`: what applications have enqueued and the relay has not started yet, or cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from starter.cli.commands import Commands
from starter.cli.database import database
from starter.cli.output import FAILED, Output
from starter.cli.running import run
from starter.cli.values import duration, visible, whole_number

if TYPE_CHECKING:
    # Imports SQLAlchemy: half of the command line's start-up time.
    from adapters.db.outbox_entries import Found, ListedEntry, OutboxEntries

_Id = typer.Argument(parser=whole_number(1, 2**63 - 1), metavar="ID", show_default=False, help="Entries, by their ids.")
_KIND = typer.Option(metavar="KIND", show_default=False, help="Entries of this kind.")


def outbox_commands(out: Output) -> typer.Typer:
    """The command group `outbox`."""
    group = Commands(
        help=(
            "Look at what applications have enqueued, and at what could not be started.\n\n"
            "An entry leaves the outbox once Temporal has its job: `jobs status` shows that then. DATABASE_URL is all "
            "that these commands need."
        ),
        epilog=out.examples("outbox list --refused", "outbox retry 4711", "outbox discard 4712"),
    )

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
    ) -> int:
        """Drop entries that can never start: their jobs will not run. Each is shown as it can be entered again.

        Exit status: 1 where one of them stays, since nothing has gone wrong with it, or is not there.
        """
        if out.as_json and not yes:
            raise typer.BadParameter("asks nobody, so add --yes", param_hint="--json")
        count = run(_to_discard(ids, out))
        if count and not yes and not _agreed(f"Discard {counted(count)}? What is discarded never runs. [y/N] "):
            out.note("Nothing was discarded. (With --yes nobody is asked.)")
            return FAILED
        return run(_discard(ids, out))

    return group


async def _list(limit: int, *, refused: bool, kind: str | None, out: Output) -> int:
    async with _entries() as entries:
        found = await entries.oldest(limit=limit + 1, refused=refused, kind=kind)
    listed(found[:limit], out, nothing="Nothing fits." if refused or kind else "The outbox is empty.")
    if len(found) > limit:
        out.note(f"There are more than {limit}; --limit shows more of them.")
    return 0


async def _retry(ids: Sequence[int], kind: str | None, out: Output) -> int:
    async with _entries() as entries:
        found = await entries.retry(ids) if ids else await entries.retry_all(kind)
    return retried(found, out)


async def _to_discard(ids: Sequence[int], out: Output) -> int:
    """Show what would be discarded; returns how many."""
    async with _entries() as entries:
        found = [entry for entry in await entries.named(ids) if entry.troubled]
    for entry in found:
        as_it_can_be_entered_again(entry, out)
    return len(found)


async def _discard(ids: Sequence[int], out: Output) -> int:
    async with _entries() as entries:
        return discarded(await entries.discard(ids), out)


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


_LONG = timedelta(minutes=1)
"""A relay takes an entry within seconds, one of an unknown kind after a minute."""


def listed(entries: Sequence[ListedEntry], out: Output, *, nothing: str) -> None:
    """A table, and what to do about what stands in it."""
    out.document([document(entry) for entry in entries])
    now = datetime.now(UTC)
    columns = ("id", "job", "waiting for", "attempts", "next attempt", "error")
    out.table(columns, [_row(entry, now) for entry in entries], nothing=nothing)
    if any(entry.refused_at for entry in entries):
        out.note(
            "What was refused waits for you: mend its cause, then `jobs outbox retry ID`; "
            "what can never start: `jobs outbox discard ID`."
        )
    if any(not entry.troubled and now - entry.enqueued_at > 2 * _LONG for entry in entries):
        out.note(
            "Entries wait that nobody has tried to start: is a worker or `jobs relay` running, and Temporal there?"
        )


def as_it_can_be_entered_again(entry: ListedEntry, out: Output) -> None:
    """The entry, its error, and the statement that enqueues its job."""
    out.say(f"{entry.id}  {visible(_job(entry))}")
    out.say(f"  {_error(entry)}")
    out.say(f"  {statement(entry)}")


def retried(found: Found, out: Output) -> int:
    """The result of a retry; returns the exit status."""
    result = "will be tried again at once" if found.changed else "to try again"
    reasons = {**_REASONS, "untroubled": "waits to be started, as it did before"}
    return _changed(found, out, "retried", result, reasons, "EntryNotFound", ["gone"])


def discarded(found: Found, out: Output) -> int:
    """The result of a discard; returns the exit status."""
    hint = "; each statement above, once corrected, enters its job again" if found.changed else ""
    return _changed(found, out, "discarded", f"discarded{hint}", _REASONS, "NotDiscarded", _REASONS)


_REASONS: Mapping[str, str] = {
    "gone": "is not in the outbox: it was started or discarded, or never was there",
    "busy": "is being started right now",
    "untroubled": "stays: it waits to be started, and nothing has gone wrong with it",
}


def _changed(
    found: Found,
    out: Output,
    action: str,
    result: str,
    reasons: Mapping[str, str],
    failure: str,
    failing: Iterable[str],
) -> int:
    left: dict[str, list[int]] = {state: list(getattr(found, state)) for state in reasons}
    errors = [f"{id_} {reasons[state]}" for state in failing for id_ in left[state]]
    changed = [document(entry) | {"statement": statement(entry)} for entry in found.changed]
    error = {"type": failure, "message": f"{'; '.join(errors)}."} if errors else None
    out.document({action: changed, **left, "error": error})
    out.say(f"{counted(len(found.changed)).capitalize()} {result}.")
    for state, ids in left.items():
        for id_ in ids:
            out.note(f"{id_} {reasons[state]}.")
    return FAILED if errors else 0


def counted(count: int) -> str:
    """`1 entry`, `2 entries`."""
    return f"{count or 'no'} {'entry' if count == 1 else 'entries'}"


def document(entry: ListedEntry) -> dict[str, Any]:
    """For programs."""
    try:
        payload: Any = json.loads(entry.payload)
    except (ValueError, RecursionError):
        payload = entry.payload
    return {
        "id": entry.id,
        "kind": entry.kind,
        "job_id": entry.job_id,
        "payload": payload,
        "state": "refused" if entry.refused_at else "put-off" if entry.troubled else "waiting",
        "enqueued_at": _iso(entry.enqueued_at),
        "not_before": _iso(entry.not_before),
        "priority": entry.priority,
        "fairness_key": entry.fairness_key,
        "attempts": entry.attempts,
        "retry_at": _iso(entry.retry_at),
        "refused_at": _iso(entry.refused_at),
        "error_type": entry.error_type,
        "error": entry.error,
    }


def statement(entry: ListedEntry) -> str:
    """SQL that enqueues the entry's job again."""
    options: dict[str, datetime | int | str | None] = {
        "start_at": entry.not_before,
        "priority": entry.priority,
        "fairness_key": entry.fairness_key,
    }
    given = [f"{name} => {_literal(value)}" for name, value in options.items() if value is not None]
    return f"SELECT enqueue_job({', '.join([_literal(entry.kind), _literal(entry.payload), *given])});"


def _literal(value: datetime | int | str) -> str:
    if isinstance(value, int):
        return str(value)
    text = str(value)
    # A backslash means itself whatever the server's settings, and control characters are no matter to a terminal.
    escaped = "".join(
        character if character.isprintable() else f"\\U{ord(character):08X}"
        for character in text.replace("'", "''").replace("\\", "\\\\")
    )
    return f"E'{escaped}'" if "\\" in escaped else f"'{escaped}'"


def _row(entry: ListedEntry, now: datetime) -> list[str | Text]:
    if entry.refused_at:
        following = "none"
    elif entry.retry_at and entry.retry_at > now:
        following = f"in {duration(entry.retry_at - now)}"
    else:
        following = "now"
    style = "bold red" if entry.refused_at else ""
    return [
        Text(str(entry.id), style=style),
        visible(_job(entry)),
        duration(now - entry.enqueued_at),
        str(entry.attempts),
        following,
        _error(entry),
    ]


def _job(entry: ListedEntry) -> str:
    return entry.job_id or f"{entry.kind} {entry.payload}"


def _error(entry: ListedEntry) -> str:
    return visible(": ".join(part for part in (entry.error_type, entry.error) if part))


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
