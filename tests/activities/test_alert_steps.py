"""The step that tells people of alerts, with fakes behind the ports."""

from __future__ import annotations

import logging

import pytest
from temporalio.testing import ActivityEnvironment

from activities.alert import AlertActivities
from domain.alert import AlertRequest, Told
from domain.errors import OutcomeUnknown, ServiceUnavailable
from tests.fakes import FakeLedger
from tests.fakes_alerts import FakeAlerts, FakeChannel, FakeChannels, an_alert

REQUEST = AlertRequest(alert="payment-event-reused", first=17)


async def tell(alerts: FakeAlerts, ledger: FakeLedger, *channels: FakeChannel) -> Told:
    steps = AlertActivities(alerts, ledger, FakeChannels(*channels))
    told: Told = await ActivityEnvironment().run(steps.tell, REQUEST)
    return told


async def test_every_channel_is_told_once_however_often_the_step_runs() -> None:
    alerts, ledger, channels = (
        FakeAlerts(an_alert("a"), an_alert("b")),
        FakeLedger(),
        [FakeChannel("x"), FakeChannel("y")],
    )

    for _ in range(2):
        assert await tell(alerts, ledger, *channels) == Told(state="told", alerts=2)

    assert [channel.attempts for channel in channels] == [1, 1]
    assert channels[0].taken[0].reference == "alert/payment-event-reused/17"


async def test_a_channel_that_fails_holds_no_other_up_and_is_told_alone_the_next_time() -> None:
    alerts, ledger = FakeAlerts(), FakeLedger()
    down, up = FakeChannel("down", [ServiceUnavailable("503"), OutcomeUnknown()]), FakeChannel("up")

    with pytest.raises(ServiceUnavailable):
        await tell(alerts, ledger, down, up)
    with pytest.raises(OutcomeUnknown):
        await tell(alerts, ledger, down, up)
    assert alerts.told_of == {}
    assert (await tell(alerts, ledger, down, up)).state == "told"

    assert (down.attempts, len(down.taken), up.attempts) == (3, 1, 1)
    assert alerts.told_of == {17: 1}


async def test_without_a_channel_the_alert_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    alerts = FakeAlerts(an_alert("evt_1/a"), an_alert("evt_2/b"))

    assert await tell(alerts, FakeLedger()) == Told(state="no-channel", alerts=2)

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "ALERT_URLS" in record.getMessage()
    assert record.__dict__["alert"] == "payment-event-reused"
    assert record.__dict__["examples"] == ["evt_1/a", "evt_2/b"]
    assert alerts.told_of == {}, "nobody was told"


async def test_what_others_have_told_or_nobody_has_raised_is_not_told() -> None:
    channel = FakeChannel()

    assert (await tell(FakeAlerts(others=True), FakeLedger(), channel)).state == "told-with-others"
    assert (await tell(FakeAlerts(gone=True), FakeLedger(), channel)).state == "alert-not-found"
    assert channel.attempts == 0
