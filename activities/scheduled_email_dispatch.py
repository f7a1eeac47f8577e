"""The step of a dispatch of scheduled mails."""

from __future__ import annotations

from temporalio import activity

from domain.scheduled_email_dispatch import Dispatched, DueEmails
from domain.scheduling import ScheduledRun

BATCH = 100
"""Mails that are taken in one transaction."""


class ScheduledEmailDispatchActivities:
    """What a dispatch does to the world, behind ports."""

    def __init__(self, emails: DueEmails) -> None:
        """Take the ports; nothing is built or read here."""
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
        activity.logger.info(
            "Scheduled mails that are due were enqueued",
            extra={"action": "dispatched", "queued": queued, "scheduled_for": run.at.isoformat()},
        )
        return Dispatched(queued=queued)
