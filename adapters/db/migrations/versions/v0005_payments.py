"""Payments, the callbacks that told of them, and how far the provider was asked for changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward."""
    op.add_column("orders", sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "payments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(id) BETWEEN 1 AND 255", name=op.f("ck_payments_id_length")),
        sa.CheckConstraint(
            "state IN ('pending', 'authorised', 'captured', 'declined', 'cancelled', 'partially-refunded', 'refunded', "
            "'disputed')",
            name=op.f("ck_payments_state_known"),
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_payments_currency_shape")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_payments_amount_not_negative")),
        sa.CheckConstraint("refunded BETWEEN 0 AND amount", name=op.f("ck_payments_refunded_range")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_payments_version_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
    )
    op.create_index(op.f("ix_payments_order_id"), "payments", ["order_id"])
    op.create_table(
        "payment_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(id) BETWEEN 1 AND 255", name=op.f("ck_payment_events_id_length")),
        sa.CheckConstraint("char_length(type) BETWEEN 1 AND 255", name=op.f("ck_payment_events_type_length")),
        sa.CheckConstraint(
            "char_length(payment_id) BETWEEN 1 AND 255", name=op.f("ck_payment_events_payment_id_length")
        ),
        sa.CheckConstraint("octet_length(body_hash) = 32", name=op.f("ck_payment_events_body_hash_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_events")),
    )
    op.create_index("ix_payment_events_payment_id", "payment_events", ["payment_id"])
    op.create_table(
        "payment_reconciliation",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("reconciled_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_payment_reconciliation_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_payment_reconciliation")),
    )


def downgrade() -> None:
    """Migrate back. What is known of payments is lost, and with it that an event was received before."""
    op.drop_table("payment_reconciliation")
    op.drop_table("payment_events")
    op.drop_table("payments")
    op.drop_column("orders", "paid_at")
