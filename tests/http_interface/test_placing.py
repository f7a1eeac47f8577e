"""Placing orders over HTTP: what is taken, what is refused, and what is in the database then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.settings import ApiSettings
from domain.placing import HIGHEST_PRICE, MOST_ITEMS, MOST_PIECES
from starter.api import make_app
from tests.http_interface.serving import CUSTOMER, ITEM, ORDER, PROBLEM, Served, client_of, serving, settings_of


async def test_an_order_on_an_invoice_is_placed_together_with_its_job(served: Served) -> None:
    placed = await served.place(gift_note="Für Dich\n♥", items=[ITEM, ITEM | {"name": "Saucer", "unit_price": 5}])
    assert placed.status_code == 202
    body = placed.json()
    assert placed.headers["location"] == body["links"]["self"] == "/orders/1"
    assert body == {
        "id": 1,
        "customer_id": 1,
        "currency": "EUR",
        "total": 6910,
        "payment": "later",
        "links": {"self": "/orders/1", "job": "/jobs/order-confirmation/1"},
    }
    entries = await served.run("SELECT kind, payload, job_id FROM outbox")
    assert entries == [("order-confirmation", {"order_id": 1}, "order-confirmation/1")]

    shown = (await served.http.get(placed.headers["location"])).json()
    assert shown.pop("placed_at").endswith("Z")
    assert shown == body | {
        "items": [ITEM, ITEM | {"name": "Saucer", "unit_price": 5}],
        "gift_note": "Für Dich\n♥",
        "paid_at": None,
        "confirmation_sent_at": None,
    }


async def test_behind_a_proxy_links_have_the_prefix_that_it_takes_off(served: Served, database: str) -> None:
    app = make_app(ApiSettings(), database=settings_of(database), client=served.temporal)
    async with serving(app, "/shop") as address, client_of(address, served.key) as http:
        placed = await http.post("/orders", json=ORDER)
        assert placed.headers["location"] == "/shop/orders/1"
        assert placed.json()["links"]["job"] == "/shop/jobs/order-confirmation/1"
        job = (await http.get("/jobs/order-confirmation/1")).json()
        assert job["links"]["self"] == "/shop/jobs/order-confirmation/1"
        assert (await http.put("/jobs/order-confirmation/1")).headers["allow"] == "DELETE, GET"


async def test_an_order_that_is_paid_online_gets_its_job_when_it_is_paid(served: Served) -> None:
    placed = (await served.place(payment="online")).json()
    assert placed["links"]["job"] is None
    assert await served.count("outbox") == 0
    await served.run("UPDATE orders SET paid_at = now()")
    shown = (await served.http.get("/orders/1")).json()
    assert (shown["payment"], shown["links"]["job"]) == ("online", "/jobs/order-confirmation/1")


async def test_a_new_customer_is_added_with_the_order(shared: Served) -> None:
    body = {**ORDER, "customer": {"name": "髙橋 さくら", "email": None, "locale": "ja_JP"}}
    del body["customer_id"]
    placed = (await shared.place(body)).json()
    added = await shared.run("SELECT name, email, locale FROM customers WHERE id = :id", id=placed["customer_id"])
    assert added == [("髙橋 さくら", None, "ja_JP")]


async def test_an_order_of_an_unknown_customer_leaves_nothing(served: Served) -> None:
    refused = await served.place(customer_id=2**63 - 1, key="a-key")
    assert (refused.status_code, refused.headers["content-type"]) == (422, PROBLEM)
    assert refused.json()["errors"][0]["pointer"] == "#/customer_id"
    assert [await served.count(table) for table in ("orders", "outbox", "idempotency_keys")] == [0, 0, 0]


async def test_the_largest_order_of_all_fits(shared: Served) -> None:
    item = {"name": "Ü" * 200, "quantity": MOST_PIECES, "unit_price": HIGHEST_PRICE}
    placed = await shared.place(items=[item] * MOST_ITEMS, gift_note="𝄞" * 1000)
    assert placed.json()["total"] == MOST_PIECES * HIGHEST_PRICE * MOST_ITEMS == 10**18


async def test_what_the_database_refuses_after_all_is_no_fault_of_the_server(served: Served) -> None:
    await served.run("ALTER TABLE orders ADD CONSTRAINT ck_orders_only_pounds CHECK (currency = 'GBP')")
    refused = await served.place()
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:durable-jobs:problem:invalid-request")
    assert "pounds" not in refused.text
    assert await served.count("order_items") == 0


@pytest.mark.parametrize(
    ("pointer", "change"),
    [
        ("#", {"customer": CUSTOMER}),
        ("#/customer_id", {"customer_id": 0}),
        ("#/customer_id", {"customer_id": "1"}),
        ("#/customer_id", {"customer_id": True}),
        ("#/currency", {"currency": "eur"}),
        ("#/items", {"items": []}),
        ("#/items", {"items": [ITEM] * (MOST_ITEMS + 1)}),
        ("#/items/0", {"items": ["Teapot"]}),
        ("#/items/1/name", {"items": [ITEM, ITEM | {"name": " \t"}]}),
        ("#/items/0/name", {"items": [ITEM | {"name": "\ud83d"}]}),
        ("#/items/0/quantity", {"items": [ITEM | {"quantity": MOST_PIECES + 1}]}),
        ("#/items/0/quantity", {"items": [ITEM | {"quantity": 1.5}]}),
        ("#/items/0/unit_price", {"items": [ITEM | {"unit_price": -1}]}),
        ("#/items/0/unit_price", {"items": [ITEM | {"unit_price": 10**400}]}),
        ("#/items/0/unit_price", {"items": [{"name": "Teapot", "quantity": 1}]}),
        ("#/gift_note", {"gift_note": "a" * 1001}),
        ("#/gift_note", {"gift_note": "\x1b[2J"}),
        ("#/payment", {"payment": "cash"}),
        ("#/total", {"total": 1}),
        ("#/a~1b~0%C3%BC%22", {'a/b~ü"': 1}),
        ("#", {"\udc00": 1}),
    ],
)
async def test_what_does_not_fit_is_told_by_its_place_and_not_by_its_value(
    shared: Served, pointer: str, change: dict[str, Any]
) -> None:
    # By hand, since httpx writes neither half of a surrogate pair nor what is not in Unicode.
    content = json.dumps(ORDER | change)
    refused = await shared.http.post("/orders", content=content, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.headers["content-type"]) == (422, PROBLEM)
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Ada\nBcc: eve@example.com"},
        {"email": "ada@example.com\r\nRCPT TO:<eve@example.com>"},
        {"email": "a" * 250 + "@b.de"},
        {"locale": "en-GB"},
    ],
)
async def test_a_customer_that_does_not_fit_is_not_repeated_in_the_answer(
    shared: Served, change: dict[str, str]
) -> None:
    body: dict[str, Any] = {**ORDER, "customer": CUSTOMER | change}
    del body["customer_id"]
    refused = await shared.place(body)
    [(field, value)] = change.items()
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["pointer"]) == (422, f"#/customer/{field}")
    assert not value or json.dumps(value)[1:-1] not in refused.text


async def test_whole_numbers_with_a_point_are_whole_numbers(shared: Served) -> None:
    content = json.dumps(ORDER | {"items": [ITEM | {"quantity": 3.0}]})
    placed = await shared.http.post("/orders", content=content, headers={"Content-Type": "application/json"})
    assert placed.json()["total"] == 3 * ITEM["unit_price"]  # type: ignore[operator]  # the item is of several types


@pytest.mark.parametrize("number", ["0", "01", "abc", "%00", "9223372036854775807", "9" * 30])
async def test_an_order_that_is_not_there_is_not_found(shared: Served, number: str) -> None:
    answer = await shared.http.get(f"/orders/{number}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
