"""`jobs pause`, `jobs resume`, `jobs paused`: keep the jobs of a kind or a queue from beginning, for a while."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from starter import pauses
from starter.cli.output import Output
from starter.cli.running import run
from starter.cli.values import moment
from starter.cli.who import who
from starter.jobs import Jobs
from starter.pauses import Pause
from workflows.pausing import Target
from workflows.registry import Registry

KindName = Annotated[str | None, typer.Argument(metavar="KIND", show_default=False, help="Kind of job.")]
QueueName = Annotated[
    str | None,
    typer.Option("--queue", metavar="QUEUE", show_default=False, help="Instead of a kind: all kinds of this queue."),
]


def add_to(app: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the commands."""

    @app.command(
        epilog=out.examples("pause order-confirmation --reason 'mail server is down'", "pause --queue notifications")
    )
    def pause(
        kind: KindName = None,
        queue: QueueName = None,
        reason: Annotated[
            str, typer.Option(metavar="TEXT", show_default=False, help="Why; other operators see it.")
        ] = "",
    ) -> int:
        """Let jobs of a kind, or of a queue, wait that have not begun, however they are started.

        Nothing is lost, and no attempt is used up. Jobs that are under way go on. The pause lasts until `resume`.
        """
        _check(kind, queue, kinds)
        return run(_pause(kind, queue, reason, kinds, out))

    @app.command(epilog=out.examples("resume order-confirmation", "resume --queue notifications"))
    def resume(
        kind: KindName = None,
        queue: QueueName = None,
    ) -> int:
        """Let the jobs go on that wait because of a pause. Can be run again."""
        if (kind is None) == (queue is None):  # what is paused need not be known here
            _check(kind, queue, kinds)
        return run(_resume(kind, queue, kinds, out))

    @app.command(epilog=out.examples("paused"))
    def paused() -> int:
        """Show what is paused, since when, by whom, why, and how many jobs wait."""
        return run(_paused(kinds, out))


async def _pause(kind: str | None, queue: str | None, reason: str, kinds: Registry, out: Output) -> int:
    jobs = await _connected()
    found = await pauses.pause(jobs.client, kind=kind, queue=queue, reason=reason, kinds=kinds)
    out.document(_document(found, jobs))
    if found.new:
        out.say(
            f"Paused: {found.target}. Jobs that have not begun wait, those under way go on. Workers heed it within 3 s."
        )
    else:
        why = f": {found.reason}" if found.reason else ""
        out.say(f"{found.target} is paused already, since {moment(found.since)}, by {found.by}{why}")
    out.say(f"  To let its jobs go on: {out.program} resume {kind or f'--queue {queue}'}")
    out.say(f"  {jobs.of(found.id).web_ui}")
    return 0


async def _resume(kind: str | None, queue: str | None, kinds: Registry, out: Output) -> int:
    was_paused = await pauses.resume((await _connected()).client, kind=kind, queue=queue, kinds=kinds)
    out.document({"kind": kind, "queue": queue, "was_paused": was_paused})
    target = Target(kind=kind, queue=queue)
    out.say(f"Resumed: {target}. Workers let its jobs go on within 3 s." if was_paused else f"{target} was not paused.")
    return 0


async def _paused(kinds: Registry, out: Output) -> int:
    jobs = await _connected()
    found = await pauses.paused(jobs.client, kinds=kinds)
    out.document([_document(each, jobs) for each in found])
    rows = [[str(each.target), moment(each.since), each.by, str(each.held), each.reason] for each in found]
    out.table(("paused", "since", "by", "jobs that wait", "reason"), rows, nothing="Nothing is paused.")
    return 0


async def _connected() -> Jobs:
    # Temporal keeps with each event who has caused it.
    return await Jobs.connect(identity=who())


def _check(kind: str | None, queue: str | None, kinds: Registry) -> None:
    try:
        pauses.known_target(kinds, kind=kind, queue=queue)
    except pauses.CannotPause as exc:
        raise typer.BadParameter(str(exc), param_hint="KIND or --queue") from exc


def _document(found: Pause, jobs: Jobs) -> dict[str, Any]:
    return {**found.model_dump(mode="json"), "web_ui": jobs.of(found.id).web_ui}
