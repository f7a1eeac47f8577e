"""How far was swept for dead runs, in PostgreSQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letter_tables import dead_letter_sweep
from adapters.db.statements import Statements

_c = dead_letter_sweep.c
_adding = insert(dead_letter_sweep).values(swept_until=bindparam("until", type_=DateTime(timezone=True)))
_KEEP = _adding.on_conflict_do_update(
    index_elements=[_c.one], set_={"swept_until": func.greatest(_c.swept_until, _adding.excluded.swept_until)}
).returning(_c.swept_until)


class SqlSweepMark:
    """Implements `domain.dead_letter_sweep.SweepMark`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        self._statements = Statements(engine)

    async def swept_until(self) -> datetime | None:
        """All runs that ended before are known; None where nothing was swept yet."""
        rows = await self._statements.rows(select(_c.swept_until))
        return rows[0].swept_until if rows else None

    async def swept(self, until: datetime) -> None:
        """Keep it; an earlier moment than the one that is kept changes nothing."""
        await self._statements.rows(_KEEP, until=until)
