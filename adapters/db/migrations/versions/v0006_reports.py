"""Reports, who asks for them, and orders found by when they were placed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward."""
    op.create_table(
        "reports",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('ready', 'removed')) = (key IS NOT NULL)", name=op.f("ck_reports_file_when_ready")
        ),
        sa.CheckConstraint("format IN ('pdf', 'xlsx', 'csv', 'parquet')", name=op.f("ck_reports_format_known")),
        sa.CheckConstraint(
            "report IN ('sales-summary', 'orders-export', 'payments-reconciliation')",
            name=op.f("ck_reports_report_known"),
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_reports_sha256_shape")),
        sa.CheckConstraint(
            "state IN ('requested', 'ready', 'failed', 'cancelled', 'removed')", name=op.f("ck_reports_state_known")
        ),
        sa.CheckConstraint("char_length(period) BETWEEN 1 AND 24", name=op.f("ck_reports_period_length")),
        sa.CheckConstraint("char_length(time_zone) BETWEEN 1 AND 64", name=op.f("ck_reports_time_zone_length")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_reports_generation_from_one")),
        sa.CheckConstraint(
            "num_nulls(key, rows, bytes, sha256) IN (0, 4) AND (key IS NULL OR finished_at IS NOT NULL)",
            name=op.f("ck_reports_file_whole"),
        ),
        sa.CheckConstraint("rows >= 0 AND bytes >= 0", name=op.f("ck_reports_sizes_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("report", "period", "time_zone", "format", "generation", name="uq_reports_generation"),
    )
    op.create_index(
        "ix_reports_finished_at", "reports", ["finished_at"], unique=False, postgresql_where=sa.text("state = 'ready'")
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "email ~ '^[^[:space:][:cntrl:]]+@[^[:space:][:cntrl:]]+$'", name=op.f("ck_staff_email_shape")
        ),
        sa.CheckConstraint(
            "locale ~ '^[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(_[A-Z0-9]{4,8})*$'",
            name=op.f("ck_staff_locale_shape"),
        ),
        sa.CheckConstraint("name ~ '[^[:space:]]'", name=op.f("ck_staff_name_not_blank")),
        sa.CheckConstraint("id > 0", name=op.f("ck_staff_id_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
    )
    op.create_table(
        "report_askings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("report_id", sa.UUID(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("member_id IS NOT NULL OR client IS NOT NULL", name=op.f("ck_report_askings_somebody")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["staff.id"], name=op.f("fk_report_askings_member_id_staff"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["reports.id"], name=op.f("fk_report_askings_report_id_reports"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_askings")),
    )
    op.create_index(op.f("ix_report_askings_member_id"), "report_askings", ["member_id"], unique=False)
    op.create_index(op.f("ix_report_askings_report_id"), "report_askings", ["report_id"], unique=False)
    op.create_table(
        "report_subscriptions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "format IN ('pdf', 'xlsx', 'csv', 'parquet')", name=op.f("ck_report_subscriptions_format_known")
        ),
        sa.CheckConstraint(
            "report IN ('sales-summary', 'orders-export', 'payments-reconciliation')",
            name=op.f("ck_report_subscriptions_report_known"),
        ),
        sa.CheckConstraint(
            "char_length(time_zone) BETWEEN 1 AND 64", name=op.f("ck_report_subscriptions_time_zone_length")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["staff.id"], name=op.f("fk_report_subscriptions_member_id_staff"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_subscriptions")),
        sa.UniqueConstraint("member_id", "report", "format", "time_zone", name="uq_report_subscriptions_once"),
    )
    op.create_index("ix_orders_placed_at", "orders", ["placed_at"], unique=False)


def downgrade() -> None:
    """Migrate back."""
    op.drop_index("ix_orders_placed_at", table_name="orders")
    op.drop_table("report_subscriptions")
    op.drop_table("report_askings")
    op.drop_table("staff")
    op.drop_table("reports")
