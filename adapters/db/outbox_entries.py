"""The operator's side of the outbox: looking at entries, letting them be tried again, and dropping them.

An entry that a relay is starting at this moment is locked by it, and left to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Text, cast, delete, func, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db.errors import translated
from adapters.db.statements import Statements
from adapters.db.tables import outbox

_c = outbox.c
_COLUMNS = (
    *(_c.id, _c.kind, cast(_c.payload, Text).label("payload"), _c.job_id, _c.enqueued_at, _c.start_at, _c.start_delay),
    *(_c.priority, _c.fairness_key, _c.attempts, _c.retry_at, _c.refused_at, _c.error_type, _c.error),
)
_TROUBLED = or_(_c.refused_at.is_not(None), _c.retry_at.is_not(None), _c.error.is_not(None))
_WAKE = text("SELECT pg_notify('jobs_outbox', '')")


@dataclass(frozen=True)
class ListedEntry:
    """One row of the outbox, as people look at it."""

    id: int
    kind: str
    payload: str
    """JSON, as the database writes it."""
    job_id: str | None
    """None where only the relay can derive it."""
    enqueued_at: datetime
    start_at: datetime | None
    start_delay: timedelta | None
    priority: int | None
    fairness_key: str | None
    attempts: int
    retry_at: datetime | None
    refused_at: datetime | None
    error_type: str | None
    error: str | None

    @property
    def troubled(self) -> bool:
        """It was refused, or put off after an attempt."""
        return any((self.refused_at, self.retry_at, self.error_type))

    @property
    def not_before(self) -> datetime | None:
        """When the job may start, where it was not to start at once."""
        return self.start_at or (self.enqueued_at + self.start_delay if self.start_delay is not None else None)


@dataclass(frozen=True)
class Found:
    """What became of the entries that were asked for."""

    changed: Sequence[ListedEntry]
    untroubled: Sequence[int] = ()
    """Ids of those that wait to be started, and with which nothing has gone wrong."""
    busy: Sequence[int] = ()
    """Ids of those that a relay is starting right now."""
    gone: Sequence[int] = ()
    """Ids that are not there: they were started, or discarded, or never were."""


class OutboxEntries:
    """Looks at entries and changes them. Raises the domain's errors."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._statements = Statements(engine)

    async def oldest(self, *, limit: int, refused: bool = False, kind: str | None = None) -> list[ListedEntry]:
        """The oldest entries; with `refused` those that will not be tried again by themselves."""
        wanted = select(*_COLUMNS).where(_of_kind(kind)).order_by(_c.id).limit(limit)
        if refused:
            wanted = wanted.where(_c.refused_at.is_not(None))
        return _entries(await self._statements.rows(wanted))

    async def named(self, ids: Collection[int]) -> list[ListedEntry]:
        """These entries, as far as they are there."""
        return _entries(await self._statements.rows(select(*_COLUMNS).where(_among(ids))))

    async def retry(self, ids: Collection[int]) -> Found:
        """Let these entries be tried again at once, and wake the relay."""
        with translated():
            async with self._engine.begin() as connection:
                return await _found(connection, ids, await _retried(connection, _among(ids)))

    async def retry_all(self, kind: str | None = None) -> Found:
        """Let all entries, or those of a kind, be tried again at once that were refused or put off."""
        with translated():
            async with self._engine.begin() as connection:
                return Found(await _retried(connection, _of_kind(kind)))

    async def discard(self, ids: Collection[int]) -> Found:
        """Drop those of these entries that were refused or put off: their jobs will never run."""
        with translated():
            async with self._engine.begin() as connection:
                dropping = delete(outbox).where(_free(_among(ids))).returning(*_COLUMNS)
                return await _found(connection, ids, _entries(await connection.execute(dropping)))


async def _retried(connection: AsyncConnection, which: ColumnElement[bool]) -> list[ListedEntry]:
    due = {"refused_at": None, "retry_at": None, "error_type": None, "error": None}
    retrying = update(outbox).where(_free(which)).values(due).returning(*_COLUMNS)
    retried = _entries(await connection.execute(retrying))
    if retried:
        await connection.execute(_WAKE)
    return retried


async def _found(connection: AsyncConnection, ids: Collection[int], changed: list[ListedEntry]) -> Found:
    rest = set(ids) - {entry.id for entry in changed}
    left = await connection.execute(select(_c.id, _TROUBLED.label("troubled")).where(_among(rest)))
    there = {row.id: row.troubled for row in left}
    return Found(
        changed=changed,
        untroubled=sorted(id_ for id_, troubled in there.items() if not troubled),
        busy=sorted(id_ for id_, troubled in there.items() if troubled),
        gone=sorted(rest - there.keys()),
    )


def _free(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those of them that were refused or put off, and that no relay is starting right now."""
    return _c.id.in_(select(_c.id).where(which, _TROUBLED).order_by(_c.id).with_for_update(skip_locked=True))


def _among(ids: Collection[int]) -> ColumnElement[bool]:
    return _c.id == func.any(cast(list(ids), ARRAY(BigInteger)))


def _of_kind(kind: str | None) -> ColumnElement[bool]:
    return true() if kind is None else _c.kind == kind


def _entries(rows: Iterable[Row[Any]]) -> list[ListedEntry]:
    return sorted((ListedEntry(**row._mapping) for row in rows), key=lambda entry: entry.id)
