"""What people have to be told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("leads", sa.Boolean(), nullable=False),
        sa.Column("told_with", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("char_length(about) <= 200", name=op.f("ck_alerts_about_length")),
        sa.CheckConstraint("char_length(job_id) BETWEEN 1 AND 1000", name=op.f("ck_alerts_job_id_length")),
        sa.CheckConstraint("char_length(key) BETWEEN 1 AND 400", name=op.f("ck_alerts_key_length")),
        sa.CheckConstraint("char_length(run_id) BETWEEN 1 AND 100", name=op.f("ck_alerts_run_id_length")),
        sa.CheckConstraint(
            "kind ~ '^[a-z]+(-[a-z]+)*$' AND char_length(kind) <= 60", name=op.f("ck_alerts_kind_shape")
        ),
        sa.CheckConstraint("told_at IS NULL OR told_with IS NOT NULL", name=op.f("ck_alerts_told_was_gathered")),
        sa.ForeignKeyConstraint(["told_with"], ["alerts.id"], name=op.f("fk_alerts_told_with_alerts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("kind", "key", name="uq_alerts_kind_key"),
    )
    op.create_index(
        "ix_alerts_open", "alerts", ["kind", "about"], unique=False, postgresql_where=sa.text("told_with IS NULL")
    )
    op.create_index(op.f("ix_alerts_told_with"), "alerts", ["told_with"], unique=False)


def downgrade() -> None:
    """Migrate back."""
    op.drop_table("alerts")
