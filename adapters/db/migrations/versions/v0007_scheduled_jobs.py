"""What scheduled jobs work on, and which of their periods are done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward."""
    op.create_table(
        "scheduled_periods",
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("takes", sa.Integer(), server_default="1", nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.CheckConstraint("(done_at IS NULL) = (result IS NULL)", name=op.f("ck_scheduled_periods_result_when_done")),
        sa.CheckConstraint("char_length(period) BETWEEN 1 AND 64", name=op.f("ck_scheduled_periods_period_length")),
        sa.CheckConstraint("char_length(result) <= 1000", name=op.f("ck_scheduled_periods_result_length")),
        sa.CheckConstraint("char_length(run) BETWEEN 1 AND 1100", name=op.f("ck_scheduled_periods_run_length")),
        sa.CheckConstraint(
            "char_length(schedule) BETWEEN 1 AND 255", name=op.f("ck_scheduled_periods_schedule_length")
        ),
        sa.PrimaryKeyConstraint("schedule", "period", name=op.f("pk_scheduled_periods")),
    )
    op.create_table(
        "scheduled_emails",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "subject ~ '[^[:space:]]' AND char_length(subject) <= 200", name=op.f("ck_scheduled_emails_subject_shape")
        ),
        sa.CheckConstraint(
            "text ~ '[^[:space:]]' AND char_length(text) <= 100000", name=op.f("ck_scheduled_emails_text_shape")
        ),
        sa.CheckConstraint("id > 0", name=op.f("ck_scheduled_emails_id_positive")),
        sa.CheckConstraint(
            "sent_at IS NULL OR queued_at IS NOT NULL", name=op.f("ck_scheduled_emails_sent_was_queued")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_scheduled_emails_customer_id_customers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduled_emails")),
    )
    op.create_index(op.f("ix_scheduled_emails_customer_id"), "scheduled_emails", ["customer_id"], unique=False)
    op.create_index(
        "ix_scheduled_emails_due",
        "scheduled_emails",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("queued_at IS NULL AND sent_at IS NULL"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("char_length(id) BETWEEN 1 AND 255", name=op.f("ck_sessions_id_length")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_sessions_customer_id_customers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_customer_id"), "sessions", ["customer_id"], unique=False)
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"], unique=False)


def downgrade() -> None:
    """Migrate back."""
    op.drop_table("sessions")
    op.drop_table("scheduled_emails")
    op.drop_table("scheduled_periods")
