"""`jobs status`: how one job fares."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from domain.outcomes import Done
from starter.cli import progress
from starter.cli.durations import duration, moment
from starter.cli.jobids import BusinessId, JobId, job_id
from starter.cli.outcomes import done
from starter.cli.output import AsJson, Output, state_text
from starter.cli.running import run
from starter.jobs import Jobs
from starter.status import JobState, JobStatus


def add_to(app: typer.Typer, out: Output) -> None:
    """Add the command."""

    @app.command(epilog=out.examples("status order-confirmation/1042", "status order-confirmation 1042 --watch"))
    def status(
        job: JobId,
        business_id: BusinessId = None,
        watch: Annotated[
            bool, typer.Option("--watch", metavar="", help="Look again each second until the job has ended.")
        ] = False,
        as_json: AsJson = False,
    ) -> int:
        """Show how a job fares: its state, its outcome or its error and what to do, its attempts, its link.

        The exit status is 0 wherever the job is there, whatever became of it; `state` in the --json document tells.
        """
        if watch and as_json:
            raise typer.BadParameter("prints many; leave --json out", param_hint="--watch")
        return run(_status(job_id(job, business_id), watch=watch, out=out))


async def _status(wanted: str, *, watch: bool, out: Output) -> int:
    handle = (await Jobs.connect()).of(wanted)
    shown: JobStatus | None = None
    while True:
        found = await handle.status()
        if found != shown:
            if shown:
                out.say()
            shown = found
            out.document(found.model_dump(mode="json"))
            out.details(details(found, for_terminal=out.for_terminal))
        if not watch or found.state is not JobState.running:
            return 0
        await asyncio.sleep(1)


def details(job: JobStatus, *, for_terminal: bool = False) -> list[tuple[str, str | Text]]:
    """Names and values to show, with bars where they are for a terminal; what is not known of a job is left out."""
    lines: list[tuple[str, str | Text]] = [("job", Text(job.id, style="bold")), ("state", state_text(job.state))]
    match job.outcome:
        case None:
            pass
        case Done():
            lines.append(("outcome", f"done: {told}" if (told := done(job.outcome)) else "done"))
        case other:
            lines.append(("outcome", f"{other.outcome}: {other.reason}"))
    if job.message or job.error_type:
        name = "last error" if job.state is JobState.running else "error"
        lines.append((name, ": ".join(part for part in (job.error_type, job.message) if part)))
    if job.step:
        attempt = f", attempt {job.attempt} of {job.max_attempts}" if job.attempt else ""
        lines.append(("step", f"{job.step}{attempt}"))
    if job.next_attempt_at:
        lines.append(("next attempt", moment(job.next_attempt_at)))
    if job.waiting:
        lines.append(("waits", job.waiting))
    if job.progress:
        lines.append(("progress", progress.with_bar(job.progress) if for_terminal else progress.told(job.progress)))
    lines.append(("started", moment(job.started_at)))
    if job.closed_at:
        lines.append(("ended", f"{moment(job.closed_at)}, after {duration(job.closed_at - job.started_at)}"))
    if job.ids:
        lines.append(("ids", ", ".join(f"{name}={value}" for name, value in sorted(job.ids.items()))))
    lines += [("run", job.run_id), ("link", job.web_ui)]
    return lines
