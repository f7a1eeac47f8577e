"""The options that select dead letters, and the repository, for the commands of `jobs dead`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from domain.dead_letters import Audit, DeadLetterFilter, DeadLetterState
from starter.cli.database import database
from starter.cli.fields import with_options
from starter.cli.values import parse_duration, parse_moment
from starter.cli.who import who
from workflows.registry import Registry

if TYPE_CHECKING:
    from adapters.db.dead_letters import SqlDeadLetterRepository


def _state(text: str | DeadLetterState) -> DeadLetterState:
    if text not in list(DeadLetterState):
        raise typer.BadParameter(f"must be one of {', '.join(DeadLetterState)}, not {text[:40]!r}")
    return DeadLetterState(text)


Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID", show_default=False, help="Dead letters by number, or by job: order-confirmation/1042."
    ),
]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", show_default=False, help="Who does it; default: you@machine.")
]
NoteText = Annotated[
    str, typer.Option("--note", metavar="TEXT", show_default=False, help="Stored with it; no personal data.")
]
_STATES = typer.Option(
    parser=_state,
    metavar="STATE",
    help=f"In this state: {', '.join(DeadLetterState)}. Repeatable; default: open and acknowledged.",
)
_SINCE = typer.Option(parser=parse_moment, metavar="TIME", help="Failed since: 2026-11-24T03:00, or 2h (ago).")
_UNTIL = typer.Option(parser=parse_moment, metavar="TIME", help="Failed before this time.")
_OLDER = typer.Option(parser=parse_duration, metavar="DURATION", help="Failed longer ago than this: 30m, 2h, 1d.")
_OPTIONS: Mapping[str, tuple[Any, Any]] = {
    "kind": (str, typer.Option(metavar="KIND", help="Of this kind.")),
    "error_type": (str, typer.Option(metavar="CLASS", help="Failed with this error, such as RecipientRejected.")),
    "group": (str, typer.Option(metavar="FINGERPRINT", help="In this group (see `dead groups`).")),
    "since": (datetime, _SINCE),
    "until": (datetime, _UNTIL),
    "older_than": (timedelta, _OLDER),
}


def with_filters(command: Callable[..., int], kinds: Registry, *, states: bool = False) -> Callable[..., int]:
    """Add the filters' options to a command; they arrive in its `**given`."""
    options = {**_OPTIONS, **({"state": (list[DeadLetterState], _STATES)} if states else {})}
    for field, attribute in _id_fields(kinds).items():
        name = "--" + field.replace("_", "-")
        options[field] = str, typer.Option(name, metavar="ID", help=f"With this {attribute}.")
    return with_options(
        command,
        [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[type_ | None, option], default=None
            )
            for name, (type_, option) in options.items()
        ],
    )


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


def audit(by: str | None, note: str, *, option: str = "--note") -> Audit:
    """Who makes a change, and why. Raises typer's BadParameter."""
    try:
        return Audit(by=by if by is not None else who(), note=note)
    except ValidationError as exc:
        [error, *_] = exc.errors(include_url=False)
        hint = "--by" if error["loc"][:1] == ("by",) else option
        raise typer.BadParameter(str(error["msg"]), param_hint=hint) from None


def counted(count: int) -> str:
    """`1 dead letter`, `2 dead letters`."""
    return f"{count or 'no'} dead {'letter' if count == 1 else 'letters'}"


def _id_fields(kinds: Registry) -> dict[str, str]:
    """Field → search attribute, of all kinds: `order_id` → `OrderId`."""
    return dict(sorted(pair for kind in kinds for pair in kind.request.search_attributes().items()))


@asynccontextmanager
async def dead_letters(*, pooled: bool = False) -> AsyncIterator[SqlDeadLetterRepository]:
    """The dead letters in the database of `DATABASE_URL`. Raises the domain's errors, which name the remedy."""
    async with database(pooled=pooled) as engine:
        # Imported here: see `database`.
        from adapters.db.dead_letters import SqlDeadLetterRepository

        yield SqlDeadLetterRepository(engine)
