"""The step that sends alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.alert import AlertRequest, Told
from domain.alert_texts import message_of
from domain.alerts import AlertChannel, AlertChannels, AlertKind, AlertMessage, Alerts, Gathered
from domain.dead_letter_sweep import FailedRuns, RunState
from domain.delivery import record
from domain.errors import TransientError
from domain.ports import DeliveryLedger


class AlertActivities:
    """What sending alerts does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {Alerts: 2, DeliveryLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits. All channels are sent to at once."""

    def __init__(self, alerts: Alerts, ledger: DeliveryLedger, channels: AlertChannels, runs: FailedRuns) -> None:
        self._alerts = alerts
        self._ledger = ledger
        self._channels = channels
        self._runs = runs

    @activity.defn(name="alert.tell")
    async def tell(self, request: AlertRequest) -> Told:
        """Can run twice: the message's alerts are fixed by the first run, and the ledger knows which channels took it.

        A channel that fails does not delay the others; the step then fails, and is retried for that channel only.
        """
        gathered = await self._alerts.gather(request.alert, request.first)
        if gathered is None:
            return Told(state="alert-not-found")
        if gathered.count == 0:
            return Told(state="told-with-others")
        gathered = await self._still_so(gathered)
        if gathered.count == 0:
            return Told(state="runs-went-on")
        if not self._channels.all:
            activity.logger.error(
                "No alert channel is configured: set ALERT_URLS",
                extra={
                    "action": "alert",
                    "alert": gathered.kind.value,
                    "about": gathered.about,
                    "count": gathered.count,
                    "examples": [alert.key for alert in gathered.examples],
                },
            )
            return Told(state="no-channel", alerts=gathered.count)

        message = message_of(
            gathered,
            reference=request.workflow_id,
            first=request.first,
            web_ui=self._channels.web_ui,
            namespace=activity.info().workflow_namespace or "",
        )
        sending = (self._send(channel, message) for channel in self._channels.all)
        failed = [result for result in await asyncio.gather(*sending, return_exceptions=True) if result is not None]
        if failed:
            raise failed[0]
        await self._alerts.told(request.first)
        return Told(state="told", alerts=gathered.count)

    async def _still_so(self, gathered: Gathered) -> Gathered:
        """Leave out runs that have ended well: their worker was killed after it had recorded the failure.

        Another worker did the same task then, and succeeded. If the message does not name all alerts, all are kept.
        """
        if gathered.kind is not AlertKind.dead_letter or gathered.count > len(gathered.examples):
            return gathered
        try:
            latest = await self._runs.latest({alert.job_id for alert in gathered.examples if alert.job_id})
        except TransientError:
            return gathered  # an alert too many is better than one too few
        well = {run.run_id for run in latest.values() if run.state is RunState.well}
        still = tuple(alert for alert in gathered.examples if alert.run_id not in well)
        return gathered.model_copy(update={"count": len(still), "examples": still})

    async def _send(self, channel: AlertChannel, message: AlertMessage) -> None:
        key = f"{message.reference}/{channel.name}"
        if await self._ledger.claim(key):
            await record(self._ledger, key, await channel.send(message))
