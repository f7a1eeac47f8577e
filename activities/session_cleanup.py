"""The step of a cleanup of sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.periods import day_of
from domain.scheduling import PeriodLedger, ScheduledRun, turn_at
from domain.session_cleanup import Cleaned, Sessions

BATCH = 2_000
"""Sessions that are removed in one transaction: it lasts some milliseconds, and whoever wants one of them waits so."""


class SessionCleanupActivities:
    """What a cleanup of sessions does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {PeriodLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits. It goes from batch to batch, and one
    that is stopped between two of them has lost nothing."""

    def __init__(self, sessions: Sessions, periods: PeriodLedger) -> None:
        self._sessions = sessions
        self._periods = periods

    @activity.defn(name="session_cleanup.clean")
    async def clean(self, run: ScheduledRun) -> Cleaned:
        """Can run twice: what was removed stays so, and a later attempt goes on where the one before came to.

        The count goes on too, from what that one last told; what it removed after that is not in it.
        """
        async with turn_at(self._periods, run, day_of(run.at, run.time_zone).text) as turn:
            if (ended := turn.nothing_to_do(Cleaned)) is not None:
                return ended
            told = activity.info().heartbeat_details
            removed = int(told[0]) if told else 0
            while (batch := await self._sessions.remove_expired(BATCH)) > 0:
                removed += batch
                activity.heartbeat(removed)
                await turn.hold()
            cleaned = Cleaned(removed=removed)
            await turn.done(cleaned)
        activity.logger.info("Expired sessions were removed", extra={"action": "cleaned", "removed": removed})
        return cleaned
