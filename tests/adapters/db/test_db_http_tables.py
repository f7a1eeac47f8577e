"""The rules of the tables behind the HTTP interface bite, whoever writes to them."""

from __future__ import annotations

import asyncpg
import pytest

_KEY: dict[str, object] = {"id": "0123456789ab", "name": "storefront", "hash": bytes(32)}
_ANSWER: dict[str, object] = {
    "client": "storefront",
    "key": "a",
    "request_hash": bytes(32),
    "status": 202,
    "body": "{}",
}


async def _violated(direct: asyncpg.Connection, table: str, values: dict[str, object]) -> str | None:
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await direct.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())  # noqa: S608  # names of this file
    name: str | None = caught.value.constraint_name
    return name


@pytest.mark.parametrize(
    ("constraint", "table", "broken"),
    [
        ("ck_api_keys_id_shape", "api_keys", {"id": "0123456789AB"}),
        ("ck_api_keys_name_shape", "api_keys", {"name": " "}),
        ("ck_api_keys_name_shape", "api_keys", {"name": "n" * 101}),
        ("ck_api_keys_hash_sha256", "api_keys", {"hash": b"short"}),
        ("ck_idempotency_keys_key_length", "idempotency_keys", {"key": ""}),
        ("ck_idempotency_keys_key_length", "idempotency_keys", {"key": "k" * 256}),
        ("ck_idempotency_keys_request_hash_sha256", "idempotency_keys", {"request_hash": b"short"}),
        ("ck_idempotency_keys_body_with_status", "idempotency_keys", {"body": None}),
    ],
)
async def test_a_key_must_fit(
    direct: asyncpg.Connection, constraint: str, table: str, broken: dict[str, object]
) -> None:
    row = _KEY if table == "api_keys" else _ANSWER
    assert await _violated(direct, table, row | broken) == constraint


async def test_an_order_is_paid_later_unless_it_says_otherwise(direct: asyncpg.Connection) -> None:
    customer = await direct.fetchval("INSERT INTO customers (name, locale) VALUES ('Ada', 'en') RETURNING id")
    insert = "INSERT INTO orders (customer_id, currency, total) VALUES ($1, 'EUR', 1) RETURNING payment"
    assert await direct.fetchval(insert, customer) == "later"
    order = {"customer_id": customer, "currency": "EUR", "total": 1, "payment": "cash"}
    assert await _violated(direct, "orders", order) == "ck_orders_payment_known"
