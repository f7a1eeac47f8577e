"""The step that reminds operators of dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from zoneinfo import ZoneInfo

from temporalio import activity

from domain.alerts import EXAMPLES, Alerts
from domain.dead_letter_digest import Reminded, reminder_of
from domain.dead_letters import DeadLetterFilter, DeadLetterRepository, DeadLetterState
from domain.scheduling import ScheduledRun


class DeadLetterDigestActivities:
    """What a reminder does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {DeadLetterRepository: 2, Alerts: EXAMPLES}
    """More than one call of a port in an attempt, for the check of time limits."""

    def __init__(self, letters: DeadLetterRepository, alerts: Alerts) -> None:
        self._letters = letters
        self._alerts = alerts

    @activity.defn(name="dead_letter_digest.remind")
    async def remind(self, run: ScheduledRun) -> Reminded:
        """Can run twice: each dead letter is alerted once a day."""
        which = DeadLetterFilter(states=frozenset({DeadLetterState.open}))
        number = await self._letters.count(which)
        oldest = await self._letters.list(which, limit=EXAMPLES, oldest_first=True)
        zone = ZoneInfo(run.time_zone)
        for letter in oldest:
            # All of them about the same, so that they share one message.
            await self._alerts.add(reminder_of(letter, run.at.astimezone(zone).date(), number, oldest[0]))
        return Reminded(open=number)
