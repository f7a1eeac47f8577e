"""The activity by which a failing run records itself; every worker has it, whatever its kinds."""

from __future__ import annotations

from temporalio import activity

from domain.dead_letters import DeadLetterRepository, FailedRun

RECORD = "dead_letters.record"


class DeadLetterActivities:
    """Recording a failure, behind a port."""

    def __init__(self, letters: DeadLetterRepository | None) -> None:
        """None if a worker has no such port, as in a team's tests of its kinds."""
        self._letters = letters
        self._warned = False

    @activity.defn(name=RECORD)
    async def record(self, run: FailedRun) -> None:
        """Can run twice: a run has one dead letter."""
        if self._letters is not None:
            await self._letters.record(run)
        elif not self._warned:
            self._warned = True
            activity.logger.warning(
                "Failed jobs are not recorded: give the worker the port DeadLetterRepository",
                extra={"action": "dead-letter"},
            )
