"""The table of encryption keys: one row a key, for ever."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, LargeBinary, Table, Text, func

from adapters.db.tables import metadata

encryption_keys = Table(
    "encryption_keys",
    metadata,
    Column("id", Text, primary_key=True),
    # Derived from the key, see workflows/encryption.py. Not the key, which is kept outside of the database.
    Column("check_value", LargeBinary, nullable=False),
    Column("first_seen", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # NULL until it encrypts; a worker that lacks the key may not run from then on.
    Column("encrypts_since", DateTime(timezone=True)),
    # By people, once no job needs it.
    Column("retired_at", DateTime(timezone=True)),
    CheckConstraint("id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'", name="id_shape"),
    CheckConstraint("octet_length(check_value) = 16", name="check_value_length"),
)
