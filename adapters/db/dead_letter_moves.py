"""Moves letters from state to state, with a row for each move that tells who did it and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, bindparam, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.dead_letter_tables import dead_letter_actions, dead_letters
from domain.dead_letters import WAITING, LetterState, Moved

_c = dead_letters.c
_LOCKS = 0x64656164
"""Of all jobs, as the first half of their locks; the letters "dead"."""

_ids: Any = bindparam("ids", type_=ARRAY(BigInteger))
_of_job: Any = func.hashtext(_c.workflow_id, type_=Integer)
_LOCK = select(
    func.pg_advisory_xact_lock(literal(_LOCKS, Integer), func.hashtext(bindparam("job", type_=Text), type_=Integer))
)
# In order, or two who lock some of the same would wait for each other.
_hashes = select(_of_job.label("hash")).where(_c.id == func.any(_ids)).distinct().order_by("hash").subquery()
_LOCK_JOBS = select(func.pg_advisory_xact_lock(literal(_LOCKS, Integer), _hashes.c.hash))
_MOVE = update(dead_letters).where(_c.id == func.any(_ids))


async def lock_job(connection: AsyncConnection, workflow_id: str) -> None:
    """Let nobody else record a run of this job, or open one of its letters, until the transaction ends."""
    await connection.execute(_LOCK, {"job": workflow_id})


async def move(
    connection: AsyncConnection,
    ids: Collection[int],
    to: LetterState,
    moved: Moved,
    *,
    only: Collection[LetterState],
) -> Sequence[int]:
    """Move letters in the connection's transaction; see `domain.dead_letters.DeadLetters`."""
    if to in WAITING:
        # Before any row is locked: who records a run locks in this order too.
        await connection.execute(_LOCK_JOBS, {"ids": sorted(ids)})
    chosen = (
        select(_c.id, _c.state, _c.workflow_id)
        .where(_c.id == func.any(_ids), _c.state.in_(sorted(set(only) - {to})))
        .order_by(_c.id)
        .with_for_update()
    )
    rows = (await connection.execute(chosen, {"ids": sorted(ids)})).all()
    if to in WAITING:
        jobs = [row.workflow_id for row in rows]
        waiting = select(_c.workflow_id, _c.id).where(
            _c.workflow_id == func.any(cast(jobs, ARRAY(Text))), _c.state.in_(sorted(WAITING))
        )
        holder = {row.workflow_id: row.id for row in await connection.execute(waiting)}
        # Of several letters of a job the last.
        holder = {row.workflow_id: row.id for row in rows} | holder
        rows = [row for row in rows if holder[row.workflow_id] == row.id]
    if not rows:
        return []
    values = {"state": to, "state_at": func.clock_timestamp(), "by": moved.by, "note": moved.note}
    await connection.execute(_MOVE.values(**values), {"ids": [row.id for row in rows]})
    acts = [
        {"letter_id": row.id, "by": moved.by, "was": row.state, "state": to.value, "note": moved.note} for row in rows
    ]
    await connection.execute(insert(dead_letter_actions), acts)
    return [row.id for row in rows]
