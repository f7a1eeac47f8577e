"""The outbox, its wake-up call, and what is known of the kinds of job."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# One constant notification a statement: PostgreSQL drops repetitions within a transaction, and the relay looks for
# itself what has come.
_WAKE = """
CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('jobs_outbox', '');
    RETURN NULL;
END
$$
"""
_TRIGGER = """
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake()
"""


def upgrade() -> None:
    """Migrate forward."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("start_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("start_delay", sa.Interval(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=True),
        sa.Column("fairness_key", sa.Text(), nullable=True),
        sa.Column(
            "enqueued_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND char_length(kind) <= 100", name=op.f("ck_outbox_kind_shape")
        ),
        sa.CheckConstraint("jsonb_typeof(payload) = 'object'", name=op.f("ck_outbox_payload_object")),
        sa.CheckConstraint("pg_column_size(payload) <= 65536", name=op.f("ck_outbox_payload_size")),
        sa.CheckConstraint("NOT jsonb_path_exists(payload, '$.**{9}')", name=op.f("ck_outbox_payload_depth")),
        sa.CheckConstraint(
            "NOT jsonb_path_exists(payload, '$.** ? (@ >= 1e4300 || @ <= -1e4300)')",
            name=op.f("ck_outbox_payload_numbers"),
        ),
        sa.CheckConstraint("char_length(job_id) BETWEEN 1 AND 1000", name=op.f("ck_outbox_job_id_length")),
        sa.CheckConstraint("start_at IS NULL OR start_delay IS NULL", name=op.f("ck_outbox_one_start_time")),
        sa.CheckConstraint(
            "start_at BETWEEN '1900-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'::timestamptz",
            name=op.f("ck_outbox_start_at_range"),
        ),
        sa.CheckConstraint(
            "start_delay BETWEEN interval '0' AND interval '36500 days'", name=op.f("ck_outbox_start_delay_range")
        ),
        sa.CheckConstraint(
            "enqueued_at BETWEEN '1900-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'::timestamptz",
            name=op.f("ck_outbox_enqueued_at_range"),
        ),
        sa.CheckConstraint("priority BETWEEN 1 AND 5", name=op.f("ck_outbox_priority_range")),
        sa.CheckConstraint("octet_length(fairness_key) BETWEEN 1 AND 64", name=op.f("ck_outbox_fairness_key_length")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_attempts_not_negative")),
        sa.CheckConstraint("(error_type IS NULL) = (error IS NULL)", name=op.f("ck_outbox_error_has_type")),
        sa.CheckConstraint("refused_at IS NULL OR error IS NOT NULL", name=op.f("ck_outbox_refused_has_error")),
        sa.CheckConstraint("char_length(error) <= 2000", name=op.f("ck_outbox_error_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_due", "outbox", ["id"], postgresql_where=sa.text("refused_at IS NULL AND retry_at IS NULL")
    )
    op.create_index("ix_outbox_retry_at", "outbox", ["retry_at"], postgresql_where=sa.text("retry_at IS NOT NULL"))
    op.create_index("ix_outbox_job_id", "outbox", ["job_id"])
    op.create_table(
        "job_kinds",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("id_fields", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint("jsonb_typeof(fields) = 'object'", name=op.f("ck_job_kinds_fields_object")),
        sa.CheckConstraint("jsonb_typeof(id_fields) = 'array'", name=op.f("ck_job_kinds_id_fields_array")),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_job_kinds")),
    )
    op.execute(_WAKE)
    op.execute(_TRIGGER)


def downgrade() -> None:
    """Migrate back. Jobs that still wait in the outbox are lost with it."""
    op.drop_table("job_kinds")
    op.drop_table("outbox")
    op.execute("DROP FUNCTION outbox_wake()")
