"""The tables of jobs that schedules start."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    and_,
    func,
)

from adapters.db.tables import metadata

# Periods of schedules that were begun or are done: one row each, for ever.
scheduled_periods = Table(
    "scheduled_periods",
    metadata,
    # The schedule's id, or the kind of a job that was started by hand.
    Column("schedule", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("begun_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # `<workflow id>/<run id>` of the last one that took it up, and until when no other one may.
    Column("run", Text, nullable=False),
    Column("held_until", DateTime(timezone=True), nullable=False),
    Column("takes", Integer, nullable=False, server_default="1"),
    Column("done_at", DateTime(timezone=True)),
    Column("result", Text),
    CheckConstraint("char_length(schedule) BETWEEN 1 AND 255", name="schedule_length"),
    CheckConstraint("char_length(period) BETWEEN 1 AND 64", name="period_length"),
    CheckConstraint("char_length(run) BETWEEN 1 AND 1100", name="run_length"),
    CheckConstraint("(done_at IS NULL) = (result IS NULL)", name="result_when_done"),
    CheckConstraint("char_length(result) <= 1000", name="result_length"),
)

# Of the shop's site: who is logged in.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("customers.id", ondelete="CASCADE"), index=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
    CheckConstraint("char_length(id) BETWEEN 1 AND 255", name="id_length"),
)

# Mails that are to go out at a time.
scheduled_emails = Table(
    "scheduled_emails",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("customers.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    # When its job was enqueued.
    Column("queued_at", DateTime(timezone=True)),
    Column("sent_at", DateTime(timezone=True)),
    CheckConstraint("id > 0", name="id_positive"),
    CheckConstraint("subject ~ '[^[:space:]]' AND char_length(subject) <= 200", name="subject_shape"),
    CheckConstraint("text ~ '[^[:space:]]' AND char_length(text) <= 100000", name="text_shape"),
    CheckConstraint("sent_at IS NULL OR queued_at IS NOT NULL", name="sent_was_queued"),
)
Index(
    "ix_scheduled_emails_due",
    scheduled_emails.c.due_at,
    scheduled_emails.c.id,
    postgresql_where=and_(scheduled_emails.c.queued_at.is_(None), scheduled_emails.c.sent_at.is_(None)),
)
