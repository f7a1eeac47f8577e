"""Courses of alerts, and of the kinds that look after dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from domain.alert import AlertRequest
from domain.alerts import AlertChannels, Alerts
from domain.dead_letter_digest import DeadLetterDigestRequest
from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.dead_letters import DeadLetterRepository
from domain.errors import ServiceUnavailable
from domain.policies import ALERT
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_alerts import FakeAlerts, FakeChannel, FakeChannels
from tests.fakes_dead_letters import FakeDeadLetterRepository, a_letter, dead_letter_ports
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


def _sweep(minute: int, *script: BaseException | None) -> Course:
    at = datetime(2026, 11, 24, 12, minute, tzinfo=UTC)
    return Course(DeadLetterSweepRequest(at=at), {**fake_ports(FakeOrders()), **dead_letter_ports(script)})


def _digest(day: int, open_letters: int) -> Course:
    letters = FakeDeadLetterRepository()
    letters.open = [a_letter(number=number) for number in range(1, open_letters + 1)]
    ports = {**fake_ports(FakeOrders()), DeadLetterRepository: letters}
    return Course(DeadLetterDigestRequest(at=datetime(2026, 11, day, 8, tzinfo=UTC)), ports)


COURSES = {
    "alert": dict(_alerts()),
    "dead-letter-digest": {
        "done": _digest(1, 7),
        "skipped-nothing-open": _digest(2, 0),
    },
    "dead-letter-sweep": {
        "done": _sweep(0),
        "done-at-the-second-attempt": _sweep(5, ServiceUnavailable("Temporal does not answer (UNAVAILABLE).")),
    },
}
