"""The step of a dispatch of scheduled mails."""

from __future__ import annotations

import asyncio

from temporalio import activity

from domain.scheduled_email_dispatch import Dispatched, DueEmails
from domain.scheduling import ScheduledRun

BATCH = 100
"""Mails that are taken in one transaction."""
MOST_WAITING = 500
"""Jobs of mails that are enqueued and not started yet. What else is enqueued meanwhile has to wait for no more than
these: a second or two, however many mails are due."""
_PAUSE = 0.1
"""Seconds until it is looked again whether there are fewer."""


class ScheduledEmailDispatchActivities:
    """What a dispatch does to the world, behind ports."""

    def __init__(self, emails: DueEmails) -> None:
        self._emails = emails

    @activity.defn(name="scheduled_email_dispatch.dispatch")
    async def dispatch(self, run: ScheduledRun) -> Dispatched:
        """Can run twice: a mail is marked as queued in the transaction that enqueues its job.

        What is due counts, and not the moment that the run is for: one that comes late, or a backfill, takes what is
        still to be queued, which may be nothing. The count goes on from what an attempt before told last.
        """
        told = activity.info().heartbeat_details
        queued = int(told[0]) if told else 0
        while (batch := await self._emails.queue(BATCH)) > 0:
            queued += batch
            activity.heartbeat(queued)
            while await self._emails.waiting() > MOST_WAITING - BATCH:  # noqa: ASYNC110  # a relay takes them, elsewhere
                await asyncio.sleep(_PAUSE)
        activity.logger.info(
            "Scheduled mails that are due were enqueued",
            extra={"action": "dispatched", "queued": queued, "scheduled_for": run.at.isoformat()},
        )
        return Dispatched(queued=queued)
