"""The tables. The database holds the rules itself, since not only this code writes to it.

Amounts are in the currency's minor units, times carry their zone. A constraint's name is all that an error tells of a
violation (see `adapters/db/errors.py`), so every constraint has one.
"""

from __future__ import annotations

from sqlalchemy import (
    CHAR,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

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

ERROR_LIMIT = 2000
"""Most characters that are kept of why an entry of the outbox could not be started."""

NAME_NOT_BLANK = "name ~ '[^[:space:]]'"
# Only what would break a mail's envelope or headers; whether an address exists, the mail server knows.
EMAIL_SHAPE = "email ~ '^[^[:space:][:cntrl:]]+@[^[:space:][:cntrl:]]+$'"
_LANGUAGE_SCRIPT_REGION_VARIANTS = "^[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(_[A-Z0-9]{4,8})*$"
LOCALE_SHAPE = f"locale ~ '{_LANGUAGE_SCRIPT_REGION_VARIANTS}'"

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
    CheckConstraint(NAME_NOT_BLANK, name="name_not_blank"),
    CheckConstraint(EMAIL_SHAPE, name="email_shape"),
    CheckConstraint(LOCALE_SHAPE, name="locale_shape"),
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
    Column("paid_at", DateTime(timezone=True)),
    # When it is paid: on an invoice, or before it is confirmed. `PaymentMethod` of domain/orders.py.
    Column("payment", Text, nullable=False, server_default="later"),
    # Reports are about periods.
    Index("ix_orders_placed_at", "placed_at"),
    CheckConstraint("id > 0", name="id_positive"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_shape"),
    CheckConstraint("total >= 0", name="total_not_negative"),
    CheckConstraint("payment IN ('later', 'online')", name="payment_known"),
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
    CheckConstraint(NAME_NOT_BLANK, name="name_not_blank"),
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

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # Tells a start from another one of the same job: stays the same however often the relay tries.
    Column("start_id", UUID, nullable=False, server_default=func.gen_random_uuid()),
    Column("kind", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    # The workflow's id, where whoever enqueued could derive it; the relay derives its own.
    Column("job_id", Text),
    # Not before: an instant, or a while after it was enqueued, by the database's clock.
    Column("start_at", DateTime(timezone=True)),
    Column("start_delay", Interval),
    Column("priority", SmallInteger),
    Column("fairness_key", Text),
    # Not now(), which is when the transaction began.
    Column("enqueued_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retry_at", DateTime(timezone=True)),
    Column("error_type", Text),
    Column("error", Text),
    Column("refused_at", DateTime(timezone=True)),
    CheckConstraint("kind ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND char_length(kind) <= 100", name="kind_shape"),
    CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload_object"),
    CheckConstraint("pg_column_size(payload) <= 65536", name="payload_size"),
    # What Python's JSON cannot read: one such entry would keep the relay from reading those beside it.
    CheckConstraint("NOT jsonb_path_exists(payload, '$.**{9}')", name="payload_depth"),
    CheckConstraint("NOT jsonb_path_exists(payload, '$.** ? (@ >= 1e4300 || @ <= -1e4300)')", name="payload_numbers"),
    CheckConstraint("char_length(job_id) BETWEEN 1 AND 1000", name="job_id_length"),
    CheckConstraint("start_at IS NULL OR start_delay IS NULL", name="one_start_time"),
    # An infinite or a far one would overflow when the relay reckons with it, and no other entry would be taken either.
    CheckConstraint(
        "start_at BETWEEN '1900-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'::timestamptz", name="start_at_range"
    ),
    CheckConstraint("start_delay BETWEEN interval '0' AND interval '36500 days'", name="start_delay_range"),
    CheckConstraint(
        "enqueued_at BETWEEN '1900-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'::timestamptz",
        name="enqueued_at_range",
    ),
    CheckConstraint("priority BETWEEN 1 AND 5", name="priority_range"),
    CheckConstraint("octet_length(fairness_key) BETWEEN 1 AND 64", name="fairness_key_length"),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    CheckConstraint("(error_type IS NULL) = (error IS NULL)", name="error_has_type"),
    CheckConstraint("refused_at IS NULL OR error IS NOT NULL", name="refused_has_error"),
    CheckConstraint(f"char_length(error) <= {ERROR_LIMIT}", name="error_length"),
)
Index("ix_outbox_due", outbox.c.id, postgresql_where=and_(outbox.c.refused_at.is_(None), outbox.c.retry_at.is_(None)))
Index("ix_outbox_retry_at", outbox.c.retry_at, postgresql_where=outbox.c.retry_at.is_not(None))
Index("ix_outbox_job_id", outbox.c.job_id)

# The kinds that `enqueue_job` accepts; `jobs setup` writes them from the registry.
job_kinds = Table(
    "job_kinds",
    metadata,
    Column("kind", Text, primary_key=True),
    # Unused. Earlier versions kept rules of the payload here.
    Column("fields", JSONB, nullable=False),
    # The fields whose values make the job's id, in order; NULL if only Python can derive it.
    Column("id_fields", JSONB),
    CheckConstraint("jsonb_typeof(fields) = 'object'", name="fields_object"),
    CheckConstraint("jsonb_typeof(id_fields) = 'array'", name="id_fields_array"),
)

payments = Table(
    "payments",
    metadata,
    # The provider's id.
    Column("id", Text, primary_key=True),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("refunded", BigInteger, nullable=False),
    # How often a state was applied. Whoever fetched before it went up may hold an older state.
    Column("version", BigInteger, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("char_length(id) BETWEEN 1 AND 255", name="id_length"),
    CheckConstraint(
        "state IN ('pending', 'authorised', 'captured', 'declined', 'cancelled', 'partially-refunded', 'refunded', "
        "'disputed')",
        name="state_known",
    ),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_shape"),
    CheckConstraint("amount >= 0", name="amount_not_negative"),
    CheckConstraint("refunded BETWEEN 0 AND amount", name="refunded_range"),
    CheckConstraint("version >= 1", name="version_positive"),
)

# Callbacks that were accepted: one row an event, for ever. Not their bodies, which hold personal data.
payment_events = Table(
    "payment_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    # NULL for events that are of no payment, or of a type that we do nothing about.
    Column("payment_id", Text),
    Column("body_hash", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("char_length(id) BETWEEN 1 AND 255", name="id_length"),
    CheckConstraint("char_length(type) BETWEEN 1 AND 255", name="type_length"),
    CheckConstraint("char_length(payment_id) BETWEEN 1 AND 255", name="payment_id_length"),
    CheckConstraint("octet_length(body_hash) = 32", name="body_hash_sha256"),
)
Index("ix_payment_events_payment_id", payment_events.c.payment_id)

# How far the provider was asked for changes: one row.
payment_reconciliation = Table(
    "payment_reconciliation",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=true()),
    Column("reconciled_until", DateTime(timezone=True), nullable=False),
    CheckConstraint("one", name="one_row"),
)

# Keys of the HTTP interface. Of a key itself only its hash is kept.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    # Coarse, see adapters/db/api_keys.py.
    Column("last_used_at", DateTime(timezone=True)),
    # What it opens: the HTTP interface, or the codec server. Neither opens both.
    Column("scope", Text, nullable=False, server_default="http"),
    CheckConstraint("scope IN ('http', 'codec')", name="scope_known"),
    CheckConstraint("id ~ '^[0-9a-f]{12}$'", name="id_shape"),
    CheckConstraint(f"char_length(name) <= 100 AND {NAME_NOT_BLANK}", name="name_shape"),
    CheckConstraint("octet_length(hash) = 32", name="hash_sha256"),
)

# Answers that are given again to who repeats a request under the same key.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # Name of the API key.
    Column("client", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # NULL only until the transaction that claimed the key has done its work.
    Column("status", SmallInteger),
    Column("location", Text),
    Column("body", Text),
    CheckConstraint("char_length(key) BETWEEN 1 AND 255", name="key_length"),
    CheckConstraint("octet_length(request_hash) = 32", name="request_hash_sha256"),
    CheckConstraint("(status IS NULL) = (body IS NULL)", name="body_with_status"),
)
Index("ix_idempotency_keys_created_at", idempotency_keys.c.created_at)


alerts = Table(
    "alerts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # Not a closed list: older code may have to keep alerts of newer code.
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    # What alerts of a kind are told together by.
    Column("about", Text, nullable=False),
    Column("job_id", Text),
    Column("run_id", Text),
    # Not now(), which is when the transaction began.
    Column("raised_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # Whether a job was enqueued with it, which gathers what is there when it runs.
    Column("leads", Boolean, nullable=False),
    # The alert whose job gathered this one.
    Column("told_with", BigInteger, ForeignKey("alerts.id"), index=True),
    # When all channels had the message.
    Column("told_at", DateTime(timezone=True)),
    UniqueConstraint("kind", "key", name="uq_alerts_kind_key"),
    CheckConstraint("kind ~ '^[a-z]+(-[a-z]+)*$' AND char_length(kind) <= 60", name="kind_shape"),
    CheckConstraint("char_length(key) BETWEEN 1 AND 400", name="key_length"),
    CheckConstraint("char_length(about) <= 200", name="about_length"),
    CheckConstraint("char_length(job_id) BETWEEN 1 AND 1000", name="job_id_length"),
    CheckConstraint("char_length(run_id) BETWEEN 1 AND 100", name="run_id_length"),
    CheckConstraint("told_at IS NULL OR told_with IS NOT NULL", name="told_was_gathered"),
)
Index("ix_alerts_open", alerts.c.kind, alerts.c.about, postgresql_where=alerts.c.told_with.is_(None))


encryption_keys = Table(
    "encryption_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("check_value", LargeBinary, nullable=False),
    Column("first_seen", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("encrypts_since", DateTime(timezone=True)),
    Column("retired_at", DateTime(timezone=True)),
    CheckConstraint("id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'", name="id_shape"),
    CheckConstraint("octet_length(check_value) = 16", name="check_value_length"),
)
