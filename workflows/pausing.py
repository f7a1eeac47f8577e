"""The gate before each job: if its kind or its queue is paused, the job waits, visibly, for a signal.

Each worker process knows what is paused by a look at Temporal every few seconds, and workflow code must come to the
same decision at each replay. So a decision to hold is recorded in history, by `workflow.patched`, whose search
attribute also lets held runs be found; a job that is not held leaves no trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from temporalio import workflow

PAUSE = "JobPause"
"""Workflow type of a pause, whose run no worker serves. It is no kind of job, and left out of lists of jobs."""

HELD = "job-paused"
"""Patch of a run that was held. Temporal lists it in the search attribute `TemporalChangeVersion`."""

WENT_ON = "job-resumed"
"""Patch of a run that was held, and was signalled to go on."""

RESUME = "job-resume"
"""Signal by which a held run goes on. A run needs it once: it passes the gate once."""


@dataclass(frozen=True)
class Target:
    """What is paused: one kind of job, or all kinds of one queue."""

    kind: str | None = None
    queue: str | None = None

    def __str__(self) -> str:
        return self.kind or f"queue {self.queue}"


@dataclass
class Pauses:
    """What is paused, as far as a worker process knows."""

    reasons: Mapping[Target, str] = field(default_factory=dict)
    """Replaced as a whole, never changed: workflows read it in other threads."""


async def wait_while_paused(pauses: Pauses, kind: str) -> None:
    """Hold the run that calls this while its kind or queue is paused, until it is signalled to go on.

    Raises `asyncio.CancelledError` if the job is cancelled meanwhile.
    """
    reasons, targets = pauses.reasons, (Target(kind=kind), Target(queue=workflow.info().task_queue))
    holding = [f"{each} ({reasons[each]})" if reasons[each] else str(each) for each in targets if each in reasons]
    # At a replay history decides: `patched` returns whether the run was held. At the first time this process's
    # knowledge does, and `patched`, which is true then, records it.
    if not ((workflow.unsafe.is_replaying() or holding) and workflow.patched(HELD)):
        return
    resumed = asyncio.Event()
    workflow.set_signal_handler(RESUME, resumed.set)
    by = ", ".join(holding) or f"{targets[0]}, or {targets[1]}"
    workflow.set_current_details(f"**Paused**: {by}. See `jobs paused`.")
    workflow.logger.info("Job waits: it is paused", extra={"action": "hold"})
    await resumed.wait()
    workflow.patched(WENT_ON)
    workflow.set_current_details("")
    workflow.logger.info("Job goes on: it was paused", extra={"action": "resume"})
