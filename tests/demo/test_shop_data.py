"""The shop's data set holds what it promises, and is loaded once."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from email.headerregistry import Address

from babel import Locale
from babel.core import get_global
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.orders import SqlOrders
from demo.data.catalogue import CURRENCIES, REGIONS
from demo.data.shop import CORRECTED_ADDRESS, DELIVERED, REFUSED, customers, order, orders, personal_values
from demo.inbox.smtp import behaviours
from demo.set_up import load

SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "HANGUL", "THAI", "DEVANAGARI")


def test_each_run_makes_the_same_orders() -> None:
    script = "import hashlib; from demo.data.shop import *; print(hashlib.sha256(repr(orders()).encode()).hexdigest())"

    runs = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}

    assert len(runs) == 1
    assert len({order.id for order in orders()}) == 400
    assert len({customer.id for customer in customers()}) == 300


def test_names_are_written_in_many_scripts_and_every_locale_has_orders() -> None:
    names = [customer.name for customer in customers()]

    for script in SCRIPTS:
        assert any(unicodedata.name(letter, "").startswith(script) for name in names for letter in name), script
    for region in REGIONS:
        assert Locale.parse(region.locale).territory == region.locale[-2:]
    assert {order.customer.locale for order in orders()} == {region.locale for region in REGIONS}


def test_amounts_have_no_two_and_three_decimals_and_add_up() -> None:
    fractions = get_global("currency_fractions")

    for code, money in CURRENCIES.items():
        # CLDR rounds some to whole units in daily use; ISO 4217 keeps two digits, as payment providers do.
        assert money.decimals == fractions.get(code, fractions["DEFAULT"])[0], code
    assert {CURRENCIES[order.currency].decimals for order in orders()} == {0, 2, 3}
    assert {min(lines := [len(order.items) for order in orders()]), max(lines)} == {1, 60}
    assert all(order.total == sum(item.quantity * item.unit_price for item in order.items) for order in orders())


def test_the_personal_values_are_all_names_addresses_and_notes() -> None:
    values = personal_values()

    for placed in orders():
        assert placed.customer.name in values
        assert placed.customer.email is None or placed.customer.email in values
        assert placed.gift_note is None or placed.gift_note in values
    assert any("<b>" in (placed.gift_note or "") for placed in orders())
    assert any("{{" in (placed.gift_note or "") for placed in orders())


def test_all_addresses_are_for_examples_and_only_those_of_the_tour_misbehave() -> None:
    addresses = [customer.email for customer in customers() if customer.email]

    assert len(set(addresses)) == len(addresses) == 299
    domains = {Address(addr_spec=address).domain for address in addresses if address.isascii()}
    assert domains == {"example.com", "example.org", "example.net", "mail.test"}
    assert {order.id for order in orders() if behaviours(order.customer.email or "")} == {1043, REFUSED}
    assert behaviours(CORRECTED_ADDRESS) == []


async def test_loading_twice_adds_the_orders_once_and_keeps_what_has_changed(engine: AsyncEngine) -> None:
    first = await load(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE customers SET email = :new WHERE id = 3"), {"new": CORRECTED_ADDRESS})
    second = await load(engine)

    changed = await SqlOrders(engine).get(REFUSED)
    assert (first, second) == (400, 0)
    assert await SqlOrders(engine).get(DELIVERED) == order(DELIVERED)
    assert changed is not None
    assert changed.customer.email == CORRECTED_ADDRESS
