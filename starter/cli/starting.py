"""Starts one job, looks whether a worker takes it, waits for its outcome, and says what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.outcomes import Done, Outcome
from domain.requests import JobRequest
from starter.cli import progress
from starter.cli.asking import AskedJob
from starter.cli.output import FAILED, Output
from starter.cli.values import done, duration
from starter.errors import JobCancelled, JobDidNotComplete, JobTerminated, JobTimedOut, StarterError
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.starting import StartOptions
from starter.status import JobState
from workflows.registry import Kind

_TAKEN_WITHIN = timedelta(seconds=5)
"""A worker that serves the queue takes a job within milliseconds; after this time none does."""

_ENDED_AS: dict[type[JobDidNotComplete], JobState] = {
    JobCancelled: JobState.cancelled,
    JobTerminated: JobState.terminated,
    JobTimedOut: JobState.timed_out,
}


@dataclass(frozen=True)
class Waiting:
    """What the command waits for after the start."""

    wait: bool
    """For the outcome, no longer than `timeout`."""
    timeout: timedelta | None
    check: bool
    """For a worker to take the job."""


Ask = Callable[[], Awaitable[AskedJob]]


async def start(
    kind: Kind, request: JobRequest, chosen: StartOptions, waiting: Waiting, out: Output, ask: Ask | None = None
) -> int:
    """Start a job as the options say; returns the exit status. Raises StarterError where it could not be started.

    `ask`: of a kind that has to be asked for, which may give another request.
    """
    asked = await ask() if ask else None
    request = asked.request if asked else request
    try:
        jobs = await Jobs.connect()
        handle = await jobs.start(request, **chosen)
    except asyncio.CancelledError:
        job_id = request.workflow_id
        out.fail("Interrupted", f"Whether {job_id} was started is not known. Look: `jobs status {job_id}`")
        raise
    except StarterError:
        if asked:
            out.note(f"{request.workflow_id} is asked for all the same: a worker starts it once it reaches Temporal.")
        raise
    started = _Started(kind, handle, chosen, waiting, out, asked)
    started.say_so()
    try:
        async with asyncio.timeout(waiting.timeout.total_seconds() if waiting.timeout is not None else None):
            return await started.follow()
    except TimeoutError:
        return started.gave_up()
    except StarterError as exc:
        return started.lost_sight(exc)
    except asyncio.CancelledError:
        out.note(f"The job {handle.id} goes on. Look at it: `jobs status {handle.id}`, or {handle.web_ui}")
        raise
    finally:
        out.document(started.document)


class _Started:
    """A job that was started, or was there, and what is known of it so far."""

    def __init__(
        self,
        kind: Kind,
        handle: JobHandle,
        chosen: StartOptions,
        waiting: Waiting,
        out: Output,
        asked: AskedJob | None,
    ) -> None:
        self._kind = kind
        self._handle = handle
        self._chosen = chosen
        self._waiting = waiting
        self._out = out
        self._asked = asked
        self.document: dict[str, Any] = {
            "id": handle.id,
            "run_id": handle.run_id,
            "kind": handle.kind,
            "started": handle.started,
            "state": handle.state,
            "picked_up": None,
            "outcome": None,
            "error": None,
            "web_ui": handle.web_ui,
        }
        if asked:
            self.document |= {"joined": asked.joined, **asked.facts}

    def say_so(self) -> None:
        handle, chosen = self._handle, self._chosen
        if self._asked and self._asked.joined:
            self._out.say(f"Joined {handle.id}, which was asked for before: {handle.state} (run {handle.run_id})")
        elif handle.started or self._asked:  # a relay may have been faster
            later = f", to run in {duration(delay)}" if (delay := chosen.get("delay")) else ""
            self._out.say(f"Started {handle.id}{later} (run {handle.run_id})")
        else:
            hint = ""
            if handle.state is JobState.completed and chosen.get("restart"):
                hint = " Only what did not complete is run anew."
            elif handle.state not in (JobState.running, JobState.completed) and not chosen.get("restart"):
                hint = " To run it anew, add --restart."
            self._out.say(f"{handle.id} is there already: {handle.state} (run {handle.run_id}).{hint}")
        self._out.say(f"  {handle.web_ui}")

    async def follow(self) -> int:
        if not self._waiting.wait:
            await self._check()
            return 0
        checking = asyncio.ensure_future(self._check())
        try:
            async with progress.shown(self._handle, self._out.live):
                outcome = await self._handle.result()
            return self._completed(outcome)
        except JobDidNotComplete as exc:
            return self._did_not_complete(exc)
        finally:
            checking.cancel()

    async def _check(self) -> None:
        if not self._waiting.check or self._handle.state is not JobState.running:
            return
        try:
            taken = await self._handle.picked_up(_TAKEN_WITHIN)
        except StarterError as exc:
            # The job is started all the same.
            self._out.note(f"Warning: whether a worker takes the job could not be seen. {exc}")
            return
        self.document["picked_up"] = taken
        if not taken:
            self._out.note(
                f"Warning: no worker serves the queue '{self._kind.queue}': start one with `make worker`. "
                f"The job waits for it."
            )

    def _completed(self, outcome: Outcome) -> int:
        self.document |= {"state": JobState.completed, "outcome": outcome.model_dump(mode="json")}
        match outcome:
            case Done():
                self._out.say(f"Done: {told}" if (told := done(outcome)) else "Done.")
            case other:
                self._out.say(f"{other.outcome.capitalize()}: {other.reason}")
        return 0

    def _did_not_complete(self, exc: JobDidNotComplete) -> int:
        state = _ENDED_AS.get(type(exc), JobState.failed)
        self.document |= {
            "state": state,
            "error": {"type": exc.error_type, "message": exc.message},
            "web_ui": exc.web_ui,
        }
        what = f"{exc.error_type}: {exc.message}" if state is JobState.failed else exc.message
        self._out.note(f"{exc.job_id} {state}: {what}\n  {exc.web_ui}")
        return FAILED

    def lost_sight(self, exc: StarterError) -> int:
        self.document |= {"error": {"type": exc.type_name, "message": str(exc)}}
        self._out.note(f"The job {self._handle.id} goes on; only the waiting for it failed. {exc}")
        return FAILED

    def gave_up(self) -> int:
        waited = duration(self._waiting.timeout or timedelta())
        message = f"{self._handle.id} has not ended after {waited}. It goes on: `jobs status {self._handle.id}`"
        self.document |= {"error": {"type": "WaitedLongEnough", "message": message}}
        self._out.note(message)
        return FAILED
