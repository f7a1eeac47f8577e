"""`jobs replay`: whether the code at hand goes on with the jobs that are under way, before it is deployed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from starter import encryption
from starter.cli.output import FAILED, Output
from starter.cli.running import run
from starter.cli.values import whole_number
from starter.connection import connect
from starter.replaying import Replayed, from_files, from_server, queries_of, replay
from workflows.registry import Registry


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
                "is not asked then.",
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
                help="Maximum number of jobs, the newest; without a query, of each kind those that run and those that "
                "have ended. 0 for all.",
            ),
        ] = 100,
        everything: Annotated[bool, typer.Option("--all", help="As --limit 0.")] = False,
    ) -> int:
        """Replay the histories of jobs with the code at hand, before it is deployed: it must go on as they began.

        Without files or a query: jobs of each kind from the server, the newest that run and that have ended. Each job
        that the code would break is shown with the reason, and the exit status is 1. Nothing is changed, and no step
        runs.
        """
        if files and query:
            raise typer.BadParameter("give files, or a query", param_hint="--query")
        return run(_replay(kinds, files or [], query, 0 if everything else limit, out))


async def _replay(kinds: Registry, files: list[Path], query: str | None, limit: int, out: Output) -> int:
    replayed: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    broken: list[Replayed] = []
    if files:
        converter, recorded = encryption.configured(), from_files(files)
    else:
        client = await connect()
        recorded = from_server(client, [query] if query else queries_of(kinds), limit=limit or None)
        converter = client.data_converter
    async for found in replay(kinds, converter, recorded):
        (replayed if found.known else unknown)[found.kind] += 1
        if found.problem is not None:
            broken.append(found)
            where = "" if found.source == "server" else f" in {found.source}"
            out.say(Text.assemble((found.job, "bold"), f" (run {found.run_id}{where}): {found.problem}"))
    out.document(
        {
            "replayed": dict(sorted(replayed.items())),
            "unknown_kinds": dict(sorted(unknown.items())),
            "broken_count": len(broken),
            "broken": [asdict(each) for each in broken],
        }
    )
    if not out.as_json:
        for kind, count in sorted(unknown.items()):
            out.note(f"This code has no kind {kind!r}; jobs of it that were found: {count}.")
        sample = "" if files or not limit else f" (up to {limit} of each kind; --all replays all)"
        out.say(
            f"Replayed {replayed.total()} jobs of {len(replayed)} kinds{sample}: {len(broken) or 'none'} would break."
        )
    return FAILED if broken else 0
