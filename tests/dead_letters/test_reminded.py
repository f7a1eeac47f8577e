"""What people are reminded of, once a day, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment

from activities.dead_letter_digest import DeadLetterDigestActivities
from domain.alert_texts import message_of
from domain.alerts import EXAMPLES, Alert, AlertKind, Gathered
from domain.dead_letter_digest import Reminded
from domain.scheduling import ScheduledRun
from tests.fakes_alerts import FakeAlerts
from tests.fakes_dead_letters import FakeDeadLetters, a_letter

_RUN = ScheduledRun(
    name="dead-letter-digest", at=datetime(2026, 11, 24, 23, 30, tzinfo=UTC), time_zone="Europe/Zurich", run="d/1"
)


async def _remind(letters: FakeDeadLetters, alerts: FakeAlerts) -> Reminded:
    step = DeadLetterDigestActivities(letters, alerts)  # type: ignore[arg-type]  # a part of the port
    return await ActivityEnvironment().run(step.remind, _RUN)


def _told(alerts: FakeAlerts) -> tuple[Alert, ...]:
    return tuple(alert for alert in alerts.alerts if alert.kind is AlertKind.dead_letter_digest)


async def test_people_are_reminded_of_the_oldest_letters_in_one_message_with_links_and_commands() -> None:
    letters, alerts = FakeDeadLetters(), FakeAlerts()
    letters.open = [a_letter(number=number) for number in range(1, 20)]
    assert await _remind(letters, alerts) == Reminded(open=19)
    assert await _remind(letters, alerts) == Reminded(open=19)
    told = _told(alerts)
    # By the shop's day, not UTC's; the table takes each key once.
    assert [alert.key for alert in dict.fromkeys(told)] == [
        f"2026-11-25/run-{number}" for number in range(1, EXAMPLES + 1)
    ]
    (about,) = {alert.about for alert in told}
    gathered = Gathered(kind=AlertKind.dead_letter_digest, about=about, count=5, examples=told[:EXAMPLES])
    message = message_of(gathered, reference="alert/1", first=1, web_ui="http://ui", namespace="default")
    assert message.title == "Jobs still need a person: 19 of them, the oldest since 2026-01-02 03:04 UTC"
    assert "http://ui/namespaces/default/workflows/order-confirmation%2F1/run-1" in message.text
    assert "python -m starter dead redrive order-confirmation/1\n" in message.text


async def test_nobody_is_told_of_nothing() -> None:
    alerts = FakeAlerts()
    assert await _remind(FakeDeadLetters(), alerts) == Reminded(open=0)
    assert _told(alerts) == ()
