"""Each rule of the database bites, whoever writes to it."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_CUSTOMER = {"name": "Ada", "email": "ada@example.com", "locale": "en_GB"}
_ORDER = {"currency": "EUR", "total": 100}
_ITEM = {"position": 1, "name": "Teapot", "quantity": 1, "unit_price": 100}


async def _insert(direct: asyncpg.Connection, table: str, values: dict[str, object]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await direct.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())  # noqa: S608  names of this file


async def _violated(direct: asyncpg.Connection, table: str, values: dict[str, object]) -> str | None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await _insert(direct, table, values)
    name: str | None = caught.value.constraint_name
    return name


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("ck_customers_id_positive", {"id": 0}),
        ("ck_customers_name_not_blank", {"name": ""}),
        ("ck_customers_name_not_blank", {"name": " \t\n "}),
        ("ck_customers_email_shape", {"email": "ada.example.com"}),
        ("ck_customers_email_shape", {"email": "@example.com"}),
        ("ck_customers_email_shape", {"email": "ada@"}),
        ("ck_customers_email_shape", {"email": ""}),
        ("ck_customers_email_shape", {"email": "ada@example.com\n"}),
        ("ck_customers_email_shape", {"email": "ada@example.com\r\nBcc:eve@example.com"}),
        ("ck_customers_email_shape", {"email": "ada lovelace@example.com"}),
        ("ck_customers_email_shape", {"email": "ada\x7f@example.com"}),
        ("ck_customers_locale_shape", {"locale": ""}),
        ("ck_customers_locale_shape", {"locale": "de-CH"}),
        ("ck_customers_locale_shape", {"locale": "German"}),
        ("ck_customers_locale_shape", {"locale": "de_CH\n"}),
    ],
)
async def test_a_customer_must_fit(direct: asyncpg.Connection, constraint: str, broken: dict[str, object]) -> None:
    assert await _violated(direct, "customers", _CUSTOMER | broken) == constraint


@pytest.mark.parametrize("locale", ["de", "de_CH", "zh_Hant_TW", "es_419", "fil", "en_US_POSIX", "sr_Latn"])
@pytest.mark.parametrize("email", [None, "o'brien+shop@example.com", "用户@例え.jp", "a@b"])
async def test_customers_of_all_countries_fit(direct: asyncpg.Connection, locale: str, email: str | None) -> None:
    await _insert(direct, "customers", {"name": "Zoë 周", "email": email, "locale": locale})


@pytest.fixture
async def customer_id(direct: asyncpg.Connection) -> int:
    id_: int = await direct.fetchval("INSERT INTO customers (name, locale) VALUES ('Ada', 'en') RETURNING id")
    return id_


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("ck_orders_id_positive", {"id": -1}),
        ("ck_orders_currency_shape", {"currency": "eur"}),
        ("ck_orders_currency_shape", {"currency": "EU"}),
        ("ck_orders_currency_shape", {"currency": "E1R"}),
        ("ck_orders_total_not_negative", {"total": -1}),
        ("fk_orders_customer_id_customers", {"customer_id": 2**62}),
    ],
)
async def test_an_order_must_fit(
    direct: asyncpg.Connection, customer_id: int, constraint: str, broken: dict[str, object]
) -> None:
    assert await _violated(direct, "orders", {"customer_id": customer_id, **_ORDER, **broken}) == constraint


@pytest.fixture
async def order_id(direct: asyncpg.Connection, customer_id: int) -> int:
    sql = "INSERT INTO orders (customer_id, currency, total) VALUES ($1, 'EUR', 100) RETURNING id"
    id_: int = await direct.fetchval(sql, customer_id)
    return id_


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("ck_order_items_position_from_one", {"position": 0}),
        ("ck_order_items_name_not_blank", {"name": "  "}),
        ("ck_order_items_quantity_positive", {"quantity": 0}),
        ("ck_order_items_unit_price_not_negative", {"unit_price": -1}),
        ("fk_order_items_order_id_orders", {"order_id": 2**62}),
    ],
)
async def test_an_item_must_fit(
    direct: asyncpg.Connection, order_id: int, constraint: str, broken: dict[str, object]
) -> None:
    assert await _violated(direct, "order_items", {"order_id": order_id, **_ITEM, **broken}) == constraint


async def test_a_position_of_an_order_is_taken_once(direct: asyncpg.Connection, order_id: int) -> None:
    await _insert(direct, "order_items", {"order_id": order_id, **_ITEM})
    assert await _violated(direct, "order_items", {"order_id": order_id, **_ITEM}) == "pk_order_items"


async def test_items_go_with_their_order_and_customers_stay_while_they_have_orders(
    direct: asyncpg.Connection, customer_id: int, order_id: int
) -> None:
    await _insert(direct, "order_items", {"order_id": order_id, **_ITEM})
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="fk_orders_customer_id_customers"):
        await direct.execute("DELETE FROM customers WHERE id = $1", customer_id)
    await direct.execute("DELETE FROM orders WHERE id = $1", order_id)
    assert await direct.fetchval("SELECT count(*) FROM order_items WHERE order_id = $1", order_id) == 0


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("ck_deliveries_key_length", {"key": ""}),
        ("ck_deliveries_key_length", {"key": "k" * 256}),
        ("ck_deliveries_claims_positive", {"claims": 0}),
        ("ck_deliveries_answer_when_delivered", {"answer": "250 ok"}),
        ("ck_deliveries_answer_when_delivered", {"delivered_at": _NOW}),
        ("ck_deliveries_answer_length", {"delivered_at": _NOW, "answer": "x" * 1001}),
    ],
)
async def test_a_delivery_must_fit(direct: asyncpg.Connection, constraint: str, broken: dict[str, object]) -> None:
    delivery = {"key": "order-confirmation/1", "claims": 1, "claimed_at": _NOW, **broken}
    assert await _violated(direct, "deliveries", delivery) == constraint


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("customers", "name"),
        ("customers", "locale"),
        ("orders", "customer_id"),
        ("orders", "currency"),
        ("orders", "total"),
        ("order_items", "name"),
        ("order_items", "quantity"),
        ("order_items", "unit_price"),
        ("deliveries", "claims"),
        ("deliveries", "claimed_at"),
    ],
)
async def test_what_is_needed_must_not_be_missing(direct: asyncpg.Connection, table: str, column: str) -> None:
    required = "SELECT is_nullable FROM information_schema.columns WHERE table_name = $1 AND column_name = $2"
    assert await direct.fetchval(required, table, column) == "NO"
