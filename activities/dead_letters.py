"""The activity by which a failing run leaves a letter; every worker has it, whatever its kinds."""

from __future__ import annotations

from temporalio import activity

from domain.dead_letters import DeadLetters, DeadRun


class DeadLetterActivities:
    """What recording a failure does to the world, behind a port."""

    def __init__(self, letters: DeadLetters | None) -> None:
        """None where a worker has no such port: a team's tests of its kinds."""
        self._letters = letters
        self._said = False

    @activity.defn(name="dead_letters.record")
    async def record(self, run: DeadRun) -> None:
        """Can run twice: a run has one letter."""
        if self._letters is not None:
            await self._letters.record(run)
        elif not self._said:
            self._said = True
            activity.logger.warning(
                "Failed jobs are not recorded: give the worker the port DeadLetters",
                extra={"action": "dead-letter"},
            )
