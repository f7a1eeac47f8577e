"""The table of alerts: what people have to look at, and which message told them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from adapters.db.tables import metadata

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
