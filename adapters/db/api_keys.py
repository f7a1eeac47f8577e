"""API keys in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import DateTime, LargeBinary, Row, Text, bindparam, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Interval

from adapters.db.statements import Statements
from adapters.db.tables import api_keys
from domain.api_keys import ApiKey, KeyScope, NewSecret

_NOTED_EVERY = timedelta(minutes=5)
"""A key's use is noted so often, and not with each request."""

_c = api_keys.c
_now = func.clock_timestamp(type_=DateTime(timezone=True))
_id: Any = bindparam("key_id", type_=Text)
_lifetime: Any = bindparam("lifetime", type_=Interval)

_ADD = (
    insert(api_keys)
    .values(
        id=_id,
        name=bindparam("key_name", type_=Text),
        hash=bindparam("key_hash", type_=LargeBinary),
        expires_at=func.now() + _lifetime,
        scope=bindparam("key_scope", type_=Text),
    )
    .returning(api_keys)
)
_FIND = select(api_keys).where(_c.id == _id)
_ALL = select(api_keys).order_by(_c.name, _c.created_at, _c.id)
_REVOKE = update(api_keys).where(_c.id == _id).values(revoked_at=func.coalesce(_c.revoked_at, _now)).returning(api_keys)
_USED = (
    update(api_keys)
    .where(
        _c.id == _id,
        or_(_c.last_used_at.is_(None), _c.last_used_at < _now - literal(_NOTED_EVERY, Interval)),
    )
    .values(last_used_at=func.date_trunc("minute", _now))
    .returning(_c.id)
)


class SqlApiKeys:
    """Implements `domain.api_keys.ApiKeyStore`, and what the command line needs besides."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._statements = Statements(engine)

    async def add(
        self, secret: NewSecret, name: str, *, lifetime: timedelta | None, scope: KeyScope = KeyScope.http
    ) -> ApiKey:
        """Keep a new key; without a lifetime it does not expire. Raises InvalidRequest for a name that cannot be."""
        values = {"key_id": secret.id, "key_name": name, "key_hash": secret.hash, "lifetime": lifetime}
        return _key((await self._statements.rows(_ADD, **values, key_scope=scope.value))[0])

    async def find(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """The key of this id, and its hash; None where there is none."""
        rows = await self._statements.rows(_FIND, key_id=key_id)
        return (_key(rows[0]), rows[0].hash) if rows else None

    async def all(self) -> list[ApiKey]:
        """All keys, expired and revoked ones included, by name."""
        return [_key(row) for row in await self._statements.rows(_ALL)]

    async def revoke(self, key_id: str) -> ApiKey | None:
        """Let the key be valid no longer; None where there is none. The time of the first call stays."""
        rows = await self._statements.rows(_REVOKE, key_id=key_id)
        return _key(rows[0]) if rows else None

    async def used(self, key: ApiKey) -> None:
        """Note that the key is in use, where that was not noted in the last minutes."""
        await self._statements.rows(_USED, key_id=key.id)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey.model_validate({name: getattr(row, name) for name in ApiKey.model_fields})
