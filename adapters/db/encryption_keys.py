"""Which encryption keys are in use, in PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, DateTime, LargeBinary, Row, Text, bindparam, case, func, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.encryption_tables import encryption_keys
from adapters.db.statements import Statements
from domain.encryption_keys import KnownKey

_c = encryption_keys.c
_now = func.now(type_=DateTime(timezone=True))
_id: Any = bindparam("key_id", type_=Text)
_encrypts: Any = bindparam("encrypts", type_=Boolean)

_ALL = select(encryption_keys).order_by(_c.first_seen, _c.id)
_adding = insert(encryption_keys).values(
    id=_id,
    check_value=bindparam("key_check", type_=LargeBinary),
    encrypts_since=case((_encrypts, _now), else_=null()),
)
_KEEP = _adding.on_conflict_do_update(
    index_elements=[_c.id],
    set_={"encrypts_since": func.coalesce(_c.encrypts_since, _adding.excluded.encrypts_since)},
    # A key that is another one under the same id changes nothing.
    where=_c.check_value == _adding.excluded.check_value,
).returning(_c.id)
_RETIRE = (
    update(encryption_keys)
    .where(_c.id == _id)
    .values(retired_at=func.coalesce(_c.retired_at, _now))
    .returning(encryption_keys)
)
_RESTORE = update(encryption_keys).where(_c.id == _id).values(retired_at=null()).returning(encryption_keys)


class SqlEncryptionKeys:
    """Implements `domain.encryption_keys.KeyStore`, and what the command line needs besides."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        self._statements = Statements(engine)

    async def all(self) -> list[KnownKey]:
        """All keys, retired ones included, the oldest first."""
        return [_key(row) for row in await self._statements.rows(_ALL)]

    async def keep(self, key_id: str, check: bytes, *, encrypts: bool) -> None:
        """Make a key known, or as one that encrypts from now on. What is known of it already stays."""
        await self._statements.rows(_KEEP, key_id=key_id, key_check=check, encrypts=encrypts)

    async def retire(self, key_id: str) -> KnownKey | None:
        """Have nobody need the key any more; None where there is none. The time of the first call stays."""
        rows = await self._statements.rows(_RETIRE, key_id=key_id)
        return _key(rows[0]) if rows else None

    async def restore(self, key_id: str) -> KnownKey | None:
        """Take back that it was retired; None where there is none. One that is not retired stays as it is."""
        rows = await self._statements.rows(_RESTORE, key_id=key_id)
        return _key(rows[0]) if rows else None


def _key(row: Row[Any]) -> KnownKey:
    return KnownKey(
        id=row.id,
        check=row.check_value,
        first_seen=row.first_seen,
        encrypts_since=row.encrypts_since,
        retired_at=row.retired_at,
    )
