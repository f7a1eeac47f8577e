"""The schema of the first release, which older databases are upgraded from. A new database gets the newest at once."""

from __future__ import annotations

revision = "0010"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Refuse: alembic's own command line cannot create the schema."""
    raise NotImplementedError("Run `jobs setup`: it creates the schema of a new database.")


def downgrade() -> None:
    """Refuse: it would drop everything."""
    raise NotImplementedError("There is no revision before 0010. Drop the database to start again.")
