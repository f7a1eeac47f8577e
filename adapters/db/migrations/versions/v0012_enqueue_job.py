"""`enqueue_job` no longer checks a payload's fields: the relay does, and keeps what it refuses with the error."""

from __future__ import annotations

from alembic import op

from adapters.db.whole_schema import create_enqueue_job

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
# It takes what the function before it took.
serves_from = "0010"


def upgrade() -> None:
    """Migrate forward."""
    create_enqueue_job(op.get_bind())
    for function in ("text(jsonb, jsonb)", "fits(jsonb, jsonb)", "choice(jsonb)", "day(text)"):
        op.execute(f"DROP FUNCTION IF EXISTS enqueue_job_{function}")


def downgrade() -> None:
    """Migrate back. The function stays: it serves the code before it, too."""
