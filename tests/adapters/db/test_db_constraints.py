"""Each rule of the tables holds, whoever writes to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_FAR = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
_NONE = 2**62
"""Id of no row."""

_FITTING: dict[str, dict[str, object]] = {
    "customers": {"name": "Ada", "email": "ada@example.com", "locale": "en_GB"},
    "orders": {"customer_id": 1, "currency": "EUR", "total": 100},
    "order_items": {"order_id": 1, "position": 1, "name": "Teapot", "quantity": 1, "unit_price": 100},
    "deliveries": {"key": "order-confirmation/1", "claims": 1, "claimed_at": _NOW},
    "outbox": {"kind": "order-confirmation", "payload": "{}"},
    "api_keys": {"id": "0123456789ab", "name": "storefront", "hash": bytes(32)},
    "idempotency_keys": {"client": "shop", "key": "a", "request_hash": bytes(32), "status": 202, "body": "{}"},
    "scheduled_periods": {"schedule": "monthly-reports", "period": "2026-10", "run": "one", "held_until": _NOW},
    "sessions": {"id": "abc", "customer_id": 1, "expires_at": _NOW},
    "scheduled_emails": {"customer_id": 1, "subject": "Your week", "text": "Hello", "due_at": _NOW},
}
_BROKEN: dict[str, dict[str, list[dict[str, object]]]] = {
    "customers": {
        "id_positive": [{"id": 0}],
        "name_not_blank": [{"name": ""}, {"name": " \t\n "}],
        "email_shape": [
            {"email": email}
            for email in (
                *("", "ada.example.com", "@example.com", "ada@", "a da@example.com"),
                *("ada@example.com\n", "a@example.com\r\nBcc:e@example.com", "a\x7f@b"),
            )
        ],
        "locale_shape": [{"locale": locale} for locale in ("", "de-CH", "German", "de_CH\n")],
    },
    "orders": {
        "id_positive": [{"id": -1}],
        "currency_shape": [{"currency": currency} for currency in ("eur", "EU", "E1R")],
        "total_not_negative": [{"total": -1}],
        "payment_known": [{"payment": "cash"}],
        "fk_orders_customer_id_customers": [{"customer_id": _NONE}],
    },
    "order_items": {
        "pk_order_items": [{}],
        "position_from_one": [{"position": 0}],
        "name_not_blank": [{"name": "  "}],
        "quantity_positive": [{"quantity": 0}],
        "unit_price_not_negative": [{"unit_price": -1}],
        "fk_order_items_order_id_orders": [{"order_id": _NONE}],
    },
    "deliveries": {
        "key_length": [{"key": ""}, {"key": "k" * 256}],
        "claims_positive": [{"claims": 0}],
        "answer_when_delivered": [{"answer": "250 ok"}, {"delivered_at": _NOW}],
        "answer_length": [{"delivered_at": _NOW, "answer": "x" * 1001}],
    },
    "outbox": {
        "kind_shape": [{"kind": "OrderConfirmation"}, {"kind": "k" * 101}],
        "payload_object": [{"payload": "[]"}],
        "payload_size": [{"payload": json.dumps({"a": "x" * 70_000})}],
        "payload_depth": [{"payload": '{"a": ' + "[" * 2000 + "]" * 2000 + "}"}],
        "payload_numbers": [{"payload": f'{{"a": [{sign}{"9" * 4301}]}}'} for sign in ("", "-")],
        "enqueued_at_range": [{"enqueued_at": at} for at in _FAR],
        "job_id_length": [{"job_id": ""}],
        "one_start_time": [{"start_at": _NOW, "start_delay": timedelta(1)}],
        "start_at_range": [{"start_at": at} for at in _FAR],
        "start_delay_range": [{"start_delay": timedelta(seconds=-1)}, {"start_delay": timedelta(days=36_501)}],
        "priority_range": [{"priority": 0}, {"priority": 6}],
        "fairness_key_length": [{"fairness_key": ""}, {"fairness_key": "é" * 33}],
    },
    "api_keys": {
        "id_shape": [{"id": "0123456789AB"}],
        "name_shape": [{"name": " "}, {"name": "n" * 101}],
        "hash_sha256": [{"hash": b"short"}],
    },
    "idempotency_keys": {
        "key_length": [{"key": ""}, {"key": "k" * 256}],
        "request_hash_sha256": [{"request_hash": b"short"}],
        "body_with_status": [{"body": None}],
    },
    "scheduled_periods": {
        "pk_scheduled_periods": [{}],
        "schedule_length": [{"schedule": ""}],
        "period_length": [{"period": "2026-10" * 10}],
        "run_length": [{"run": "r" * 1101}],
        "result_when_done": [{"done_at": _NOW}, {"result": "removed 7"}],
        "result_length": [{"done_at": _NOW, "result": "r" * 1001}],
    },
    "sessions": {
        "pk_sessions": [{}],
        "id_length": [{"id": ""}],
        "fk_sessions_customer_id_customers": [{"id": "x", "customer_id": _NONE}],
    },
    "scheduled_emails": {
        "id_positive": [{"id": 0}],
        "subject_shape": [{"subject": " \n"}, {"subject": "x" * 201}],
        "text_shape": [{"text": "\t"}, {"text": "x" * 100_001}],
        "sent_was_queued": [{"sent_at": _NOW}],
        "fk_scheduled_emails_customer_id_customers": [{"customer_id": _NONE}],
    },
}
_REQUIRED = {
    *(("customers", "name"), ("customers", "locale"), ("orders", "customer_id"), ("orders", "currency")),
    *(("orders", "total"), ("order_items", "name"), ("order_items", "quantity"), ("order_items", "unit_price")),
    *(("deliveries", "claims"), ("deliveries", "claimed_at")),
}


async def _insert(direct: asyncpg.Connection, table: str, values: dict[str, object]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await direct.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())  # noqa: S608  names of this file


@pytest.fixture
async def rows(direct: asyncpg.Connection) -> None:
    """One fitting row in each table."""
    await direct.execute(f"TRUNCATE {', '.join(_FITTING)} RESTART IDENTITY CASCADE")
    for table, row in _FITTING.items():
        await _insert(direct, table, row)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("table", _FITTING)
async def test_a_row_must_fit(direct: asyncpg.Connection, table: str) -> None:
    for constraint, cases in _BROKEN[table].items():
        name = constraint if constraint.startswith(("pk_", "fk_")) else f"ck_{table}_{constraint}"
        for broken in cases:
            with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
                await _insert(direct, table, _FITTING[table] | broken)
            assert caught.value.constraint_name == name, broken


@pytest.mark.usefixtures("rows")
async def test_customers_of_all_countries_fit(direct: asyncpg.Connection) -> None:
    for locale in ("de", "de_CH", "zh_Hant_TW", "es_419", "fil", "en_US_POSIX", "sr_Latn"):
        for email in (None, "o'brien+shop@example.com", "用户@例え.jp", "a@b"):
            await _insert(direct, "customers", {"name": "Zoë 周", "email": email, "locale": locale})


@pytest.mark.usefixtures("rows")
async def test_items_go_with_their_order_and_customers_stay_while_they_have_orders(direct: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="fk_orders_customer_id_customers"):
        await direct.execute("DELETE FROM customers")
    assert await direct.fetchval("SELECT payment FROM orders") == "later"
    await direct.execute("DELETE FROM orders")
    assert await direct.fetchval("SELECT count(*) FROM order_items") == 0


async def test_required_columns_must_not_be_missing(direct: asyncpg.Connection) -> None:
    found = await direct.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE is_nullable = 'NO'"
    )
    assert {tuple(row) for row in found} >= _REQUIRED
