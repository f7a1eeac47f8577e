"""Ordinary classes behind the ports of alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from domain.alerts import Alert, AlertChannel, AlertKind, AlertMessage, Gathered


def an_alert(key: str = "evt_1/ab", *, about: str = "") -> Alert:
    return Alert(kind=AlertKind.payment_event_reused, key=key, about=about, job_id="payment-callback/evt_1")


class FakeAlerts:
    """Holds these alerts (of None: none), which one message gathers; `others` have told of them, or they are `gone`."""

    def __init__(self, *alerts: Alert | None, others: bool = False, gone: bool = False) -> None:
        self.alerts: tuple[Alert, ...] = tuple(alert for alert in alerts or (an_alert(),) if alert)
        self.others = others
        self.gone = gone
        self.told_of: Counter[int] = Counter()

    async def add(self, alert: Alert) -> bool:
        new = alert not in self.alerts
        self.alerts = (*self.alerts, alert)
        return new

    async def gather(self, kind: str, first: int) -> Gathered | None:  # noqa: ARG002  # the port's
        if self.gone:
            return None
        moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        count = 0 if self.others else len(self.alerts)
        return Gathered(
            kind=AlertKind(kind), about="", count=count, began_at=moment, ended_at=moment, examples=self.alerts[:5]
        )

    async def told(self, first: int) -> None:
        self.told_of[first] += 1


class FakeChannel:
    """Takes every message, unless told what to raise at each attempt."""

    def __init__(self, name: str = "json-1", script: Sequence[BaseException | None] = ()) -> None:
        self.name = name
        self.script = list(script)
        self.attempts = 0
        self.taken: list[AlertMessage] = []

    async def send(self, message: AlertMessage) -> str:
        self.attempts += 1
        step = self.script.pop(0) if self.script else None
        if step is not None:
            raise step
        self.taken.append(message)
        return "accepted"


class FakeChannels:
    web_ui = "http://127.0.0.1:8233"

    def __init__(self, *channels: AlertChannel) -> None:
        self.all: Sequence[AlertChannel] = channels
