"""What operators read when they are alerted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.alert import NEVER_ALERTED, AlertRequest
from domain.alert_texts import WORDINGS, message_of
from domain.alerts import EXAMPLES, Alert, AlertKind, AlertMessage, Gathered

BEGAN = datetime(2026, 11, 24, 13, 1, 12, tzinfo=UTC)


def an_alert(number: int = 1, **more: str) -> Alert:
    job = f"payment-callback/evt_{number}"
    values = {"kind": AlertKind.payment_event_reused, "key": f"evt_{number}/ab", "job_id": job}
    return Alert.model_validate(values | more)


def message(*examples: Alert, count: int = 1, about: str = "", lasted: timedelta = timedelta()) -> AlertMessage:
    gathered = Gathered(
        kind=examples[0].kind, about=about, count=count, began_at=BEGAN, ended_at=BEGAN + lasted, examples=examples
    )
    return message_of(gathered, reference="alert/x/17", first=17, web_ui="http://ui:8233", namespace="shop 1")


@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_of_alert_says_what_happened_and_what_to_do(kind: AlertKind) -> None:
    one, many = message(an_alert(kind=kind)), message(an_alert(kind=kind), count=12)

    # A digest names the oldest alone: how many there are stands in what it is about.
    assert ("12" in many.title) != (kind is AlertKind.dead_letter_digest)
    assert "12" not in one.title
    for part in (WORDINGS[kind].happened, WORDINGS[kind].todo):
        assert part in one.text
        assert part in many.text
    assert not any("{" in text for text in (one.title, many.title, many.text))


def test_alerts_name_their_runs_and_the_command_that_helps_and_many_a_few_of_them() -> None:
    text = message(an_alert(), an_alert(2, run_id="01a2"), count=2, lasted=timedelta(seconds=61)).text
    assert "From 2026-11-24 13:01:12 UTC to 2026-11-24 13:02:13 UTC." in text
    assert "  http://ui:8233/namespaces/shop%201/workflows/payment-callback%2Fevt_1\n" in text
    assert "  python -m starter status payment-callback/evt_1\n" in text
    assert "  http://ui:8233/namespaces/shop%201/workflows/payment-callback%2Fevt_2/01a2\n" in text
    assert "more" not in text
    assert text.endswith("Message alert/x/17")

    many = message(*(an_alert(number) for number in range(EXAMPLES)), count=100, about="order-confirmation/RateLimited")
    assert many.title == "100 payment events came again and say something else: order-confirmation/RateLimited"
    assert many.text.count("\n- ") == EXAMPLES
    assert "and 95 more: SELECT key, job_id FROM alerts WHERE told_with = 17\n" in many.text

    odd = message(an_alert(key="evt\x1b[2J", job_id="a/$(reboot)\x07")).text
    assert not {"\x1b", "\x07"} & set(odd)
    assert "python -m starter status 'a/$(reboot)?'" in odd


def test_the_job_that_sends_alerts_raises_none() -> None:
    assert AlertRequest(alert="dead-letter", first=1).kind in NEVER_ALERTED
