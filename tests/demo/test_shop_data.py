"""The shop's data set holds what it promises, and is loaded once."""

import subprocess
import sys
import unicodedata
from collections import Counter
from email.headerregistry import Address

import asyncpg
import pytest
from babel import Locale
from babel.core import get_global
from pydantic import SecretStr

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.settings import DatabaseSettings
from demo.data.people import REGIONS
from demo.data.products import CURRENCIES
from demo.data.shop import TOUR, customers, order, orders, personal_values
from demo.inbox.behaviour import behaviours
from demo.load import load

SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "HANGUL", "THAI", "DEVANAGARI")


def test_there_are_hundreds_of_customers_and_orders() -> None:
    assert len(customers()) == 300
    assert len(orders()) == 400
    assert len({customer.id for customer in customers()}) == 300
    assert len({order.id for order in orders()}) == 400


def test_each_run_makes_the_same_set() -> None:
    script = "import hashlib; from demo.data.shop import *; print(hashlib.sha256(repr(orders()).encode()).hexdigest())"

    runs = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}

    assert len(runs) == 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_names_are_written_in_many_scripts(script: str) -> None:
    names = [customer.name for customer in customers()]

    assert sum(any(unicodedata.name(letter, "").startswith(script) for letter in name) for name in names) >= 2


def test_currencies_have_no_two_and_three_decimals_as_the_standard_says() -> None:
    fractions = get_global("currency_fractions")

    for code, money in CURRENCIES.items():
        # CLDR rounds some to whole units in daily use; ISO 4217 keeps two digits, as payment providers do.
        assert money.decimals == fractions.get(code, fractions["DEFAULT"])[0], code
    assert {CURRENCIES[order.currency].decimals for order in orders()} == {0, 2, 3}


def test_every_locale_is_known_and_has_orders() -> None:
    for region in REGIONS:
        assert Locale.parse(region.locale).territory == region.locale[-2:]
    assert {order.customer.locale for order in orders()} == {region.locale for region in REGIONS}


def test_orders_have_from_one_to_sixty_lines_that_add_up() -> None:
    assert {min(lines := [len(order.items) for order in orders()]), max(lines)} == {1, 60}
    assert all(order.total == sum(item.quantity * item.unit_price for item in order.items) for order in orders())


def test_some_gift_notes_hold_markup() -> None:
    notes = Counter(order.gift_note for order in orders())

    assert any("<b>" in note for note in notes if note)
    assert any("{{" in note for note in notes if note)
    assert 200 < notes[None] < 400


def test_all_addresses_are_in_domains_reserved_for_examples() -> None:
    addresses = [customer.email for customer in customers() if customer.email]

    assert len(set(addresses)) == len(addresses) == 299
    assert {Address(addr_spec=address).domain for address in addresses if address.isascii()} == {
        "example.com",
        "example.org",
        "example.net",
        "mail.test",
    }


def test_the_orders_of_the_tour_are_what_they_are_called() -> None:
    def misbehaviour(order_id: int) -> list[tuple[int, int | None]]:
        return [(b.code, b.times) for b in behaviours(order(order_id).customer.email or "")]

    assert misbehaviour(TOUR.delivered) == []
    assert misbehaviour(TOUR.retried) == [(451, 2)]
    assert misbehaviour(TOUR.refused) == [(550, None)]
    assert behaviours(TOUR.corrected_address) == []
    assert [order.id for order in orders() if order.confirmation_sent_at] == [TOUR.confirmed]
    assert [order.id for order in orders() if order.customer.email is None] == [TOUR.no_address]
    assert len(order(TOUR.long).items) == 60
    assert not (order(TOUR.unicode_address).customer.email or "").isascii()
    with pytest.raises(KeyError):
        order(TOUR.unknown)


def test_nobody_but_the_customers_of_the_tour_misbehaves() -> None:
    assert {order.id for order in orders() if behaviours(order.customer.email or "")} == {TOUR.retried, TOUR.refused}


def test_the_personal_values_are_all_names_addresses_and_notes() -> None:
    values = personal_values()

    for placed in orders():
        assert placed.customer.name in values
        assert placed.customer.email is None or placed.customer.email in values
        assert placed.gift_note is None or placed.gift_note in values


async def test_loading_twice_adds_the_orders_once(database: str) -> None:
    assert await load(database) == 400
    assert await load(database) == 0

    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    try:
        assert await SqlOrders(engine).get(TOUR.long) == order(TOUR.long)
        assert await SqlOrders(engine).get(TOUR.twice) == order(TOUR.twice)
    finally:
        await engine.dispose()


async def test_loading_again_keeps_what_has_changed(database: str) -> None:
    await load(database)
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("UPDATE customers SET email = $1 WHERE id = 3", TOUR.corrected_address)
        await load(database)

        assert await connection.fetchval("SELECT email FROM customers WHERE id = 3") == TOUR.corrected_address
    finally:
        await connection.close()
