"""Courses of alerts."""

from __future__ import annotations

from collections.abc import Iterator

from domain.alert import AlertRequest
from domain.alerts import AlertChannels, Alerts
from domain.errors import ServiceUnavailable
from domain.policies import ALERT
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_alerts import FakeAlerts, FakeChannel, FakeChannels
from tests.histories.courses.course import Course


def _alerts() -> Iterator[tuple[str, Course]]:
    down = ServiceUnavailable("The alert channel json-1 did not take the message (it says 503).")
    courses = {
        "done-at-once": (FakeAlerts(), [FakeChannel()]),
        "done-at-the-second-attempt": (FakeAlerts(), [FakeChannel(script=[down])]),
        "failed-at-the-last-attempt": (FakeAlerts(), [FakeChannel(script=[down] * ALERT.max_attempts)]),
        "skipped-told-with-others": (FakeAlerts(others=True), [FakeChannel()]),
        "skipped-no-channel": (FakeAlerts(), []),
        "skipped-not-found": (FakeAlerts(gone=True), [FakeChannel()]),
    }
    for first, (name, (alerts, channels)) in enumerate(courses.items(), start=1):
        ports = fake_ports(FakeOrders()) | {Alerts: alerts, AlertChannels: FakeChannels(*channels)}
        yield name, Course(AlertRequest(alert="payment-event-reused", first=first), ports)


COURSES = {"alert": dict(_alerts())}
