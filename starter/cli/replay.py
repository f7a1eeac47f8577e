"""`jobs replay`: whether the code at hand goes on with the jobs that are under way, before it is deployed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from temporalio.converter import DataConverter

from starter import encryption
from starter.cli.numbers import whole_number
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run
from starter.connection import connect
from starter.live_histories import Left, LiveHistories
from starter.replaying import Recorded, Replayed, from_files, replay
from workflows.registry import Registry

_MOST_TOLD = 1000
"""Broken jobs in the JSON document, which is kept in memory; the others are counted."""


def add_to(app: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""

    @app.command(
        "replay",
        epilog=out.examples(
            "replay", "replay --query \"WorkflowType='OrderConfirmation'\" --limit 100", "replay tests/histories"
        ),
    )
    def replay_jobs(
        files: Annotated[
            list[Path] | None,
            typer.Argument(
                metavar="[FILE]...",
                exists=True,
                help="Histories as `temporal workflow show --output json` prints them, or folders of such; the server "
                "is not asked then, unless there is a --query.",
            ),
        ] = None,
        query: Annotated[
            str | None,
            typer.Option(metavar="QUERY", help="Jobs to replay, in the language of `temporal workflow list --query`."),
        ] = None,
        limit: Annotated[
            int,
            typer.Option(
                parser=whole_number(0, 10_000_000),
                metavar="NUMBER",
                help="At most so many, the newest; without a query so many of each kind that run, and that have ended. "
                "0 for all.",
            ),
        ] = 100,
        everything: Annotated[bool, typer.Option("--all", help="All that there are: as --limit 0.")] = False,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Replay the histories of jobs with the code at hand, before it is deployed: it must go on as they began.

        Without files or a query: jobs of each kind from the server, the newest that run and that have ended. How many
        others there are is told by kind; --all replays these too, which takes its time. A job that the code would break
        is told with the reason, and the exit status is 1. Nothing is changed, and no step runs.
        """
        return run(_replay(kinds, files or [], query, None if everything or limit == 0 else limit, out))


async def _replay(kinds: Registry, files: list[Path], query: str | None, limit: int | None, out: Output) -> int:
    replayed: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    broken: list[Replayed] = []
    broken_count = 0
    live, converter, recorded = await _recorded(kinds, files, query, limit)
    async for found in replay(kinds, converter, recorded):
        (replayed if found.known else unknown)[found.kind] += 1
        if found.problem is not None:
            broken_count += 1
            if out.as_json and len(broken) < _MOST_TOLD:
                broken.append(found)
            out.say(_line(found))
    left = live.left if live else Counter()
    out.document(
        {
            "replayed": dict(sorted(replayed.items())),
            "unknown_kinds": dict(sorted(unknown.items())),
            "broken_count": broken_count,
            "broken": [asdict(each) for each in broken],
            "not_looked_at": {
                kind: {"running": left[kind, True], "ended": left[kind, False]} for kind in _kinds_of(left)
            },
        }
    )
    if not out.as_json:
        for kind, count in sorted(unknown.items()):
            out.note(f"This code has no kind {kind!r}; jobs of it that were found: {count}.")
        out.say(f"Replayed {replayed.total()} jobs of {len(replayed)} kinds: {broken_count or 'none'} would break.")
        if left:
            out.say(_not_looked_at(left))
    return FAILED if broken_count else 0


async def _recorded(
    kinds: Registry, files: list[Path], query: str | None, limit: int | None
) -> tuple[LiveHistories | None, DataConverter, AsyncIterator[Recorded]]:
    if files and query is None:
        return None, encryption.configured(), from_files(files)
    client = await connect()
    live = LiveHistories(client, kinds)
    questions = live.everything() if query is None else [live.asked(query)]

    async def both() -> AsyncIterator[Recorded]:
        async for each in from_files(files):
            yield each
        async for each in live.of(questions, limit=limit):
            yield each

    return live, client.data_converter, both()


def _kinds_of(left: Left) -> list[str]:
    return sorted({kind for kind, _ in left})


def _not_looked_at(left: Left) -> str:
    told = [f"{kind} ({left[kind, True]} running, {left[kind, False]} ended)" for kind in _kinds_of(left)]
    return f"Not looked at, and may break: {', '.join(told)}. With `--all` they are replayed too."


def _line(found: Replayed) -> Text:
    where = "" if found.source == "server" else f" in {found.source}"
    return Text.assemble((found.job, "bold"), f" (run {found.run_id}{where}): ", f"{found.problem}")
