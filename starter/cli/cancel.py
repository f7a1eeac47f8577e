"""`jobs cancel`: ask a job to stop."""

from __future__ import annotations

import asyncio
import time

import typer

from starter.cli.jobids import BusinessId, JobId, job_id
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.status import JobState, JobStatus

_ENDS_WITHIN = 3.0
"""Seconds: a job that waits ends at once, one in the middle of a step when the step is over."""


def add_to(app: typer.Typer, out: Output) -> None:
    """Add the command."""

    @app.command(epilog=out.examples("cancel order-confirmation/1042"))
    def cancel(
        job: JobId,
        business_id: BusinessId = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Ask a job to stop, and say how it fares then.

        A job that waits stops at once; a step that is running ends first. Exit status: 0 where the job is cancelled or
        will be; 1 where it had ended otherwise before.
        """
        return run(_cancel(job_id(job, business_id), out))


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
