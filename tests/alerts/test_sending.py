"""Alerts on the whole stack: a relay and a worker in this process, real channels, a database of the test's own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.alert import AlertActivities
from adapters.alerts import AppriseChannels
from adapters.db.alerts import SqlAlerts
from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.outbox_relay import SqlOutbox
from adapters.job_settings import AlertSettings, SecretUrls
from adapters.settings import DatabaseSettings
from demo.inbox.reader import InboxReader
from demo.ports import LOOPBACK, free_port
from demo.stack import Stack
from domain.alert import AlertRequest
from domain.alerts import AlertChannels, Alerts
from domain.dead_letter_sweep import FailedRuns
from domain.outcomes import Done, Outcome, Skipped
from domain.ports import DeliveryLedger
from starter import JobNotFound, Jobs
from starter.relay import Relay
from tests.alert_receiver import AlertReceiver
from tests.fakes_alerts import an_alert
from tests.fakes_dead_letters import FakeFailedRuns
from tests.integration.test_private_history import dumped
from workflows.hosting import job_worker
from workflows.registry import registry


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@dataclass(frozen=True)
class Desk:
    """Raises alerts and sends them."""

    client: Client
    engine: AsyncEngine
    database: DatabaseSettings
    alerts: SqlAlerts
    web_ui: str

    def channels(self, *urls: str) -> AppriseChannels:
        return AppriseChannels(AlertSettings(urls=SecretUrls(",".join(urls)), timeout=5), web_ui=self.web_ui)

    @asynccontextmanager
    async def sending(self, *urls: str) -> AsyncIterator[None]:
        """A relay and a worker."""
        channels = self.channels(*urls)
        ports: dict[type, object] = {
            Alerts: self.alerts,
            DeliveryLedger: SqlDeliveryLedger(self.engine),
            AlertChannels: channels,
            FailedRuns: FakeFailedRuns(),
        }
        outbox = SqlOutbox(self.engine, self.database)
        relay = Relay(outbox, self.client, registry, queues=["alerts"], patience=timedelta())
        async with job_worker(
            self.client, "alerts", registry, ports, draw=lambda _low, _high: 0.05, drain=timedelta(seconds=1)
        ):
            relaying = asyncio.create_task(relay.run())
            try:
                yield
            finally:
                await relay.stop()
                await asyncio.wait_for(relaying, 30)
                channels.close()

    async def outcomes(self) -> list[Outcome]:
        """How the jobs of all alerts so far end, in their order."""
        async with self.engine.connect() as connection:
            leading = list(await connection.scalars(text("SELECT id FROM alerts WHERE leads ORDER BY id")))
        ended: list[Outcome] = []
        async with asyncio.timeout(60):
            while len(ended) < len(leading):
                try:
                    job = Jobs(self.client).of(f"alert/payment-event-reused/{leading[len(ended)]}")
                    ended.append(await job.result())
                except JobNotFound:
                    await asyncio.sleep(0.02)  # the relay has still to start it
        return ended


@pytest.fixture
def desk(client: Client, engine: AsyncEngine, database: str, web_ui: str) -> Desk:
    settings = DatabaseSettings(url=SecretStr(database))
    return Desk(client, engine, settings, SqlAlerts(engine, window=timedelta()), web_ui)


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver() as receiver:
        yield receiver


@pytest.fixture
def mailto(stack: Stack) -> str:
    return f"mailto://{LOOPBACK}:{stack.ports.smtp}?from=alerts@shop.example.com&to=ops@example.com"


async def test_a_hundred_alerts_at_once_are_one_mail_and_raised_again_none(
    desk: Desk, mailto: str, inbox: InboxReader
) -> None:
    alerts = [an_alert(f"evt_{number}/ab") for number in range(100)]
    assert all(await asyncio.gather(*map(desk.alerts.add, alerts)))

    async with desk.sending(mailto):
        ended = await desk.outcomes()
        assert not any(await asyncio.gather(*map(desk.alerts.add, alerts)))
        assert await desk.outcomes() == ended

    [mail] = await inbox.mails()
    opened = await inbox.open(mail.id)
    assert mail.subject == "100 payment events came again and say something else"
    assert opened.text is not None
    assert len(re.findall(r"^- evt_\d+/ab", opened.text, re.MULTILINE)) == 5
    assert "and 95 more: " in opened.text
    assert f"{desk.web_ui}/namespaces/{desk.client.namespace}/workflows/payment-callback%2Fevt_1" in opened.text
    assert "python -m starter status payment-callback/evt_1" in opened.text
    # Alerts that are raised at the same moment may lead several jobs, of which one gathers.
    [_] = [outcome for outcome in ended if outcome != Skipped(reason="told-with-others")]


async def test_while_one_channel_is_down_the_other_gets_the_message_once_and_the_first_when_it_is_back(
    desk: Desk, receiver: AlertReceiver, mailto: str, inbox: InboxReader
) -> None:
    receiver.codes = [503, 401]
    async with desk.sending(receiver.url, mailto):
        await desk.alerts.add(an_alert())
        [ended] = await desk.outcomes()

    assert isinstance(ended, Done)
    assert (receiver.attempts, len(receiver.received)) == (3, 1)
    assert len(await inbox.mails()) == 1
    history = await dumped(desk.client, "alert/payment-event-reused/1")
    assert "did not take the message (it says 401)" in history or "(it says 503)" in history
    assert "kept-secret" not in history
    assert "example.com" not in history


async def test_a_worker_that_ends_between_sending_and_its_record_doubles_one_message_under_its_reference(
    desk: Desk, receiver: AlertReceiver
) -> None:
    """The second channel was not reached by then: it gets the message once."""
    sent = asyncio.Event()

    class Halting(SqlDeliveryLedger):
        async def record(self, key: str, answer: str) -> None:  # noqa: ARG002  # the port's
            sent.set()
            await asyncio.Event().wait()

    request = AlertRequest(alert="payment-event-reused", first=1)

    def tell(ledger: DeliveryLedger, second_url: str) -> asyncio.Task[object]:
        steps = AlertActivities(desk.alerts, ledger, desk.channels(receiver.url, second_url), FakeFailedRuns())
        return asyncio.create_task(ActivityEnvironment().run(steps.tell, request))

    await desk.alerts.add(an_alert())
    killed = tell(Halting(desk.engine), f"json://127.0.0.1:{free_port()}")
    async with asyncio.timeout(30):
        await sent.wait()
    killed.cancel()
    await asyncio.wait([killed])
    with AlertReceiver() as second:
        for _ in range(2):
            await tell(SqlDeliveryLedger(desk.engine), second.url)
        assert len(second.received) == 1

    assert [got.key for got in receiver.received] == ["alert/payment-event-reused/1"] * 2
