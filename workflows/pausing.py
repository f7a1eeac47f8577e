"""The gate before each job: where its kind or its queue is paused, it waits, visibly, until it is told to go on.

What is paused is known to each worker process alone, by a look at Temporal every few seconds, and workflow code must
come to the same decision at each replay. So a decision to hold is recorded in history, by `workflow.patched`, whose
search attribute also lets held runs be found; a job that is not held leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from temporalio import workflow
from temporalio.client import Client

from domain.requests import kind_name

PAUSE = "JobPause"
"""Workflow type of a pause, whose run no worker serves. It is no kind of job, and left out of lists of jobs."""

HELD = "job-paused"
"""Patch of a run that was held. Temporal lists it in the search attribute `TemporalChangeVersion`."""

WENT_ON = "job-resumed"
"""Patch of a run that was held, and was told to go on."""

RESUME = "job-resume"
"""Signal that tells a held run to go on. A run needs it once: it passes the gate once."""


@dataclass(frozen=True)
class Target:
    """What is paused: one kind of job, or all kinds of one queue."""

    kind: str | None = None
    queue: str | None = None

    def __str__(self) -> str:
        return self.kind or f"queue {self.queue}"


def targets_of(workflow_type: str, queue: str) -> tuple[Target, Target]:
    """Each of which, paused, holds a run of this type on this queue."""
    return Target(kind=kind_name(workflow_type)), Target(queue=queue)


class Pauses:
    """What is paused, and why, as far as this process knows. Workflows, which run in threads, read it."""

    reasons: Mapping[Target, str] = MappingProxyType({})

    def replace(self, reasons: Mapping[Target, str]) -> None:
        """Set what is paused, and why."""
        self.reasons = MappingProxyType(dict(reasons))

    def holding(self, targets: tuple[Target, Target]) -> list[str]:
        """Those of the targets that are paused, with the reason, as texts."""
        reasons = self.reasons
        return [f"{each} ({reasons[each]})" if reasons[each] else str(each) for each in targets if each in reasons]


_known: dict[tuple[str, str], Pauses] = {}


def pauses_of(client: Client) -> Pauses:
    """What is paused in the client's namespace; the same object for all clients and workers of the process."""
    return _known.setdefault((client.service_client.config.target_host, client.namespace), Pauses())


async def wait_while_paused(pauses: Pauses) -> None:
    """Hold the run that calls this where its kind or queue is paused, until it is told to go on.

    Raises `asyncio.CancelledError` where the job is cancelled meanwhile.
    """
    info = workflow.info()
    targets = targets_of(info.workflow_type, info.task_queue)
    holding = pauses.holding(targets)
    # At a replay history alone decides: `patched` tells whether the run was held. At the first time this process's
    # knowledge does, and `patched`, which is true then, records it.
    if not ((workflow.unsafe.is_replaying() or holding) and workflow.patched(HELD)):
        return
    resumed = False

    def resume() -> None:
        nonlocal resumed
        resumed = True

    workflow.set_signal_handler(RESUME, resume)
    by = ", ".join(holding) or f"{targets[0]}, or {targets[1]}"
    workflow.set_current_details(f"**Paused**: {by}. See `jobs paused`.")
    workflow.logger.info("Job waits: it is paused", extra={"action": "hold"})
    await workflow.wait_condition(lambda: resumed)
    workflow.patched(WENT_ON)
    workflow.set_current_details("")
    workflow.logger.info("Job goes on: it was paused", extra={"action": "resume"})
