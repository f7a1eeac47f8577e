"""The tables. The database holds the rules itself, since not only this code writes to it.

Amounts are in the currency's minor units, times carry their zone. A constraint's name is all that an error tells of a
violation (see `adapters/db/errors.py`), so every constraint has one.
"""

from __future__ import annotations

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    func,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

ANSWER_LIMIT = 1000
"""Most characters of a receiver's answer that are kept."""

KEY_LIMIT = 255
"""Most characters of a delivery's key."""

_NOT_BLANK = "name ~ '[^[:space:]]'"
_LANGUAGE_SCRIPT_REGION_VARIANTS = "^[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(_[A-Z0-9]{4,8})*$"

customers = Table(
    "customers",
    metadata,
    # BY DEFAULT, not ALWAYS: a data set that brings its own ids can be loaded.
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("locale", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("id > 0", name="id_positive"),
    CheckConstraint(_NOT_BLANK, name="name_not_blank"),
    # Only what would break a mail's envelope or headers; whether an address exists, the mail server knows.
    CheckConstraint("email ~ '^[^[:space:][:cntrl:]]+@[^[:space:][:cntrl:]]+$'", name="email_shape"),
    CheckConstraint(f"locale ~ '{_LANGUAGE_SCRIPT_REGION_VARIANTS}'", name="locale_shape"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), nullable=False, index=True),
    Column("currency", CHAR(3), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("gift_note", Text),
    Column("placed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("confirmation_sent_at", DateTime(timezone=True)),
    CheckConstraint("id > 0", name="id_positive"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_shape"),
    CheckConstraint("total >= 0", name="total_not_negative"),
)

order_items = Table(
    "order_items",
    metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", BigInteger, nullable=False),
    CheckConstraint("position >= 1", name="position_from_one"),
    CheckConstraint(_NOT_BLANK, name="name_not_blank"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("unit_price >= 0", name="unit_price_not_negative"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("claims", Integer, nullable=False),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
    Column("delivered_at", DateTime(timezone=True)),
    Column("answer", Text),
    CheckConstraint(f"char_length(key) BETWEEN 1 AND {KEY_LIMIT}", name="key_length"),
    CheckConstraint("claims >= 1", name="claims_positive"),
    CheckConstraint("(delivered_at IS NULL) = (answer IS NULL)", name="answer_when_delivered"),
    CheckConstraint(f"char_length(answer) <= {ANSWER_LIMIT}", name="answer_length"),
)
