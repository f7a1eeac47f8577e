"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

# The oldest revision whose code works with the schema that this makes: where it only adds what older code can do
# without, the one before. Where it takes something away, this one (docs/deploying.md, "Migrations in two steps").
serves_from = ${repr(down_revision)}


def upgrade() -> None:
    """Migrate forward."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Migrate back."""
    ${downgrades if downgrades else "pass"}
