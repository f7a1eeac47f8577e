"""`jobs dead sweep`: look for dead runs now, and not only when the schedule does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.outcomes import Done
from starter.cli.outcomes import done
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run
from starter.errors import JobDidNotComplete
from starter.jobs import Jobs
from workflows.registry import Registry

_KIND = "dead-letter-sweep"


def add_to(group: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""

    @group.command(epilog=out.examples("dead sweep"))
    def sweep(
        wait: Annotated[bool, typer.Option("--wait/--no-wait", metavar="", help="Wait until it has ended.")] = True,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Find dead runs that have no letter yet, and settle the letters of jobs that are well again: a job of its own.

        A schedule does so every few minutes. Exit status: 1 where the job fails.
        """
        return run(_sweep(kinds, out, wait=wait))


async def _sweep(kinds: Registry, out: Output, *, wait: bool) -> int:
    try:
        kind = kinds.get(_KIND)
    except LookupError as exc:
        return out.fail("UnknownKind", f"{exc.args[0]}.")
    jobs = await Jobs.connect()
    handle = await jobs.start(kind.request.model_validate({"at": datetime.now(UTC)}))
    if not wait:
        out.document({"id": handle.id, "web_ui": handle.web_ui, "facts": None, "error": None})
        out.say(f"Started {handle.id}\n  {handle.web_ui}")
        return 0
    if not await handle.picked_up():
        out.note(f"No worker serves the queue '{kind.queue}' (see `make worker`): the sweep waits for one.")
    try:
        outcome = await handle.result()
    except JobDidNotComplete as exc:
        out.document({"id": handle.id, "web_ui": exc.web_ui, "facts": None, "error": exc.message})
        out.note(f"{handle.id}: {exc.error_type}: {exc.message}\n  {exc.web_ui}")
        return FAILED
    facts = outcome.facts if isinstance(outcome, Done) else {}
    out.document({"id": handle.id, "web_ui": handle.web_ui, "facts": facts, "error": None})
    out.say(f"Swept: {told}" if isinstance(outcome, Done) and (told := done(outcome)) else "Swept.")
    return 0
