"""Payment callbacks over HTTP: each event is kept once together with its job, and nobody else gets in."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from adapters.settings import ApiSettings, PaymentCallbackSettings
from domain.alerts import Alert
from starter.api import make_app
from starter.http import payment_callbacks
from tests.callback_signing import ANOTHER_SECRET, SECRET, Callback, Scheme, body_of, secret_of, signed
from tests.fakes_alerts import FakeAlerts
from tests.http_interface.door import door
from tests.http_interface.serving import PROBLEM, Served, nowhere, serve, serving, settings_of

PATH = "/webhooks/payments"
NEW_SECRET = secret_of(b"the new one of the same provider")


def callbacks_by(scheme: Scheme, *secrets: str) -> PaymentCallbackSettings:
    told = {"scheme": scheme, "secrets": SecretStr(",".join(secrets)) if secrets else None}
    return PaymentCallbackSettings.model_validate(told)


@asynccontextmanager
async def serving_by(database: str, scheme: Scheme, *secrets: str) -> AsyncIterator[Served]:
    """A server on an empty database, with Temporal away. It takes callbacks without a key."""
    async with serve(database, await nowhere(), callbacks=callbacks_by(scheme, *secrets)) as served:
        del served.http.headers["Authorization"]
        yield served


@pytest.fixture(params=["standard", "stripe"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    chosen: Scheme = request.param
    return chosen


@pytest.fixture
async def shop(database: str, scheme: Scheme) -> AsyncIterator[Served]:
    async with serving_by(database, scheme, SECRET, NEW_SECRET) as served:
        yield served


@pytest.fixture
async def standard_shop(database: str) -> AsyncIterator[Served]:
    async with serving_by(database, "standard", SECRET) as served:
        yield served


async def send(shop: Served, callback: Callback) -> httpx.Response:
    return await shop.http.post(PATH, content=callback.body, headers=callback.raw_headers)


async def kept(shop: Served) -> tuple[int, int]:
    """How many events, and how many of their jobs in the outbox."""
    [jobs] = await shop.run("SELECT count(*) FROM outbox WHERE kind = 'payment-callback'")
    return await shop.count("payment_events"), jobs[0]


async def assert_refused(shop: Served, callback: Callback, status: int = 401) -> None:
    answer = await send(shop, callback)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    if status == 401:
        assert answer.headers["www-authenticate"] == "Webhook-Signature"


async def test_an_event_is_kept_in_one_transaction_with_its_job_also_while_temporal_is_away(
    shop: Served, scheme: Scheme
) -> None:
    answer = await send(shop, signed(scheme))
    assert (answer.status_code, answer.content) == (202, b"")
    [row] = await shop.run(
        "SELECT payment_events.id, payment_events.payment_id, outbox.kind, outbox.job_id, outbox.payload, "
        "payment_events.xmin = outbox.xmin FROM payment_events, outbox"
    )
    payload = {"event_id": "evt_1", "payment_id": "pi_1"}
    assert tuple(row) == ("evt_1", "pi_1", "payment-callback", "payment-callback/evt_1", payload, True)


async def test_the_same_event_again_changes_nothing_for_ever(shop: Served, scheme: Scheme) -> None:
    body = body_of(scheme)
    assert (await send(shop, signed(scheme, body))).status_code == 202
    await shop.run("DELETE FROM outbox")  # as a relay does
    again = [
        signed(scheme, body, ago=60),
        signed(scheme, body, secret=NEW_SECRET),
        signed(scheme, json.dumps(dict(reversed(body.items())), indent=2)),
    ]
    if scheme == "stripe":
        again.append(signed(scheme, body | {"pending_webhooks": 1}))
    for callback in again:
        assert (await send(shop, callback)).status_code == 202
    assert await kept(shop) == (1, 0)


async def test_the_same_event_many_times_at_once_is_one_event(shop: Served, scheme: Scheme) -> None:
    callback = signed(scheme)
    answers = await asyncio.gather(*(send(shop, callback) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert await kept(shop) == (1, 1)


async def test_an_id_that_comes_again_with_another_body_is_a_conflict_and_an_error_in_the_log(
    shop: Served, scheme: Scheme, caplog: pytest.LogCaptureFixture
) -> None:
    await send(shop, signed(scheme))
    before = await shop.run("SELECT * FROM payment_events")
    for body in (
        body_of(scheme, payment_id="pi_2"),
        body_of(scheme, amount=1),
        body_of(scheme, kind="customer.created"),
    ):
        caplog.clear()
        await assert_refused(shop, signed(scheme, body), 409)
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert "evt_1" in record.getMessage()
        assert record.__dict__["event_id"] == "evt_1"
    assert await shop.run("SELECT * FROM payment_events") == before
    assert await kept(shop) == (1, 1)
    assert (await send(shop, signed(scheme))).status_code == 202


async def test_an_event_of_a_type_that_nothing_is_done_about_is_kept_without_a_job(
    shop: Served, scheme: Scheme
) -> None:
    assert (await send(shop, signed(scheme, body_of(scheme, kind="customer.created")))).status_code == 202
    assert await shop.run("SELECT type, payment_id FROM payment_events") == [("customer.created", None)]
    assert await kept(shop) == (1, 0)


async def test_who_has_no_secret_gets_nothing_in(
    shop: Served, scheme: Scheme, caplog: pytest.LogCaptureFixture
) -> None:
    good = signed(scheme)
    refused = [
        Callback({}, good.body),
        Callback({"authorization": f"Bearer {shop.key}"}, good.body),
        signed(scheme, secret=ANOTHER_SECRET),
        signed(scheme, ago=6 * 60),
        Callback(good.headers, good.body + b" "),
        signed("stripe" if scheme == "standard" else "standard"),
    ]
    for callback in refused:
        await assert_refused(shop, callback)
    assert {record.levelno for record in caplog.records if "callback" in record.getMessage()} == {logging.WARNING}
    assert await kept(shop) == (0, 0)


async def test_what_is_signed_and_cannot_be_read_is_an_error_in_the_log(
    shop: Served, scheme: Scheme, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("", "null", "[" * 60_000, "{}", json.dumps(body_of(scheme, payment_id="a/b")), r'{"type": "\ud800"}'):
        caplog.clear()
        await assert_refused(shop, signed(scheme, text), 400)
        assert logging.ERROR in {record.levelno for record in caplog.records}
    assert await kept(shop) == (0, 0)


async def test_while_postgresql_is_away_the_provider_is_told_to_send_it_again(database: str) -> None:
    async with door(database, is_open=False) as way:
        app = make_app(
            ApiSettings(),
            database=settings_of(way.url),
            callbacks=callbacks_by("standard", SECRET),
            client=await nowhere(),
        )
        async with serving(app) as address, httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as http:

            async def post() -> httpx.Response:
                callback = signed("standard")
                return await http.post(PATH, content=callback.body, headers=callback.raw_headers)

            for _ in range(2):
                answer = await post()
                assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
                assert int(answer.headers["retry-after"]) > 0
                # Whose it is is known without PostgreSQL.
                assert (await http.post(PATH, content=b"{}")).status_code == 401
                await way.open()
                assert (await post()).status_code == 202
                way.shut()


async def test_without_a_secret_nobody_gets_in_and_the_provider_is_told_to_come_again(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving_by(database, "standard") as shop:
        for callback in (signed("standard"), Callback({}, b"{}")):
            answer = await send(shop, callback)
            assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
            assert int(answer.headers["retry-after"]) > 0
        assert await kept(shop) == (0, 0)
    assert "PAYMENT_CALLBACK_SECRETS" in caplog.text


async def test_secrets_that_cannot_be_keep_the_server_from_starting_and_are_not_repeated(
    monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv("PAYMENT_CALLBACK_SECRETS", "whsec_s3cret!")
    app = make_app(ApiSettings(), database=settings_of(database), client=await nowhere())
    with pytest.raises(RuntimeError, match="PAYMENT_CALLBACK_SECRETS") as caught:
        async with app.router.lifespan_context(app):
            pass
    assert "s3cret" not in str(caught.value)


async def test_each_other_content_of_an_event_is_alerted_once_also_if_the_first_alert_failed(
    standard_shop: Served, caplog: pytest.LogCaptureFixture
) -> None:
    shop = standard_shop

    async def status(amount: int) -> int:
        return (await send(shop, signed("standard", body_of("standard", amount=amount)))).status_code

    assert await status(1250) == 202
    await shop.run("ALTER TABLE alerts RENAME TO mislaid")
    assert await status(1) == 409
    assert "Nobody is alerted of payment event evt_1 until it comes again" in caplog.text
    await shop.run("ALTER TABLE mislaid RENAME TO alerts")
    assert [await status(amount) for amount in (1, 1, 2, 1, 1250)] == [409, 409, 409, 409, 202]
    assert await asyncio.gather(*(status(3) for _ in range(20))) == [409] * 20

    alerts = await shop.run("SELECT id, kind, split_part(key, '/', 1), job_id, leads FROM alerts ORDER BY id")
    first = alerts[0].id
    assert [tuple(alert)[1:] for alert in alerts] == [
        ("payment-event-reused", "evt_1", "payment-callback/evt_1", leads) for leads in (True, False, False)
    ]
    jobs = await shop.run("SELECT payload, extract(epoch FROM start_delay) FROM outbox WHERE kind = 'alert'")
    assert jobs == [({"alert": "payment-event-reused", "first": first}, 60)]


@pytest.mark.parametrize("hangs", [False, True])
async def test_the_provider_is_answered_whatever_alerting_does(
    standard_shop: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, hangs: bool
) -> None:
    class Unforeseen(FakeAlerts):
        async def add(self, alert: Alert) -> bool:
            if hangs:
                await asyncio.Event().wait()
            raise RuntimeError(alert.key)

    monkeypatch.setattr(payment_callbacks, "_ALERT_LIMIT", 0.05)
    standard_shop.replace(alerts=Unforeseen())
    answers = [await send(standard_shop, signed("standard", body_of("standard", amount=amount))) for amount in (2, 1)]
    assert [answer.status_code for answer in answers] == [202, 409]
    assert [record.levelno for record in caplog.records if "Nobody is alerted" in record.getMessage()] == [
        logging.ERROR
    ]
