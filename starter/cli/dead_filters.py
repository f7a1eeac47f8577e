"""Which dead letters a command is about: its options, some made from the kinds' ids, and the filter that they say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from domain.dead_letters import LetterFilter, LetterState
from starter.cli.durations import parse_duration
from starter.cli.moments import parse_moment
from workflows.registry import Registry


def filter_parameters(kinds: Registry, *, with_states: bool) -> list[inspect.Parameter]:
    """Of a command's signature: typer reads there what options it has."""

    def common(
        *,
        kind: Annotated[str | None, typer.Option(metavar="KIND", help="Of this kind.")] = None,
        error_type: Annotated[
            str | None, typer.Option(metavar="CLASS", help="Died of this error, such as RecipientRejected.")
        ] = None,
        group: Annotated[
            str | None, typer.Option(metavar="FINGERPRINT", help="Died of the same: see `dead groups`.")
        ] = None,
        since: Annotated[
            datetime | None,
            typer.Option(
                parser=parse_moment, metavar="TIME", help="Died then or later: 2026-11-24T03:00, or 2h (ago)."
            ),
        ] = None,
        until: Annotated[
            datetime | None, typer.Option(parser=parse_moment, metavar="TIME", help="Died before that time.")
        ] = None,
        older_than: Annotated[
            timedelta | None,
            typer.Option(parser=parse_duration, metavar="DURATION", help="Died longer ago than this: 30m, 2h, 1d."),
        ] = None,
    ) -> None: ...

    def states(
        *,
        state: Annotated[
            list[LetterState] | None,
            typer.Option(
                parser=_state,
                metavar="STATE",
                help=f"In this state: {', '.join(LetterState)}. Can be given again; open and acknowledged by default.",
                show_default=False,
            ),
        ] = None,
    ) -> None: ...

    named = [*parameters_of(common), *(parameters_of(states) if with_states else ())]
    return [*named, *(_id_parameter(field, attribute) for field, attribute in id_fields(kinds).items())]


def given_filter(
    given: Mapping[str, Any], kinds: Registry, *, states: frozenset[LetterState] | None = None
) -> LetterFilter:
    """The filter that a command's options say; `states` where it has none, or none was given."""
    until = given["until"]
    if (older := given["older_than"]) is not None:
        before = datetime.now(UTC) - older
        until = before if until is None else min(until, before)
    request = {field: str(value) for field in id_fields(kinds) if (value := given[field]) is not None}
    return LetterFilter(
        states=frozenset(given.get("state") or ()) or states,
        kind=given["kind"],
        error_type=given["error_type"],
        fingerprint=given["group"],
        since=given["since"],
        until=until,
        request=request or None,
    )


def is_given(given: Mapping[str, Any], kinds: Registry) -> bool:
    """Whether any of the options was given."""
    names = ("kind", "error_type", "group", "since", "until", "older_than", *id_fields(kinds))
    return any(given[name] is not None for name in names)


def id_fields(kinds: Registry) -> dict[str, str]:
    """Field → search attribute, of all kinds: `order_id` → `OrderId`."""
    return dict(sorted(pair for kind in kinds for pair in kind.request.search_attributes().items()))


def signature(*parts: Sequence[inspect.Parameter]) -> inspect.Signature:
    """One of all of these."""
    parameters = [each for part in parts for each in part]
    return inspect.Signature(sorted(parameters, key=lambda each: each.kind))


def _id_parameter(field: str, attribute: str) -> inspect.Parameter:
    option = typer.Option(
        "--" + field.replace("_", "-"), metavar="ID", help=f"With this {attribute}.", show_default=False
    )
    return inspect.Parameter(
        field, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str | None, option], default=None
    )


def _state(text: str | LetterState) -> LetterState:
    if text not in list(LetterState):
        raise typer.BadParameter(f"must be one of {', '.join(LetterState)}, not {text[:40]!r}")
    return LetterState(text)


def parameters_of(function: Callable[..., None]) -> list[inspect.Parameter]:
    """Those of a function that is there for its signature alone."""
    return list(inspect.signature(function, eval_str=True).parameters.values())
