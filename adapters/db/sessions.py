"""The sessions of the shop's site in PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.scheduling_tables import sessions
from adapters.db.statements import Statements

# An array, so that PostgreSQL looks for them once, whatever it thinks of the tables' sizes.
_expired = (
    select(sessions.c.id)
    .where(sessions.c.expires_at <= func.now())
    .order_by(sessions.c.expires_at)
    .limit(bindparam("most", type_=BigInteger))
    # One that is being prolonged at this moment is left; one that was prolonged a moment ago has not expired.
    .with_for_update(skip_locked=True)
)
_removed = (
    delete(sessions)
    .where(sessions.c.id == func.any(func.array(_expired.scalar_subquery())))
    .returning(sessions.c.id)
    .cte("removed")
)
_REMOVE = select(func.count()).select_from(_removed)


class SqlSessions:
    """Implements `domain.session_cleanup.Sessions`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        self._statements = Statements(engine)

    async def remove_expired(self, limit: int) -> int:
        """Remove up to so many that have expired by now, in a transaction of its own; returns how many were removed.

        Where the connection breaks after PostgreSQL has removed them, they may not be counted.
        """
        return int((await self._statements.rows(_REMOVE, most=limit))[0][0])
