"""Dead letters in PostgreSQL, and the sweep's checkpoint.

Recording a run locks its job until the transaction ends: the worker that sees the failure and the sweep that finds it
may come at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Text, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import alerts
from adapters.db.dead_letter_tables import dead_letter_actions, dead_letter_sweep, dead_letters
from adapters.db.errors import translated
from adapters.db.statements import Statements
from domain.dead_letter_digest import alert_of
from domain.dead_letters import (
    SWEEP,
    WAITING,
    Audit,
    DeadLetter,
    DeadLetterAction,
    DeadLetterFilter,
    DeadLetterGroup,
    DeadLetterState,
    FailedRun,
    Move,
    fingerprint_of,
)

_c = dead_letters.c
_LETTERS = select(*(_c[name] for name in DeadLetter.model_fields))
_JOB_LOCKS = literal(0x64656164, Integer)
"""First half of the advisory locks of jobs: the characters "dead"."""
_SUPERSEDED = Audit(by=SWEEP, note="A later run of the job is dead.")
_FAILED_AGAIN = Audit(by=SWEEP, note="The run had continued, and is dead again.")
_BATCH = 1000
"""Dead letters that are moved in one transaction."""


class SqlDeadLetterRepository:
    """Implements `domain.dead_letters.DeadLetterRepository`."""

    def __init__(self, engine: AsyncEngine, *, alert_window: timedelta = timedelta()) -> None:
        """Share the engine's pool. `alert_window`: how long an alert waits for others, to share a message."""
        self._engine = engine
        self._statements = Statements(engine)
        self._window = alert_window

    async def record(self, run: FailedRun) -> DeadLetter | None:
        """Record a dead run; see `domain.dead_letters.DeadLetterRepository`."""
        with translated():
            async with self._engine.begin() as connection:
                await connection.execute(_lock(_hash(literal(run.workflow_id))))
                letters = await _fetch(connection, _LETTERS.where(_c.workflow_id == run.workflow_id))
                known = next((letter for letter in letters if letter.run_id == run.run_id), None)
                others = [letter for letter in letters if letter is not known]
                if known is None:
                    letter: DeadLetter | None = await _add(connection, others, run)
                else:
                    letter = await _record_again(connection, known, run, others)
                if letter is None or letter.state is not DeadLetterState.open:
                    return letter
                if (alert := alert_of(letter, again=known is not None)) is not None:
                    await alerts.add(connection, alert, window=self._window)
        return letter

    async def find(self, letter_id: int) -> DeadLetter | None:
        """One dead letter."""
        rows = await self._statements.rows(_LETTERS.where(_c.id == letter_id))
        return DeadLetter(**rows[0]._mapping) if rows else None

    async def list(
        self, which: DeadLetterFilter, *, limit: int, after: int | None = None, oldest_first: bool = False
    ) -> Sequence[DeadLetter]:
        """A page of dead letters, newest first."""
        page = _LETTERS.where(*_matching(which)).limit(limit).order_by(_c.id if oldest_first else _c.id.desc())
        if after is not None:
            page = page.where(_c.id > after if oldest_first else _c.id < after)
        return [DeadLetter(**row._mapping) for row in await self._statements.rows(page)]

    async def count(self, which: DeadLetterFilter) -> int:
        """How many match."""
        [row] = await self._statements.rows(select(func.count()).select_from(dead_letters).where(*_matching(which)))
        return int(row[0])

    async def waiting(self) -> Mapping[str, int]:
        """How many wait for an operator, by kind."""
        counts = select(_c.kind, func.count().label("number")).where(_c.state.in_(WAITING)).group_by(_c.kind)
        return {row.kind: row.number for row in await self._statements.rows(counts)}

    async def groups(self, which: DeadLetterFilter, *, limit: int = 100) -> Sequence[DeadLetterGroup]:
        """Dead letters by fingerprint, the largest group first."""
        examples = (
            _LETTERS.add_columns(
                func.count().over(partition_by=_c.fingerprint).label("count_"),
                func.min(_c.failed_at).over(partition_by=_c.fingerprint).label("first_"),
                func.max(_c.failed_at).over(partition_by=_c.fingerprint).label("last_"),
            )
            .where(*_matching(which))
            .ext(distinct_on(_c.fingerprint))
            .order_by(_c.fingerprint, _c.failed_at.desc(), _c.id.desc())
            .subquery()
        )
        largest = select(examples).order_by(examples.c.count_.desc(), examples.c.last_.desc()).limit(limit)
        return [
            DeadLetterGroup(count=row.count_, first=row.first_, last=row.last_, example=DeadLetter(**row._mapping))
            for row in await self._statements.rows(largest)
        ]

    async def move(self, ids: Collection[int], move: Move, audit: Audit) -> Sequence[int]:
        """Move dead letters, a thousand in a transaction; see `domain.dead_letters.DeadLetterRepository`."""
        wanted = sorted(set(ids))
        moved: list[int] = []
        for start in range(0, len(wanted), _BATCH):
            with translated():
                async with self._engine.begin() as connection:
                    moved += await _move(connection, wanted[start : start + _BATCH], move, audit)
        return moved

    async def actions(self, letter_id: int) -> Sequence[DeadLetterAction]:
        """The audit trail, oldest first."""
        a = dead_letter_actions.c
        trail = select(a.at, a.by, a.was, a.state, a.note).where(a.letter_id == letter_id).order_by(a.id)
        return [DeadLetterAction(**row._mapping) for row in await self._statements.rows(trail)]


class SqlSweepCheckpoint:
    """Implements `domain.dead_letter_sweep.SweepCheckpoint`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._statements = Statements(engine)

    async def swept_until(self) -> datetime | None:
        """All runs that ended before are known; None before the first sweep."""
        rows = await self._statements.rows(select(dead_letter_sweep.c.swept_until))
        return rows[0].swept_until if rows else None

    async def advance(self, until: datetime) -> None:
        """Store a later moment; an earlier one changes nothing."""
        c = dead_letter_sweep.c
        adding = upsert(dead_letter_sweep).values(swept_until=until)
        later = func.greatest(c.swept_until, adding.excluded.swept_until)
        await self._statements.rows(
            adding.on_conflict_do_update(index_elements=[c.one], set_={"swept_until": later}).returning(c.swept_until)
        )


def _hash(workflow_id: ColumnElement[str]) -> ColumnElement[int]:
    return func.hashtext(workflow_id, type_=Integer)


def _lock(hashes: ColumnElement[int]) -> Any:
    return select(func.pg_advisory_xact_lock(_JOB_LOCKS, hashes))


async def _fetch(connection: AsyncConnection, letters: Any) -> list[DeadLetter]:
    return [DeadLetter(**row._mapping) for row in await connection.execute(letters)]


def _matching(which: DeadLetterFilter) -> list[ColumnElement[bool]]:
    exact = ("kind", "error_type", "fingerprint", "workflow_id", "run_id")
    conditions = [_c[name] == value for name in exact if (value := getattr(which, name)) is not None]
    if which.states is not None:
        conditions.append(_c.state.in_(which.states))
    # As one parameter each: there may be thousands.
    if which.ids is not None:
        conditions.append(_c.id == func.any(cast(list(which.ids), ARRAY(BigInteger))))
    if which.run_ids is not None:
        conditions.append(_c.run_id == func.any(cast(list(which.run_ids), ARRAY(Text))))
    conditions += [_c.request[field].astext == value for field, value in (which.request or {}).items()]
    if which.since is not None:
        conditions.append(_c.failed_at >= which.since)
    if which.until is not None:
        conditions.append(_c.failed_at < which.until)
    return conditions


async def _add(connection: AsyncConnection, others: Sequence[DeadLetter], run: FailedRun) -> DeadLetter:
    """Record a run that was unknown."""
    values = {**run.model_dump(), "fingerprint": fingerprint_of(run)}
    if any(letter.failed_at > run.failed_at for letter in others):
        values |= {"state": DeadLetterState.resolved, **_SUPERSEDED.model_dump()}
    else:
        await _move(connection, [letter.id for letter in others], Move.resolve, _SUPERSEDED)
    added = await connection.execute(insert(dead_letters).values(values).returning(*_LETTERS.selected_columns))
    return DeadLetter(**added.one()._mapping)


async def _record_again(
    connection: AsyncConnection, known: DeadLetter, run: FailedRun, others: Sequence[DeadLetter]
) -> DeadLetter | None:
    """Record a run that has a dead letter; None if that keeps its state."""
    if values := _new_facts(known, run):
        await connection.execute(update(dead_letters).where(_c.id == known.id).values(values))
    superseded = any(letter.failed_at > run.failed_at for letter in others)
    if known.cause.final or known.state is not DeadLetterState.resolved or superseded:
        return None
    await _move(connection, [letter.id for letter in others], Move.resolve, _SUPERSEDED)
    await _move(connection, [known.id], Move.fail_again, _FAILED_AGAIN)
    [letter] = await _fetch(connection, _LETTERS.where(_c.id == known.id))
    return letter


def _new_facts(known: DeadLetter, run: FailedRun) -> dict[str, Any]:
    """The columns that a second report of a run changes."""
    values = {**run.model_dump(), "fingerprint": fingerprint_of(run)}
    if known.undecryptable is not None and run.undecryptable is None:
        return values  # this reporter has the key
    if known.cause.final:
        # The same failure again: fill in what was unknown. If two keys were needed, keep the missing one.
        names = [name for name in ("step", "attempts", "request") if getattr(known, name) is None]
        return {name: values[name] for name in (*names, *(["undecryptable"] if known.undecryptable else []))}
    if run.request is None:
        values["request"] = known.request  # this reporter lacks the key
    return values


async def _move(connection: AsyncConnection, ids: Sequence[int], move: Move, audit: Audit) -> Sequence[int]:
    these = _c.id == func.any(cast(ids, ARRAY(BigInteger)))
    if opens := move.target in WAITING and not move.sources <= WAITING:
        # Jobs before rows, as recording a run does, and in the order of the locks: no two wait for each other.
        hashes = select(_hash(_c.workflow_id).label("hash")).where(these).distinct().order_by("hash").subquery()
        await connection.execute(_lock(hashes.c.hash))
    chosen = select(_c.id, _c.state, _c.workflow_id).where(these, _c.state.in_(move.sources - {move.target}))
    rows = (await connection.execute(chosen.order_by(_c.id).with_for_update())).all()
    if opens:
        jobs = cast([row.workflow_id for row in rows], ARRAY(Text))
        waiting = select(_c.workflow_id, _c.id).where(_c.workflow_id == func.any(jobs), _c.state.in_(WAITING))
        # At most one per job: the one that waits already, or else the last.
        holder = {row.workflow_id: row.id for row in rows}
        holder |= {row.workflow_id: row.id for row in await connection.execute(waiting)}
        rows = [row for row in rows if holder[row.workflow_id] == row.id]
    if not rows:
        return []
    moved = [row.id for row in rows]
    values = {"state": move.target, "state_at": func.clock_timestamp(), **audit.model_dump()}
    await connection.execute(
        update(dead_letters).where(_c.id == func.any(cast(moved, ARRAY(BigInteger)))).values(values)
    )
    action = {**audit.model_dump(), "state": move.target}
    actions = [{"letter_id": row.id, "was": row.state, **action} for row in rows]
    await connection.execute(insert(dead_letter_actions), actions)
    return moved
