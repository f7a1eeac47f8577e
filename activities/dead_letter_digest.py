"""The step that reminds people of dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from zoneinfo import ZoneInfo

from temporalio import activity

from domain.alerts import EXAMPLES, Alerts
from domain.dead_letter_alerts import reminder_of
from domain.dead_letter_digest import Reminded
from domain.dead_letters import DeadLetters, LetterFilter, LetterState
from domain.scheduling import ScheduledRun


class DeadLetterDigestActivities:
    """What a reminder does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {DeadLetters: 2, Alerts: EXAMPLES}
    """More than one call of a port in an attempt, for the check of time limits."""

    def __init__(self, letters: DeadLetters, alerts: Alerts) -> None:
        """Take the ports; nothing is built or read here."""
        self._letters = letters
        self._alerts = alerts

    @activity.defn(name="dead_letter_digest.remind")
    async def remind(self, run: ScheduledRun) -> Reminded:
        """Can run twice: a letter is told of once a day."""
        which = LetterFilter(states=frozenset({LetterState.open}))
        number = await self._letters.count(which)
        oldest = await self._letters.list(which, limit=EXAMPLES, oldest_first=True)
        zone = ZoneInfo(run.time_zone)
        for letter in oldest:
            # All of them about the same, so that one message tells of them.
            await self._alerts.add(reminder_of(letter, run.at.astimezone(zone).date(), number, oldest[0]))
        return Reminded(open=number)
