"""The function `enqueue_job`, by which any language enqueues a job in its own transaction."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ENQUEUE_JOB = """
CREATE FUNCTION enqueue_job(kind text, payload jsonb) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO outbox (kind, payload) VALUES (enqueue_job.kind, enqueue_job.payload) RETURNING id
$$
"""


def upgrade() -> None:
    """Migrate forward."""
    op.execute(_ENQUEUE_JOB)


def downgrade() -> None:
    """Migrate back."""
    op.execute("DROP FUNCTION enqueue_job(text, jsonb)")
