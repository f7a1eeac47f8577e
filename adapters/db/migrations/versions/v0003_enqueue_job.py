"""The function `enqueue_job`, by which any language enqueues a job. Revision 0012 creates its present, simpler form."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward."""


def downgrade() -> None:
    """Migrate back."""
    op.execute("DROP FUNCTION IF EXISTS enqueue_job(text, jsonb, interval, timestamptz, int, text)")
