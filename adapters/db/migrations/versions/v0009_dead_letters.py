"""The runs that a person must look at, and what was done about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward."""
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column(
            "first_seen", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "cause IN ('failed', 'timed-out', 'terminated', 'stuck', 'no-worker')",
            name=op.f("ck_dead_letters_cause_known"),
        ),
        sa.CheckConstraint("fingerprint ~ '^[0-9a-f]{12}$'", name=op.f("ck_dead_letters_fingerprint_shape")),
        sa.CheckConstraint("jsonb_typeof(request) = 'object'", name=op.f("ck_dead_letters_request_object")),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'redriven', 'resolved', 'discarded')",
            name=op.f("ck_dead_letters_state_known"),
        ),
        sa.CheckConstraint("attempts >= 1", name=op.f("ck_dead_letters_attempts_positive")),
        sa.CheckConstraint("char_length(message) <= 1000", name=op.f("ck_dead_letters_message_length")),
        sa.CheckConstraint("char_length(run_id) BETWEEN 1 AND 100", name=op.f("ck_dead_letters_run_id_length")),
        sa.CheckConstraint(
            "char_length(workflow_id) BETWEEN 1 AND 1000", name=op.f("ck_dead_letters_workflow_id_length")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("run_id", name="uq_dead_letters_run_id"),
    )
    op.create_index("ix_dead_letters_failed_at", "dead_letters", ["failed_at"], unique=False)
    op.create_index("ix_dead_letters_fingerprint", "dead_letters", ["fingerprint", "id"], unique=False)
    op.create_index("ix_dead_letters_kind", "dead_letters", ["kind", "id"], unique=False)
    op.create_index("ix_dead_letters_state", "dead_letters", ["state", "id"], unique=False)
    op.create_index("ix_dead_letters_workflow_id", "dead_letters", ["workflow_id", "id"], unique=False)
    op.create_index(
        "uq_dead_letters_waiting",
        "dead_letters",
        ["workflow_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('acknowledged', 'open')"),
    )
    op.create_table(
        "dead_letter_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("letter_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("was", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "by ~ '[^[:space:]]' AND char_length(by) <= 200", name=op.f("ck_dead_letter_actions_by_shape")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'redriven', 'resolved', 'discarded')",
            name=op.f("ck_dead_letter_actions_state_known"),
        ),
        sa.CheckConstraint(
            "was IN ('open', 'acknowledged', 'redriven', 'resolved', 'discarded')",
            name=op.f("ck_dead_letter_actions_was_known"),
        ),
        sa.CheckConstraint("char_length(note) <= 1000", name=op.f("ck_dead_letter_actions_note_length")),
        sa.ForeignKeyConstraint(
            ["letter_id"],
            ["dead_letters.id"],
            name=op.f("fk_dead_letter_actions_letter_id_dead_letters"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter_actions")),
    )
    op.create_index(op.f("ix_dead_letter_actions_letter_id"), "dead_letter_actions", ["letter_id"], unique=False)
    op.create_table(
        "dead_letter_sweep",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("swept_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_dead_letter_sweep_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_dead_letter_sweep")),
    )


def downgrade() -> None:
    """Migrate back."""
    op.drop_table("dead_letter_sweep")
    op.drop_table("dead_letter_actions")
    op.drop_table("dead_letters")
