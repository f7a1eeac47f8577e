"""Under which key a dead run's request is encrypted that whoever looked at it lacked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
# Code before it names the columns that it reads and writes.
serves_from = "0010"


def upgrade() -> None:
    """Migrate forward."""
    op.add_column("dead_letters", sa.Column("undecryptable", sa.Text(), nullable=True))


def downgrade() -> None:
    """Migrate back."""
    op.drop_column("dead_letters", "undecryptable")
