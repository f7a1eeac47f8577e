"""A small shop's customers and orders: the same at each run, and awkward on purpose.

Names in many scripts, currencies with no, two and three decimals, orders of one to sixty lines, gift notes with markup
in them. All addresses are in domains that are reserved for examples.
"""

from __future__ import annotations

import random
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache

from demo.data.catalogue import CURRENCIES, GIFT_NOTES, PRODUCTS, REGIONS, Money, Region
from domain.orders import Customer, Order, OrderItem

CUSTOMERS = 300
ORDERS = 400
_FIRST_ORDER = 1001
_MAX_LINES = 60
_OPENED = datetime(2026, 1, 2, 9, 0, tzinfo=UTC)
_DOMAINS = ("example.com", "example.org", "example.net", "mail.test")


DELIVERED = 1042
"""An order like many."""
REFUSED = 1044
"""The customer's address has a typing error: 550, until it is corrected to `CORRECTED_ADDRESS`."""
CONFIRMED, NO_ADDRESS = 1045, 1046
"""Was confirmed before; the customer gave no mail address."""
CORRECTED_ADDRESS = "ines.moreau@example.org"

# Orders that are special, whose customers are the first in the data set.
_SPECIAL: dict[int, Customer] = {
    DELIVERED: Customer(id=1, name="Jürgen Größe", email="juergen.groesse@example.com", locale="de_DE"),
    # The customer's mail server answers 451 twice before it accepts.
    1043: Customer(id=2, name="Åsa Sjöström", email="asa.sjostrom+451x2@example.com", locale="sv_SE"),
    REFUSED: Customer(id=3, name="Inès Moreau", email="inse.moreau+550@example.org", locale="fr_FR"),
    CONFIRMED: Customer(id=4, name="髙橋 さくら", email="sakura.takahashi@example.net", locale="ja_JP"),
    NO_ADDRESS: Customer(id=5, name="Niamh O'Shea", email=None, locale="en_GB"),
    1047: Customer(id=6, name="دلال الصباح", email="dalal.alsabah@example.com", locale="ar_KW"),
    1048: Customer(id=7, name="Maya Smith-Jones", email="maya.smithjones@example.net", locale="en_US"),
    1049: Customer(id=8, name="Żaneta Żółć", email="żaneta.żółć@example.org", locale="pl_PL"),
}
_LONG = 1048
_CURRENCY_OF = {region.locale: region.currency for region in REGIONS}


@cache
def customers() -> tuple[Customer, ...]:
    """All customers, those without an order included, by id."""
    chance = _chance("customers")
    named = {customer.id: customer for customer in _SPECIAL.values()}
    return tuple(named.get(number) or _customer(number, chance) for number in range(1, CUSTOMERS + 1))


@cache
def orders() -> tuple[Order, ...]:
    """All orders, by id."""
    chance = _chance("orders")
    buyers = [customer for customer in customers() if customer not in _SPECIAL.values()]
    made = []
    placed_at = _OPENED
    for number in range(_FIRST_ORDER, _FIRST_ORDER + ORDERS):
        placed_at += timedelta(minutes=chance.randint(5, 1200), seconds=chance.randint(0, 59))
        customer = _SPECIAL.get(number) or chance.choice(buyers)
        made.append(_order(number, customer, placed_at, chance))
    return tuple(made)


def order(order_id: int) -> Order:
    """One order. Raises KeyError if there is none."""
    return _by_id()[order_id]


@cache
def personal_values() -> frozenset[str]:
    """Every name, mail address and gift note in the set: what must not be found in Temporal's history."""
    people = {value for customer in customers() for value in (customer.name, customer.email) if value}
    notes = {order.gift_note for order in orders() if order.gift_note}
    return frozenset(people | notes | {CORRECTED_ADDRESS})


@cache
def _by_id() -> dict[int, Order]:
    return {order.id: order for order in orders()}


def _chance(purpose: str) -> random.Random:
    return random.Random(purpose)  # noqa: S311 invents a data set, the same one each time


def _customer(number: int, chance: random.Random) -> Customer:
    region = REGIONS[number % len(REGIONS)]
    given, family = chance.choice(region.given.split()), chance.choice(region.family.split())
    return Customer(
        id=number,
        name=_full_name(region, given, family),
        email=f"{_latin(given)}.{_latin(family)}.{number}@{_DOMAINS[number % len(_DOMAINS)]}",
        locale=region.locale,
    )


def _full_name(region: Region, given: str, family: str) -> str:
    names = [name.partition("/")[0] for name in (given, family)]
    return region.joint.join(reversed(names) if region.family_first else names)


def _latin(name: str) -> str:
    """What of a name can stand in an ordinary mail address."""
    native, _, latin = name.partition("/")
    for letters, plain in (("ß", "ss"), ("ł", "l"), ("đ", "d"), ("ı", "i")):  # noqa: RUF001 the Turkish letter
        native = native.casefold().replace(letters, plain)
    return latin or re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", native))


def _order(number: int, customer: Customer, placed_at: datetime, chance: random.Random) -> Order:
    currency = _CURRENCY_OF[customer.locale]
    # Most orders are short; one in twenty is long.
    lines = chance.randint(1, 5) if chance.random() < 0.95 else chance.randint(20, _MAX_LINES)
    gift_note = chance.choice(GIFT_NOTES) if chance.random() < 0.25 else None
    if number == _LONG:
        lines, gift_note = _MAX_LINES, GIFT_NOTES[2]
    items = tuple(
        OrderItem(
            name=name, quantity=chance.choice((1, 1, 1, 2, 3, 12)), unit_price=_price(cents, CURRENCIES[currency])
        )
        for name, cents in chance.sample(list(PRODUCTS.items()), lines)
    )
    return Order(
        id=number,
        customer=customer,
        currency=currency,
        total=sum(item.quantity * item.unit_price for item in items),
        items=items,
        gift_note=gift_note,
        placed_at=placed_at,
        confirmation_sent_at=placed_at + timedelta(seconds=2) if number == CONFIRMED else None,
    )


def _price(euro_cents: int, money: Money) -> int:
    """In the currency's minor units; what costs something never rounds to nothing."""
    price: float = euro_cents / 100 * money.per_euro * 10**money.decimals
    return max(round(price / money.step), 1 if euro_cents else 0) * money.step


MANAGER = {"id": 1, "name": "Grace Okafor", "email": "grace.okafor@shop.example.com", "locale": "en_GB"}
"""Asks for reports in the guided tour."""
STAFF = (MANAGER, {"id": 2, "name": "Jörg Wyß", "email": "joerg.wyss@shop.example.com", "locale": "de_CH"})

OPERATOR = "ops@shop.example.com"
"""Gets the alerts."""
ALERTS_FROM = "alerts@shop.example.com"

SUBSCRIPTIONS = (
    {"member_id": 1, "report": "sales-summary", "format": "pdf", "time_zone": "Europe/Zurich"},
    {"member_id": 2, "report": "payments-reconciliation", "format": "xlsx", "time_zone": "Europe/Zurich"},
)
