"""Dead letters in PostgreSQL.

Who records a run of a job holds a lock on the job until its transaction ends: the worker that sees the failure, and the
sweep that finds the same one, may come at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import alerts
from adapters.db.dead_letter_moves import lock_job, move
from adapters.db.dead_letter_queries import COLUMNS, group_of, grouped, letter_of, matching
from adapters.db.dead_letter_tables import dead_letter_actions, dead_letters
from adapters.db.errors import translated
from adapters.db.statements import Statements
from domain.dead_letter_alerts import alert_of
from domain.dead_letters import (
    SWEEP,
    UNSETTLED,
    WAITING,
    DeadRun,
    Group,
    Letter,
    LetterAction,
    LetterFilter,
    LetterState,
    Moved,
)

_c = dead_letters.c
_SUPERSEDED = Moved(by=SWEEP, note="A later run of the job is dead.")
_AGAIN = Moved(by=SWEEP, note="The run had come on, and is dead again.")
_BATCH = 1000
"""Letters that are moved in one transaction."""


class SqlDeadLetters:
    """Implements `domain.dead_letters.DeadLetters`."""

    def __init__(self, engine: AsyncEngine, *, alert_window: timedelta) -> None:
        """Share the engine's pool. `alert_window`: how long alerts wait for others, to be told together."""
        self._engine = engine
        self._statements = Statements(engine)
        self._window = alert_window

    async def record(self, run: DeadRun) -> Letter | None:
        """Record a dead run; see `domain.dead_letters.DeadLetters`."""
        with translated():
            async with self._engine.begin() as connection:
                await lock_job(connection, run.workflow_id)
                of_job = select(*COLUMNS).where(_c.workflow_id == run.workflow_id)
                letters = [letter_of(row) for row in await connection.execute(of_job)]
                known = next((letter for letter in letters if letter.run.run_id == run.run_id), None)
                others = [letter for letter in letters if letter is not known]
                if known is None:
                    letter: Letter | None = await _first(connection, others, run)
                else:
                    letter = await _again(connection, known, run, others)
                if letter is None or letter.state is not LetterState.open:
                    return letter
                if (alert := alert_of(letter, again=known is not None)) is not None:
                    await alerts.add(connection, alert, window=self._window)
        return letter

    async def find(self, letter_id: int) -> Letter | None:
        """One letter."""
        rows = await self._statements.rows(select(*COLUMNS).where(_c.id == letter_id))
        return letter_of(rows[0]) if rows else None

    async def list(
        self, which: LetterFilter, *, limit: int, after: int | None = None, oldest_first: bool = False
    ) -> Sequence[Letter]:
        """A page of letters, the newest first."""
        wanted = select(*COLUMNS).where(*matching(which)).limit(limit)
        wanted = wanted.order_by(_c.id if oldest_first else _c.id.desc())
        if after is not None:
            wanted = wanted.where(_c.id > after if oldest_first else _c.id < after)
        return [letter_of(row) for row in await self._statements.rows(wanted)]

    async def count(self, which: LetterFilter) -> int:
        """How many there are."""
        rows = await self._statements.rows(select(func.count()).select_from(dead_letters).where(*matching(which)))
        return int(rows[0][0])

    async def waiting(self) -> Mapping[str, int]:
        """How many wait for a person, by kind."""
        number = func.count().label("number")
        wanted = select(_c.kind, number).where(_c.state.in_(sorted(WAITING))).group_by(_c.kind)
        return {row.kind: row.number for row in await self._statements.rows(wanted)}

    async def groups(self, which: LetterFilter, *, limit: int = 100) -> Sequence[Group]:
        """Letters by what they have died of, most of the same first."""
        return [group_of(row) for row in await self._statements.rows(grouped(which, limit))]

    async def move(
        self, ids: Collection[int], to: LetterState, *, moved: Moved, only: Collection[LetterState] | None = None
    ) -> Sequence[int]:
        """Move letters to a state, a thousand in a transaction; see `domain.dead_letters.DeadLetters`."""
        states = set(LetterState if only is None else only)
        wanted = sorted(set(ids))
        done: list[int] = []
        for start in range(0, len(wanted), _BATCH):
            with translated():
                async with self._engine.begin() as connection:
                    done += await move(connection, wanted[start : start + _BATCH], to, moved, only=states)
        return done

    async def actions(self, letter_id: int) -> Sequence[LetterAction]:
        """What was done with a letter, the first first."""
        a = dead_letter_actions.c
        wanted = select(a.at, a.by, a.was, a.state, a.note).where(a.letter_id == letter_id).order_by(a.id)
        return [LetterAction(**row._mapping) for row in await self._statements.rows(wanted)]


async def _first(connection: AsyncConnection, others: Sequence[Letter], run: DeadRun) -> Letter:
    """A run that was not known."""
    state: dict[str, Any] = {}
    if any(letter.run.failed_at > run.failed_at for letter in others):
        state = {"state": LetterState.resolved, **_SUPERSEDED.model_dump()}
    else:
        await _supersede(connection, others)
    adding = insert(dead_letters).values(**_columns(run), **state).returning(*COLUMNS)
    return letter_of((await connection.execute(adding)).one())


async def _again(connection: AsyncConnection, known: Letter, run: DeadRun, others: Sequence[Letter]) -> Letter | None:
    """A run that has a letter; None where that stays as it is."""
    new = _columns(run)
    if known.run.undecryptable is not None and run.undecryptable is None:
        pass  # Told by one who has the key: all of it counts.
    elif known.run.cause.final:
        # The same death, told a second time.
        known_by_now = known.run.model_dump()
        filled = {name: new[name] for name in ("step", "attempts", "request") if known_by_now[name] is None}
        # Of two keys that it took, the one that is lacking still.
        new = filled if known.run.undecryptable is None else filled | {"undecryptable": run.undecryptable}
    elif new["request"] is None:
        # Told by one who lacks the key.
        new["request"] = known.run.request
    if new:
        await connection.execute(update(dead_letters).where(_c.id == known.id).values(**new))
    later = any(letter.run.failed_at > run.failed_at for letter in others)
    if known.run.cause.final or known.state is not LetterState.resolved or later:
        return None
    await _supersede(connection, others)
    await move(connection, [known.id], LetterState.open, _AGAIN, only=[LetterState.resolved])
    return letter_of((await connection.execute(select(*COLUMNS).where(_c.id == known.id))).one())


async def _supersede(connection: AsyncConnection, letters: Sequence[Letter]) -> None:
    await move(connection, [letter.id for letter in letters], LetterState.resolved, _SUPERSEDED, only=UNSETTLED)


def _columns(run: DeadRun) -> dict[str, Any]:
    return {**run.model_dump(), "fingerprint": run.fingerprint}
