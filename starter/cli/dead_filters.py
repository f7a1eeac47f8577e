"""The options that select dead letters, and the repository, for the commands of `jobs dead`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.dead_letters import DeadLetterFilter, DeadLetterState
from starter.cli.database import database
from starter.cli.durations import parse_duration
from starter.cli.moments import parse_moment
from workflows.registry import Registry

if TYPE_CHECKING:
    from adapters.db.dead_letters import RedriveLock, SqlDeadLetterRepository


def with_filters(command: Callable[..., int], kinds: Registry, *, states: bool = False) -> Callable[..., int]:
    """Add the filters' options to a command; they arrive in its `**given`."""

    def state(text: str | DeadLetterState) -> DeadLetterState:
        if text not in list(DeadLetterState):
            raise typer.BadParameter(f"must be one of {', '.join(DeadLetterState)}, not {text[:40]!r}")
        return DeadLetterState(text)

    state_help = f"In this state: {', '.join(DeadLetterState)}. Repeatable; default: open and acknowledged."
    options: dict[str, tuple[Any, Any]] = {
        "kind": (str, typer.Option(metavar="KIND", help="Of this kind.")),
        "error_type": (str, typer.Option(metavar="CLASS", help="Failed with this error, such as RecipientRejected.")),
        "group": (str, typer.Option(metavar="FINGERPRINT", help="In this group (see `dead groups`).")),
        "since": (
            datetime,
            typer.Option(parser=parse_moment, metavar="TIME", help="Failed since: 2026-11-24T03:00, or 2h (ago)."),
        ),
        "until": (datetime, typer.Option(parser=parse_moment, metavar="TIME", help="Failed before this time.")),
        "older_than": (
            timedelta,
            typer.Option(parser=parse_duration, metavar="DURATION", help="Failed longer ago than this: 30m, 2h, 1d."),
        ),
    }
    if states:
        options["state"] = list[DeadLetterState], typer.Option(parser=state, metavar="STATE", help=state_help)
    for field, attribute in _id_fields(kinds).items():
        name = "--" + field.replace("_", "-")
        options[field] = str, typer.Option(name, metavar="ID", help=f"With this {attribute}.")
    filters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[type_ | None, option], default=None
        )
        for name, (type_, option) in options.items()
    ]
    own = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [*filters, *(each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD)]
    command.__signature__ = inspect.Signature(sorted(parameters, key=lambda each: each.kind))  # type: ignore[attr-defined]  # functions may have one
    return command


def filter_of(
    given: Mapping[str, Any], kinds: Registry, *, states: frozenset[DeadLetterState] | None = None
) -> DeadLetterFilter:
    """The filter that the options describe, in `states` unless others are given."""
    until = given["until"]
    if (older := given["older_than"]) is not None:
        before = datetime.now(UTC) - older
        until = before if until is None else min(until, before)
    request = {field: str(value) for field in _id_fields(kinds) if (value := given[field]) is not None}
    return DeadLetterFilter(
        states=frozenset(given.get("state") or ()) or states,
        kind=given["kind"],
        error_type=given["error_type"],
        fingerprint=given["group"],
        since=given["since"],
        until=until,
        request=request or None,
    )


def _id_fields(kinds: Registry) -> dict[str, str]:
    """Field → search attribute, of all kinds: `order_id` → `OrderId`."""
    return dict(sorted(pair for kind in kinds for pair in kind.request.search_attributes().items()))


@asynccontextmanager
async def dead_letters() -> AsyncIterator[SqlDeadLetterRepository]:
    """The dead letters in the database of `DATABASE_URL`. Raises the domain's errors, which name the remedy."""
    async with database() as engine:
        # Imported here: see `database`.
        from adapters.db.dead_letters import SqlDeadLetterRepository

        yield SqlDeadLetterRepository(engine)


@asynccontextmanager
async def dead_letters_and_lock() -> AsyncIterator[tuple[SqlDeadLetterRepository, RedriveLock]]:
    """The same, for many calls at a time; and the lock of those who redrive."""
    async with database(pooled=True) as engine:
        # Imported here: see `database`.
        from adapters.db.dead_letters import RedriveLock, SqlDeadLetterRepository

        yield SqlDeadLetterRepository(engine), RedriveLock(engine)
