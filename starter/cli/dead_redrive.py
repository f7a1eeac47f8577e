"""`jobs dead redrive`: jobs go on with the step that failed, one or thousands of them; a preview comes first."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from temporalio.client import Client

from domain.dead_letters import UNSETTLED, WAITING, DeadLetters, Letter, LetterFilter, Moved
from domain.requests import JobRequest
from starter.cli import dead_redrive_shown as shown
from starter.cli.dead_filters import filter_parameters, given_filter, is_given, parameters_of, signature
from starter.cli.dead_letters import dead_letters_and_turns
from starter.cli.dead_moves import By, NoteText, moved_by
from starter.cli.numbers import whole_number
from starter.cli.output import AsJson, Output
from starter.cli.progress import counting
from starter.cli.running import run
from starter.connection import connect
from starter.errors import InvalidStart
from starter.redriving.acting import Redriver, open_unfinished
from starter.redriving.bulk import Pace, Redrives, look_at_all, redrive_all
from starter.redriving.choosing import Choice, Named, named, of_runs, runs_of_query
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
    async with dead_letters_and_turns() as (letters, turns):
        looks = partial(look, client, kinds=kinds)
        redriver = Redriver(client, letters, kinds, chosen.moved)
        found, choice = await _choice(chosen, letters, client, out)
        request: JobRequest | None = None
        if chosen.request is not None and found.letters:
            request = _request(chosen.request, found.letters[0], kinds)
            redriver.request_for(found.letters[0], request)
        if not chosen.go:
            with counting(out.live, "Looking", await choice.count(UNSETTLED)) as told:
                prospects = await look_at_all(choice.every(), looks, told)
            return shown.preview(prospects, found.missing, out, restart=chosen.restart, typed=_typed())
        async with turns.alone() as alone:
            await open_unfinished(client, letters, await choice.redriven() if alone else (), chosen.moved)
        total = await choice.count(WAITING)
        acts = partial(redriver.restart, request=request) if chosen.restart else redriver.resume
        so_far = Redrives()
        try:
            async with turns.at_work():
                with counting(out.live, "Redriving", total) as told:
                    pace = Pace(a_second=chosen.rate, restart=chosen.restart)
                    await redrive_all(choice.waiting(), looks, acts, pace, so_far=so_far, told=told)
        except BaseException as exc:
            shown.interrupted(so_far, total, out, by_hand=isinstance(exc, asyncio.CancelledError))
            raise
        return shown.redriven(so_far, found.missing, out, restart=chosen.restart, by_name=bool(chosen.names))


async def _choice(chosen: _Chosen, letters: DeadLetters, client: Client, out: Output) -> tuple[Named, Choice]:
    """The letters that are meant; those that were named, and whether each of them is there, too."""
    found = await named(letters, chosen.names)
    if chosen.names:
        return found, Choice(letters, [letter.id for letter in found.letters])
    if chosen.query is None:
        return found, Choice(letters, which=chosen.which, limit=chosen.limit)
    runs = await runs_of_query(client, chosen.query)
    ids = await of_runs(letters, runs, chosen.which)
    shown.without_letter(len(runs) - len(ids), out)
    return found, Choice(letters, ids[: chosen.limit])


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
