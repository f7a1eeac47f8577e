"""`jobs kinds`: which kinds of job there are, and how each is retried."""

from __future__ import annotations

from typing import Annotated

import typer

from domain.errors import PERMANENT
from starter.cli import timetable
from starter.cli.output import AsJson, Output
from workflows.registry import Registry


def add_to(app: typer.Typer, known: Registry, out: Output) -> None:
    """Add the command."""

    @app.command(epilog=out.examples("kinds", "kinds --markdown"))
    def kinds(
        markdown: Annotated[bool, typer.Option("--markdown", metavar="", help="Print the README's table.")] = False,
        as_json: AsJson = False,
    ) -> int:
        """Show every kind of job: its request's fields, its queue, its retries, waits and time limits."""
        if markdown and as_json:
            raise typer.BadParameter("choose one of --markdown and --json", param_hint="--markdown")
        if markdown:
            out.say(timetable.markdown(known).rstrip("\n"))
            return 0
        rows = timetable.rows(known)
        out.document([{**row.model_dump(mode="json"), "permanent_error_types": PERMANENT} for row in rows])
        if not out.as_json:
            for row in rows:
                out.details(list(zip(timetable.COLUMNS, timetable.cells(row), strict=True)))
                out.say()
            out.note(timetable.note())
        return 0
