"""The table of encryption keys. Unused: earlier releases kept ids and check values of keys in it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, LargeBinary, Table, Text, func

from adapters.db.tables import metadata

encryption_keys = Table(
    "encryption_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("check_value", LargeBinary, nullable=False),
    Column("first_seen", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("encrypts_since", DateTime(timezone=True)),
    Column("retired_at", DateTime(timezone=True)),
    CheckConstraint("id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'", name="id_shape"),
    CheckConstraint("octet_length(check_value) = 16", name="check_value_length"),
)
