"""The gate before each job: where its kind or its queue is paused, it waits, visibly, until it is told to go on.

What is paused is known to each worker process alone, by a look at Temporal every few seconds, and workflow code must
come to the same decision at each replay. So a decision to hold is recorded in history, by `workflow.patched`, whose
search attribute also lets held runs be found; a job that is not held leaves no trace.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio import workflow
from temporalio.client import Client

from domain.requests import kind_name

HELD = "job-paused"
"""Patch of a run that was held. Temporal lists it in the search attribute `TemporalChangeVersion`."""

WENT_ON = "job-resumed"
"""Patch of a run that was held, and was told to go on."""

RESUME = "job-resume"
"""Signal that tells a held run to go on. A run needs it once: it passes the gate once."""

_KEPT_AT_MOST = 10_000
"""Runs that a process remembers to have held. Others are found by a query, which takes some seconds longer."""


@dataclass(frozen=True)
class Target:
    """What is paused: one kind of job, or all kinds of one queue."""

    kind: str | None = None
    queue: str | None = None

    def __str__(self) -> str:
        return self.kind or f"queue {self.queue}"


@dataclass(frozen=True)
class HeldRun:
    """A run that waits at the gate."""

    workflow_id: str
    run_id: str
    kind: str
    queue: str

    @property
    def targets(self) -> tuple[Target, Target]:
        """Each of which, paused, holds the run."""
        return Target(kind=self.kind), Target(queue=self.queue)


class Pauses:
    """What is paused, as far as this process knows, and what it holds for that. Workflows run in threads."""

    def __init__(self) -> None:
        """Nothing is paused."""
        self._lock = threading.Lock()
        self._reasons: Mapping[Target, str] = {}
        self._held: dict[str, HeldRun] = {}

    @property
    def reasons(self) -> Mapping[Target, str]:
        """What is paused, and why."""
        return self._reasons

    def hold(self, run: HeldRun) -> bool:
        """Whether the run must wait. If so it is among those that `replace` lets go."""
        if not self._reasons:
            return False  # as always, nearly
        with self._lock:
            must = any(target in self._reasons for target in run.targets)
            if must and len(self._held) < _KEPT_AT_MOST:
                self._held[run.run_id] = run
            return must

    def replace(self, reasons: Mapping[Target, str]) -> list[HeldRun]:
        """Set what is paused, and why; returns the runs held by this process that nothing holds any more."""
        with self._lock:
            self._reasons = dict(reasons)
            free = [run for run in self._held.values() if not any(target in self._reasons for target in run.targets)]
            for run in free:
                del self._held[run.run_id]
            return free

    def describe(self, run: HeldRun) -> str:
        """What holds the run, for people. Says less after the process that held it has ended."""
        reasons = self._reasons
        by = [
            f"{target} ({reasons[target]})" if reasons[target] else str(target)
            for target in run.targets
            if target in reasons
        ]
        return f"**Paused**: {', '.join(by) or f'{run.kind}, or queue {run.queue}'}. See `jobs paused`."


_known: dict[tuple[str, str], Pauses] = {}


def pauses_of(client: Client) -> Pauses:
    """What is paused in the client's namespace; the same object for all clients and workers of the process."""
    return _known.setdefault((client.service_client.config.target_host, client.namespace), Pauses())


async def wait_while_paused(pauses: Pauses) -> None:
    """Hold the run that calls this where its kind or queue is paused, until it is told to go on.

    Raises `asyncio.CancelledError` where the job is cancelled meanwhile.
    """
    info = workflow.info()
    run = HeldRun(info.workflow_id, info.run_id, kind_name(info.workflow_type), info.task_queue)
    # At a replay history alone decides: `patched` tells whether the run was held. At the first time this process's
    # knowledge does, and `patched`, which is true then, records it.
    if not ((workflow.unsafe.is_replaying() or pauses.hold(run)) and workflow.patched(HELD)):
        return
    told = False

    def resume() -> None:
        nonlocal told
        told = True

    workflow.set_signal_handler(RESUME, resume)
    workflow.set_current_details(pauses.describe(run))
    workflow.logger.info("Job waits: it is paused", extra={"action": "hold"})
    await workflow.wait_condition(lambda: told)
    workflow.patched(WENT_ON)
    workflow.set_current_details("")
    workflow.logger.info("Job goes on: it was paused", extra={"action": "resume"})
