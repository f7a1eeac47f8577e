"""People are told of alerts on the whole stack: once, many together, by each channel, also after failures."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.alert import AlertActivities
from adapters.alerts.channels import Channels
from adapters.db.alerts import SqlAlerts
from adapters.db.deliveries import SqlDeliveryLedger
from adapters.job_settings import AlertSettings, SecretUrls
from demo.inbox.reader import InboxReader
from demo.ports import free_port
from domain.alert import AlertRequest
from domain.outcomes import Done, Outcome, Skipped
from domain.policies import ALERT
from starter import JobNotFound, Jobs
from tests.alert_receiver import AlertReceiver
from tests.alerts.conftest import Serving
from tests.fakes_alerts import an_alert
from tests.fakes_dead_letters import FakeDeadRuns
from tests.integration.test_private_history import dumped
from tests.payments.shop import becomes

Idle = Callable[[], Awaitable[list[Outcome]]]


@pytest.fixture
def idle(engine: AsyncEngine, client: Client) -> Idle:
    """How the jobs of all alerts so far end, in their order."""

    async def idle() -> list[Outcome]:
        async with engine.connect() as connection:
            leading = (await connection.execute(text("SELECT id FROM alerts WHERE leads ORDER BY id"))).scalars().all()
        jobs, ended = Jobs(client), []
        async with asyncio.timeout(60):
            for first in leading:
                while True:
                    try:
                        ended.append(await jobs.of(f"alert/payment-event-reused/{first}").result())
                        break
                    except JobNotFound:
                        await asyncio.sleep(0.02)  # the relay has still to start it
        return ended

    return idle


async def test_a_hundred_alerts_at_once_are_one_mail_and_raised_again_none(
    alerts: SqlAlerts, serving: Serving, mailto: str, inbox: InboxReader, idle: Idle, web_ui: str, client: Client
) -> None:
    raised = [an_alert(f"evt_{number}/ab") for number in range(100)]
    assert all(await asyncio.gather(*map(alerts.add, raised)))

    async with serving(mailto):
        ended = await idle()
        assert not any(await asyncio.gather(*map(alerts.add, raised)))
        assert await idle() == ended

    [mail] = await inbox.mails()
    opened = await inbox.open(mail.id)
    assert mail.subject == "100 payment events came again and say something else"
    assert opened.text is not None
    assert len(re.findall(r"^- evt_\d+/ab", opened.text, re.MULTILINE)) == 5
    assert "and 95 more: " in opened.text
    assert f"{web_ui}/namespaces/{client.namespace}/workflows/payment-callback%2Fevt_1" in opened.text
    assert "python -m starter status payment-callback/evt_1" in opened.text
    # Those that were raised in the same moment may lead several jobs, of which one gathers.
    [_] = [outcome for outcome in ended if outcome != Skipped(reason="told-with-others")]


async def test_an_alert_that_is_raised_while_a_message_is_on_its_way_has_one_of_its_own(
    alerts: SqlAlerts, serving: Serving, receiver: AlertReceiver, idle: Idle
) -> None:
    receiver.answering.clear()
    async with serving(receiver.url):
        await alerts.add(an_alert("evt_1/ab"))
        assert await asyncio.to_thread(receiver.reached.wait, 30)
        await alerts.add(an_alert("evt_2/ab"))
        receiver.answering.set()
        await idle()

    assert Counter(re.findall(r"evt_\d/ab", " ".join(got.message for got in receiver.received))) == {
        "evt_1/ab": 1,
        "evt_2/ab": 1,
    }
    assert len({got.key for got in receiver.received}) == 2


async def test_while_one_channel_is_down_the_other_is_told_once_and_the_first_when_it_is_back(
    alerts: SqlAlerts,
    serving: Serving,
    receiver: AlertReceiver,
    mailto: str,
    inbox: InboxReader,
    idle: Idle,
    client: Client,
) -> None:
    receiver.codes = [503, 503, 401, 503]
    async with serving(receiver.url, mailto):
        await alerts.add(an_alert())
        [ended] = await idle()

    assert isinstance(ended, Done)
    assert (receiver.attempts, len(receiver.received)) == (5, 1)
    assert len(await inbox.mails()) == 1
    history = await dumped(client, "alert/payment-event-reused/1")
    assert "did not take the message (it says 401)" in history or "(it says 503)" in history
    assert "kept-secret" not in history
    assert "example.com" not in history


async def test_a_channel_that_stays_down_fails_the_job_and_its_restart_tells_that_channel_alone(
    alerts: SqlAlerts, serving: Serving, receiver: AlertReceiver, mailto: str, inbox: InboxReader, client: Client
) -> None:
    receiver.codes = [503]
    async with serving(receiver.url, mailto, wait=ALERT.deadline.total_seconds()):
        await alerts.add(an_alert())
        await becomes(lambda: _state(client), "failed")
        job = await Jobs(client).start(AlertRequest(alert="payment-event-reused", first=1), restart=True)
        assert isinstance(await job.result(), Done)

    assert (receiver.attempts, len(receiver.received)) == (2, 1)
    assert len(await inbox.mails()) == 1


async def _state(client: Client) -> str | None:
    try:
        return (await Jobs(client).of("alert/payment-event-reused/1").status()).state
    except JobNotFound:
        return None


async def test_a_worker_that_ends_between_sending_and_its_record_doubles_one_message_under_its_reference(
    alerts: SqlAlerts, engine: AsyncEngine, receiver: AlertReceiver
) -> None:
    """The second channel was not reached by then: it is told once."""

    class Halting(SqlDeliveryLedger):
        async def record(self, key: str, answer: str) -> None:  # noqa: ARG002  # the port's
            await asyncio.Event().wait()

    with AlertReceiver() as second:
        away = f"json://127.0.0.1:{free_port()}"
        channels = Channels(AlertSettings(urls=SecretUrls(f"{receiver.url},{away}")), web_ui="http://ui")
        await alerts.add(an_alert())
        request = AlertRequest(alert="payment-event-reused", first=1)
        steps = AlertActivities(alerts, Halting(engine), channels, FakeDeadRuns())
        killed = asyncio.create_task(ActivityEnvironment().run(steps.tell, request))
        await becomes(lambda: _received(receiver), 1)
        killed.cancel()
        await asyncio.wait([killed])

        channels = Channels(AlertSettings(urls=SecretUrls(f"{receiver.url},{second.url}")), web_ui="http://ui")
        steps = AlertActivities(alerts, SqlDeliveryLedger(engine), channels, FakeDeadRuns())
        for _ in range(2):
            await ActivityEnvironment().run(steps.tell, request)

    assert [got.key for got in receiver.received] == ["alert/payment-event-reused/1"] * 2
    assert len(second.received) == 1


async def _received(receiver: AlertReceiver) -> int:
    return len(receiver.received)
