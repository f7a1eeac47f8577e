"""`jobs status` and `jobs cancel`: how one job fares, and asking it to stop."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer
from rich.text import Text

from domain.outcomes import Done
from starter.cli import progress
from starter.cli.output import FAILED, Output, state_text
from starter.cli.running import run
from starter.cli.values import done, duration, moment
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.status import JobState, JobStatus

_ENDS_WITHIN = 3.0
"""Seconds: a job that waits ends at once, one in the middle of a step when the step is over."""

JobId = Annotated[
    str,
    typer.Argument(
        metavar="ID", show_default=False, help="Id of the job, such as order-confirmation/1042; or its kind."
    ),
]
BusinessId = Annotated[
    str | None,
    typer.Argument(
        metavar="[BUSINESS-ID]", show_default=False, help="After a kind: what the job is about, such as 1042."
    ),
]


def add_to(app: typer.Typer, out: Output) -> None:
    """Add the commands."""

    @app.command(epilog=out.examples("status order-confirmation/1042", "status order-confirmation 1042 --watch"))
    def status(
        job: JobId,
        business_id: BusinessId = None,
        watch: Annotated[
            bool, typer.Option("--watch", metavar="", help="Look again each second until the job has ended.")
        ] = False,
    ) -> int:
        """Show how a job fares: its state, its outcome or its error and what to do, its attempts, its link.

        The exit status is 0 wherever the job is there, whatever became of it; `state` in the --json document tells.
        """
        if watch and out.as_json:
            raise typer.BadParameter("prints many; leave --json out", param_hint="--watch")
        return run(_status(_job_id(job, business_id), watch=watch, out=out))

    @app.command(epilog=out.examples("cancel order-confirmation/1042"))
    def cancel(
        job: JobId,
        business_id: BusinessId = None,
    ) -> int:
        """Ask a job to stop, and say how it fares then.

        A job that waits stops at once; a step that is running ends first. Exit status: 0 where the job is cancelled or
        will be; 1 where it had ended otherwise before.
        """
        return run(_cancel(_job_id(job, business_id), out))


def _job_id(job: str, business_id: str | None) -> str:
    """The job's whole id. Raises typer's BadParameter for a kind without a business id."""
    if business_id is not None:
        return f"{job}/{business_id}"
    if "/" not in job.strip("/"):
        raise typer.BadParameter(f"must be of the form order-confirmation/1042, not {job[:60]!r}", param_hint="ID")
    return job


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


async def _cancel(wanted: str, out: Output) -> int:
    handle = (await Jobs.connect()).of(wanted)
    before = await handle.status()
    if before.state is not JobState.running:
        return _had_ended(before, out)
    await handle.cancel()
    after = await _settled(handle)
    out.document({**after.model_dump(mode="json"), "error": None})
    match after.state:
        case JobState.cancelled:
            out.say(f"{after.id} is cancelled.")
        case JobState.running:
            why = after.waiting or "its step ends first"
            out.say(f"{after.id} is asked to stop, and still running: {why}.")
        case _:
            # It ended by itself between our look and our asking.
            return _had_ended(after, out, tell=False)
    out.say(f"  {after.web_ui}")
    return 0


async def _settled(handle: JobHandle) -> JobStatus:
    until = time.monotonic() + _ENDS_WITHIN
    while True:
        status = await handle.status()
        if status.state is not JobState.running or time.monotonic() > until:
            return status
        await asyncio.sleep(0.1)


def _had_ended(status: JobStatus, out: Output, *, tell: bool = True) -> int:
    cancelled = status.state is JobState.cancelled
    message = f"{status.id} has ended already: {status.state}"
    if tell:
        error = None if cancelled else {"type": "JobHasEnded", "message": message}
        out.document({**status.model_dump(mode="json"), "error": error})
    (out.say if cancelled else out.note)(f"{message}\n  {status.web_ui}")
    return 0 if cancelled else FAILED
