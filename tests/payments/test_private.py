"""No card data, no payer and no secret goes further than the call of the provider: everything we keep is searched."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import asyncpg
import pytest

from demo.payments.provider import API_KEY, WEBHOOK_SECRET
from domain.payment_callback import PaymentCallbackRequest
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.payments import PaymentState
from tests.integration.test_private_history import dumped
from tests.payment_provider import PAYER as PROVIDERS_PAYER
from tests.payment_provider import HeldPayment
from tests.payments.shop import Shop, becomes
from tests.worker.worker_process import WorkerProcess

pytestmark = pytest.mark.long

S = PaymentState

CARD = {
    "brand": "visa",
    # Four digits would be found by chance.
    "last4": "four-two-four-two",
    "fingerprint": "Xt5EWLLDS7FJjR1c",
    "number": "4000056655665556",
}
PAYER = {
    "name": "Erika Kartenhalter",
    "email": "erika.kartenhalter@example.org",
    "address": {"line1": "Prägegasse 12b", "postal_code": "1040", "city": "Wien"},
}
SECRETS = (API_KEY, WEBHOOK_SECRET.removeprefix("whsec_"), "_secret_for_the_browser")
PRIVATE = (
    *(CARD["last4"], CARD["fingerprint"], CARD["number"]),
    *(PAYER["name"], PAYER["email"], "Prägegasse"),
    *(PROVIDERS_PAYER["name"], PROVIDERS_PAYER["email"]),
    *SECRETS,
)
CUSTOMERS = ("Ada Lovelace", "@example.com", "With love from Charles")
"""Of our own customers: in the database and in their mails, and nowhere else."""


def private_values_in(text: str, *, customers: bool = True) -> set[str]:
    """Those that a text holds, as they are or in JSON's manner."""
    private = (*PRIVATE, *(CUSTOMERS if customers else ()))
    return {str(value) for value in private if str(value) in text or json.dumps(value)[1:-1] in text}


def told_with_all(held: HeldPayment, **changed: object) -> dict[str, Any]:
    """An answer that tells of a payment all that the provider knows."""
    told = held.intent()
    told["last_payment_error"] = told["last_payment_error"] and {
        "message": f"{PAYER['name']}'s card {CARD['number']} was declined.",
        "payment_method": {"card": CARD, "billing_details": PAYER},
    }
    told["shipping"] = PAYER
    told["payment_method"] = {"id": "pm_1", "card": CARD, "billing_details": PROVIDERS_PAYER}
    told["next_action"] = {"key": API_KEY, "secret": WEBHOOK_SECRET}
    if told["latest_charge"]:
        told["latest_charge"] |= {"payment_method_details": {"card": CARD}, "billing_details": PAYER}
    body = json.dumps(told | changed)
    assert private_values_in(body) >= {CARD["number"], PAYER["name"], *SECRETS}
    return {"kind": "answer", "status": 200, "body": body}


def said(status: int) -> dict[str, Any]:
    """An answer that refuses, and quotes what it can."""
    text = f"{PAYER['name']}, {CARD['number']}, {API_KEY}, {WEBHOOK_SECRET}"
    body = json.dumps({"error": {"type": "card_error", "code": text, "message": text}})
    return {"kind": "answer", "status": status, "headers": {"Retry-After": "600"}, "body": body}


async def test_neither_history_nor_logs_metrics_database_or_mails_hold_card_data_or_secrets(
    shop: Shop, environment: dict[str, str], database: str
) -> None:
    async def hears_of(
        state: PaymentState = S.captured, answer: dict[str, Any] | None = None, **changed: object
    ) -> PaymentCallbackRequest:
        payment = await shop.payment(await shop.order(), state)
        (held,) = [held for held in await shop.provider.payments() if held.id == payment]
        rule = {"payment_id": payment, "path": "/v1/payment_intents", "times": None}
        await shop.provider.misbehave(**rule | (answer or told_with_all(held, **changed)))
        return await shop.hears(payment)

    worker = await WorkerProcess.start(environment | {"WORKER_LOG_LEVEL": "DEBUG"})
    try:
        done = [await hears_of(state) for state in S]
        refused = [await hears_of(amount_received=7), await hears_of(metadata=PAYER)]
        refused += [await hears_of(answer=said(status)) for status in (400, 404)]
        waiting = [await hears_of(status=str(CARD)), await hears_of(amount=str(PAYER))]
        waiting += [await hears_of(answer=said(status)) for status in (429, 500)]
        waiting += [await hears_of(answer={"kind": "cut-midway"})]
        for callback in done:
            await shop.ends(callback)
        for callback in refused:
            await shop.fails(callback)
        for callback in waiting:
            await becomes(partial(shop.waits, callback))
        reconciliation = PaymentReconciliationRequest(at=datetime.now(UTC))
        await shop.jobs.start(reconciliation)
        await shop.fails(reconciliation)
        histories = {job: await dumped(shop.client, job) for job in await shop.job_ids()}
        metrics = (await worker.get("/metrics")).text
        log = json.dumps(worker.lines, ensure_ascii=False)
    finally:
        await worker.end()
    mails = [(await shop.inbox.open(mail.id)).source for mail in await shop.inbox.mails()]

    callbacks = {callback.workflow_id for callback in (*done, *refused, *waiting)}
    assert callbacks | {reconciliation.workflow_id} <= set(histories)
    assert {job: found for job, history in histories.items() if (found := private_values_in(history))} == {}
    assert all(callback.event_id in log for callback in (*done, *refused, *waiting))
    assert private_values_in(log + worker.errors) == set()
    assert 'kind="payment-callback"' in metrics
    assert private_values_in(metrics) == set()
    assert private_values_in(await all_rows(database), customers=False) == set()
    assert len(mails) >= 5
    assert private_values_in("".join(mails), customers=False) == set()


async def all_rows(database: str) -> str:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(database)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [
            str(row[0])
            for (table,) in tables
            for row in await connection.fetch(f'SELECT kept::text FROM "{table}" AS kept')  # noqa: S608  # our own name
        ]
    finally:
        await connection.close()
    assert any("order" in row for row in rows)
    return "\n".join(rows)
