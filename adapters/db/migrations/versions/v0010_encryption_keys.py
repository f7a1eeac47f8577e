"""Which encryption keys are in use, and what API keys are for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward."""
    op.create_table(
        "encryption_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("encrypts_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'", name=op.f("ck_encryption_keys_id_shape")),
        sa.CheckConstraint("octet_length(check_value) = 16", name=op.f("ck_encryption_keys_check_value_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encryption_keys")),
    )
    op.add_column("api_keys", sa.Column("scope", sa.Text(), server_default="http", nullable=False))
    op.create_check_constraint(op.f("ck_api_keys_scope_known"), "api_keys", "scope IN ('http', 'codec')")


def downgrade() -> None:
    """Migrate back."""
    # Keys of the codec server would open the HTTP interface to those who have them.
    op.execute("DELETE FROM api_keys WHERE scope = 'codec'")
    op.drop_constraint(op.f("ck_api_keys_scope_known"), "api_keys", type_="check")
    op.drop_column("api_keys", "scope")
    op.drop_table("encryption_keys")
