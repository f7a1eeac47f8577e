"""The ledger of schedules' periods in PostgreSQL."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.scheduling_tables import scheduled_periods as table
from adapters.db.statements import Statements
from domain.scheduling import HELD, Begun

_this = (table.c.schedule == bindparam("name"), table.c.period == bindparam("of_period"))
_held = func.now() + literal(HELD)

_begin = insert(table).values(
    schedule=bindparam("name"), period=bindparam("of_period"), run=bindparam("by"), held_until=_held
)
_BEGIN = _begin.on_conflict_do_update(
    index_elements=["schedule", "period"],
    set_={
        "run": _begin.excluded.run,
        "held_until": _begin.excluded.held_until,
        "takes": table.c.takes + case((table.c.run == _begin.excluded.run, 0), else_=literal(1, Integer)),
    },
    where=table.c.done_at.is_(None) & or_(table.c.run == _begin.excluded.run, table.c.held_until <= func.now()),
).returning(table.c.run)
_LOOK = select(table.c.run, table.c.result).where(*_this)

# An insert, not only an update: an operator who wants a period done again may have deleted its row meanwhile.
_done = insert(table).values(
    schedule=bindparam("name"),
    period=bindparam("of_period"),
    run=bindparam("by"),
    held_until=func.now(),
    done_at=func.now(),
    result=bindparam("told"),
)
_DONE = _done.on_conflict_do_update(
    index_elements=["schedule", "period"],
    set_={"run": _done.excluded.run, "done_at": func.now(), "result": _done.excluded.result},
    where=table.c.done_at.is_(None),
).returning(table.c.run)
_LET_GO = (
    update(table)
    .where(*_this, table.c.run == bindparam("by"), table.c.done_at.is_(None))
    .values(held_until=func.now())
    .returning(table.c.run)
)


class SqlPeriodLedger:
    """Implements `domain.scheduling.PeriodLedger`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        self._statements = Statements(engine)

    async def begin(self, name: str, period: str, run: str) -> Begun:
        """Take a period, or hold it for longer; see `domain.scheduling.PeriodLedger`."""
        # Again where somebody has deleted the row in between.
        while True:
            if await self._statements.rows(_BEGIN, name=name, of_period=period, by=run):
                return Begun(by=run)
            if found := await self._statements.rows(_LOOK, name=name, of_period=period):
                return Begun(by=found[0].run, result=found[0].result)

    async def done(self, name: str, period: str, run: str, result: str) -> None:
        """Keep that a period is done; the first result stays."""
        await self._statements.rows(_DONE, name=name, of_period=period, by=run, told=result)

    async def let_go(self, name: str, period: str, run: str) -> None:
        """Hold a period no longer that isn't done."""
        await self._statements.rows(_LET_GO, name=name, of_period=period, by=run)
