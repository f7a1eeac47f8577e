"""`jobs dead redrive`: jobs go on with the step that failed, one or thousands of them; a preview comes first."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from domain.dead_letters import DeadLetters, Letter, LetterFilter, Moved
from domain.requests import JobRequest
from starter.cli import dead_redrive_shown as shown
from starter.cli.dead_filters import filter_parameters, given_filter, is_given, parameters_of, signature
from starter.cli.dead_letters import dead_letters
from starter.cli.dead_moves import By, NoteText, moved_by
from starter.cli.numbers import whole_number
from starter.cli.output import AsJson, Output
from starter.cli.progress import counting
from starter.cli.running import run
from starter.connection import connect
from starter.errors import InvalidStart
from starter.redriving.acting import Redriver
from starter.redriving.bulk import Redrives, look_at_all, redrive_all
from starter.redriving.choosing import fitting, named, runs_of_query
from starter.redriving.looking import look
from workflows.registry import Registry

_FASTEST = 500


@dataclass(frozen=True)
class _Chosen:
    """What the command line says."""

    names: Sequence[str]
    which: LetterFilter
    query: str | None
    limit: int | None
    restart: bool
    request: Path | None
    go: bool
    rate: int
    moved: Moved


def add_to(group: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""

    def redrive(
        ids: list[str] | None,
        *,
        query: str | None,
        limit: int | None,
        restart: bool,
        input_file: Path | None,
        yes: bool,
        rate: int,
        note: str,
        by: str | None,
        as_json: bool,  # noqa: ARG001  # `out` has it
        **given: Any,
    ) -> int:
        names = list(dict.fromkeys(ids or []))
        if not names and query is None and not is_given(given, kinds):
            raise typer.BadParameter("name letters, or give --group, --query or other filters", param_hint="ID")
        if names and (query is not None or is_given(given, kinds)):
            raise typer.BadParameter("give either ids, or --query and filters", param_hint="ID")
        if input_file is not None and len(names) != 1:
            raise typer.BadParameter("is for one letter: name that", param_hint="--input")
        chosen = _Chosen(
            names=names,
            which=given_filter(given, kinds),
            query=query,
            limit=limit,
            restart=restart or input_file is not None,
            request=input_file,
            go=yes,
            rate=rate,
            moved=moved_by(by, note),
        )
        return run(_redrive(chosen, kinds, out))

    redrive.__signature__ = signature(_first(), filter_parameters(kinds, with_states=False), _rest())  # type: ignore[attr-defined]  # functions may have one
    group.command(
        "redrive",
        help=(
            "Let dead jobs go on with the step that failed. Steps that had ended before it are not done again.\n\n"
            "Without --yes it only looks, and tells what would be done. Jobs that came on meanwhile are left alone, "
            "and so are those that come on by themselves. It can be interrupted and called again: no run is redriven "
            "twice. Exit status: 1 where a letter that was named was not redriven, or a job could not be."
        ),
        epilog=out.examples(
            "dead redrive order-confirmation/1042 --yes",
            "dead redrive --group 3f2a9c1b7d04 --rate 20 --yes",
            "dead redrive --query \"ErrorType = 'RecipientRejected'\" --limit 5 --yes",
            "dead redrive 17 --restart --yes",
            "dead redrive 17 --input request.json --yes",
        ),
    )(redrive)


def _first() -> list[inspect.Parameter]:
    def first(
        ids: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="ID",
                show_default=False,
                help="Letters by their numbers, or by their jobs: order-confirmation/1042.",
            ),
        ] = None,
    ) -> None: ...

    return parameters_of(first)


def _rest() -> list[inspect.Parameter]:
    def rest(
        *,
        query: Annotated[
            str | None,
            typer.Option(metavar="QUERY", help="Of runs that fit this query of Temporal's, as in its Web UI."),
        ] = None,
        limit: Annotated[
            int | None,
            typer.Option(
                parser=whole_number(1, 10_000_000), metavar="NUMBER", help="The oldest ones alone, at most so many."
            ),
        ] = None,
        restart: Annotated[
            bool,
            typer.Option("--restart", metavar="", help="Run the whole jobs anew, and not from the failed step on."),
        ] = False,
        input_file: Annotated[
            Path | None,
            typer.Option(
                "--input", metavar="FILE", help="Run one job anew with this request, as JSON; - reads it from stdin."
            ),
        ] = None,
        yes: Annotated[bool, typer.Option("--yes", metavar="", help="Do it.")] = False,
        rate: Annotated[int, typer.Option(parser=_rate, metavar="NUMBER", help="At most so many a second.")] = 10,
        note: NoteText = "",
        by: By = None,
        as_json: AsJson = False,
    ) -> None: ...

    return parameters_of(rest)


def _rate(text: str | int) -> int:
    return whole_number(1, _FASTEST)(re.sub(r"/s$", "", text) if isinstance(text, str) else text)


async def _redrive(chosen: _Chosen, kinds: Registry, out: Output) -> int:
    client = await connect()
    async with dead_letters(pooled=True) as letters:
        redriver = Redriver(client, letters, kinds, chosen.moved)
        looks = partial(look, client, kinds=kinds)
        missing: Sequence[str] = ()
        request: JobRequest | None = None
        if chosen.names:
            found = await named(letters, chosen.names)
            missing = found.missing
            if chosen.request is not None and found.letters:
                request = _request(chosen.request, found.letters[0], kinds)
                redriver.request_for(found.letters[0], request)
            source, total = _each(found.letters), len(found.letters)
        elif chosen.query is not None:
            ids = [each async for page in runs_of_query(client, chosen.query) for each in page]
            found_letters = await _letters_of(letters, ids, chosen)
            shown.without_letter(len(ids) - len(found_letters), chosen.limit, out)
            source, total = _each(found_letters), len(found_letters)
        else:
            total = await letters.count(chosen.which.model_copy(update={"states": shown.LOOKED_AT}))
            total = total if chosen.limit is None else min(total, chosen.limit)
            source = fitting(letters, chosen.which, limit=chosen.limit)
        if not chosen.go:
            with counting(out.live, "Looking", total) as told:
                prospects = await look_at_all(source, looks, told)
            return shown.preview(prospects, missing, out, restart=chosen.restart, typed=_typed())
        so_far = Redrives()
        acts = partial(redriver.restart, request=request) if chosen.restart else redriver.resume
        try:
            with counting(out.live, "Redriving", total) as told:
                await redrive_all(
                    source, looks, acts, a_second=chosen.rate, restart=chosen.restart, so_far=so_far, told=told
                )
        except BaseException as exc:
            shown.interrupted(so_far, total, out, by_hand=isinstance(exc, asyncio.CancelledError))
            raise
        return shown.redriven(so_far, missing, out, restart=chosen.restart, by_name=bool(chosen.names))


async def _letters_of(letters: DeadLetters, run_ids: Sequence[str], chosen: _Chosen) -> list[Letter]:
    """Letters of these runs that fit the filters too, the oldest first."""
    found: list[Letter] = []
    for start in range(0, len(run_ids), 500):
        some = frozenset(run_ids[start : start + 500])
        which = chosen.which.model_copy(update={"run_ids": some})
        found += await letters.list(which, limit=len(some))
    return sorted(found, key=lambda letter: letter.id)[: chosen.limit]


async def _each(letters: Sequence[Letter]) -> AsyncIterator[Letter]:
    for letter in letters:
        yield letter


def _request(file: Path, letter: Letter, kinds: Registry) -> JobRequest:
    """The request in a file, checked against the letter's kind. Raises InvalidStart."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidStart(f"--input: {file} cannot be read ({type(exc).__name__}).") from None
    try:
        kind = kinds.get(letter.run.kind)
    except LookupError as exc:
        raise InvalidStart(f"{letter.run.workflow_id} cannot be run anew: {exc.args[0]}.") from exc
    try:
        json.loads(text)
        return kind.request.model_validate_json(text, strict=True)
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(map(str, error['loc'])) or 'request'}: {error['msg']}"
            for error in exc.errors(include_url=False, include_input=False)
        )
        raise InvalidStart(f"--input is no request of {kind.name}: {problems}. See `jobs kinds`.") from None
    except ValueError:
        raise InvalidStart(
            '--input is no JSON: give an object of the request\'s fields, such as {"order_id": 1042}.'
        ) from None


def _typed() -> str:
    """The command line after the program's name, as it can be typed again."""
    import shlex

    at = sys.argv.index("dead") if "dead" in sys.argv else 1
    return shlex.join(sys.argv[at:])
