"""The tables of dead letters: one row a dead run, for ever; what people did about it; how far was swept."""

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
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from adapters.db.tables import metadata
from domain.dead_letters import MESSAGE_LIMIT, WAITING

_STATES = "'open', 'acknowledged', 'redriven', 'resolved', 'discarded'"

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("workflow_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("cause", Text, nullable=False),
    # Ids alone; NULL where the input was no request of its kind. Not JSON's null.
    Column("request", JSONB(none_as_null=True)),
    # Id of the key under which the request or the error is encrypted, where nobody who has it looked yet.
    Column("undecryptable", Text),
    Column("error_type", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("step", Text),
    Column("attempts", Integer),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Column("fingerprint", Text, nullable=False),
    # Not now(), which is when the transaction began.
    Column("first_seen", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("state", Text, nullable=False, server_default="open"),
    Column("state_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("by", Text),
    Column("note", Text, nullable=False, server_default=""),
    UniqueConstraint("run_id", name="uq_dead_letters_run_id"),
    CheckConstraint(f"state IN ({_STATES})", name="state_known"),
    CheckConstraint("cause IN ('failed', 'timed-out', 'terminated', 'stuck', 'no-worker')", name="cause_known"),
    CheckConstraint("char_length(workflow_id) BETWEEN 1 AND 1000", name="workflow_id_length"),
    CheckConstraint("char_length(run_id) BETWEEN 1 AND 100", name="run_id_length"),
    CheckConstraint("jsonb_typeof(request) = 'object'", name="request_object"),
    CheckConstraint(f"char_length(message) <= {MESSAGE_LIMIT}", name="message_length"),
    CheckConstraint("fingerprint ~ '^[0-9a-f]{12}$'", name="fingerprint_shape"),
    CheckConstraint("attempts >= 1", name="attempts_positive"),
)
# A job has one letter at most that waits for a person.
Index(
    "uq_dead_letters_waiting",
    dead_letters.c.workflow_id,
    unique=True,
    postgresql_where=dead_letters.c.state.in_(sorted(WAITING)),
)
Index("ix_dead_letters_workflow_id", dead_letters.c.workflow_id, dead_letters.c.id)
Index("ix_dead_letters_state", dead_letters.c.state, dead_letters.c.id)
Index("ix_dead_letters_kind", dead_letters.c.kind, dead_letters.c.id)
Index("ix_dead_letters_fingerprint", dead_letters.c.fingerprint, dead_letters.c.id)
Index("ix_dead_letters_failed_at", dead_letters.c.failed_at)

dead_letter_actions = Table(
    "dead_letter_actions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("letter_id", BigInteger, ForeignKey("dead_letters.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("by", Text, nullable=False),
    Column("was", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint(f"was IN ({_STATES})", name="was_known"),
    CheckConstraint(f"state IN ({_STATES})", name="state_known"),
    CheckConstraint("by ~ '[^[:space:]]' AND char_length(by) <= 200", name="by_shape"),
    CheckConstraint("char_length(note) <= 1000", name="note_length"),
)

# Up to when all runs that ended are known: one row.
dead_letter_sweep = Table(
    "dead_letter_sweep",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=true()),
    Column("swept_until", DateTime(timezone=True), nullable=False),
    CheckConstraint("one", name="one_row"),
)
