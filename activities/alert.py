"""The step that tells people of alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.alert import AlertRequest, Told
from domain.alert_texts import message_of
from domain.alerts import AlertChannel, AlertChannels, AlertMessage, Alerts
from domain.delivery import record
from domain.ports import DeliveryLedger


class AlertActivities:
    """What telling people does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {Alerts: 2, DeliveryLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits. All channels are told at once."""

    def __init__(self, alerts: Alerts, ledger: DeliveryLedger, channels: AlertChannels) -> None:
        """Take the ports; nothing is built or read here."""
        self._alerts = alerts
        self._ledger = ledger
        self._channels = channels

    @activity.defn(name="alert.tell")
    async def tell(self, request: AlertRequest) -> Told:
        """Can run twice: what the message tells of is settled once, and the ledger knows which channels have taken it.

        A channel that fails holds no other one up; the step then fails, and is tried again for that channel alone.
        """
        gathered = await self._alerts.gather(request.alert, request.first)
        if gathered is None:
            return Told(state="alert-not-found")
        if gathered.count == 0:
            return Told(state="told-with-others")
        if not self._channels.all:
            activity.logger.error(
                "Nobody is told of alerts: set ALERT_URLS",
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

    async def _send(self, channel: AlertChannel, message: AlertMessage) -> None:
        key = f"{message.reference}/{channel.name}"
        if await self._ledger.claim(key):
            await record(self._ledger, key, await channel.send(message))
