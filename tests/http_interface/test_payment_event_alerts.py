"""A payment event that comes again and says something else alerts people, whatever becomes of the alert."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from domain.alerts import Alert
from starter.http import payment_callbacks
from tests.callback_signing import SECRET, body_of, signed
from tests.fakes_alerts import FakeAlerts
from tests.http_interface.serving import PROBLEM, Served, nowhere, serve
from tests.http_interface.test_payment_callbacks import PATH, callbacks_by


@pytest.fixture
async def shop(database: str) -> AsyncIterator[Served]:
    """It has taken the event `evt_1`."""
    async with serve(database, await nowhere(), callbacks=callbacks_by("standard", SECRET)) as served:
        assert await answer(served, amount=1250) == 202
        yield served


async def answer(shop: Served, amount: int) -> int:
    """Status of the answer to the event `evt_1` that tells of this amount."""
    callback = signed("standard", body_of("standard", amount=amount))
    answered = await shop.http.post(PATH, content=callback.body, headers=callback.raw_headers)
    assert answered.status_code == 202 or answered.headers["content-type"] == PROBLEM
    return answered.status_code


async def test_each_other_content_of_an_event_is_alerted_once(shop: Served) -> None:
    assert [await answer(shop, amount) for amount in (1, 1, 2, 1, 1250)] == [409, 409, 409, 409, 202]
    assert await asyncio.gather(*(answer(shop, 3) for _ in range(20))) == [409] * 20

    alerts = await shop.run("SELECT id, kind, split_part(key, '/', 1), job_id, leads FROM alerts ORDER BY id")
    first = alerts[0].id
    assert [tuple(alert)[1:] for alert in alerts] == [
        ("payment-event-reused", "evt_1", "payment-callback/evt_1", leads) for leads in (True, False, False)
    ]
    jobs = await shop.run("SELECT payload, extract(epoch FROM start_delay) FROM outbox WHERE kind = 'alert'")
    assert jobs == [({"alert": "payment-event-reused", "first": first}, 60)]


async def test_the_provider_is_answered_also_where_the_alert_fails_and_it_is_made_good_later(
    shop: Served, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.run("ALTER TABLE alerts RENAME TO mislaid")
    assert await answer(shop, 1) == 409
    assert "Nobody is alerted of payment event evt_1 until it comes again" in caplog.text

    await shop.run("ALTER TABLE mislaid RENAME TO alerts")
    assert await answer(shop, 1) == 409
    assert await shop.count("alerts") == 1


@pytest.mark.parametrize("hangs", [False, True])
async def test_the_provider_is_answered_whatever_alerting_does(
    shop: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, hangs: bool
) -> None:
    class Unforeseen(FakeAlerts):
        async def add(self, alert: Alert) -> bool:
            if hangs:
                await asyncio.Event().wait()
            raise RuntimeError(alert.key)

    monkeypatch.setattr(payment_callbacks, "_ALERT_LIMIT", 0.05)
    shop.replace(alerts=Unforeseen())

    assert await answer(shop, 1) == 409
    assert [record.levelno for record in caplog.records if "Nobody is alerted" in record.getMessage()] == [
        logging.ERROR
    ]
