"""The relay's side of the outbox: taking entries, settling them, and being woken when some come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
from sqlalchemy import (
    BigInteger,
    Interval,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import alerts
from adapters.db.errors import translated
from adapters.db.statements import Statements
from adapters.db.tables import ERROR_LIMIT, outbox
from adapters.settings import DatabaseSettings
from domain.alert import NEVER_ALERTED
from domain.alerts import Alert, AlertKind
from domain.outbox import Backlog, Batch, Entry

_log = logging.getLogger(__name__)

CHANNEL = "jobs_outbox"
"""On which PostgreSQL tells that entries have come."""

UNKNOWN_KIND = "UnknownKind"
"""Error type of an entry whose kind the relay did not know."""

_UNKNOWN_AFTER = timedelta(minutes=1)
_RECONNECT = (0.5, 30.0)
"""Seconds: the shortest and the longest wait before another connection is tried."""

_c = outbox.c
_now = func.clock_timestamp()
_own: Any = bindparam("own", type_=ARRAY(Text))
_known: Any = bindparam("known", type_=ARRAY(Text))


def _old_enough(age: Any) -> Any:
    return _c.enqueued_at <= _now - age


_start = func.coalesce(_c.start_at, _c.enqueued_at + _c.start_delay)
_ENTRY = (
    _c.id,
    _c.start_id,
    _c.kind,
    cast(_c.payload, Text).label("payload"),
    case((_start > _now, _start - _now), else_=cast(null(), Interval)).label("delay"),
    _c.priority,
    _c.fairness_key,
    _c.attempts,
)


def _locked(*conditions: Any, first: Any, most: str) -> Any:
    """Entries that this relay may take and nobody else has; locked."""
    return (
        select(*_ENTRY)
        .where(
            _c.refused_at.is_(None),
            *conditions,
            or_(
                _c.kind == func.any(_own),
                and_(_c.kind == func.any(_known), _old_enough(bindparam("patience", type_=Interval))),
                # A relay that knows the kind may be about to be deployed.
                and_(_old_enough(literal(_UNKNOWN_AFTER, Interval)), not_(_c.kind == func.any(_known))),
            ),
            _c.id != func.all(bindparam("without", type_=ARRAY(BigInteger))),
        )
        .order_by(first)
        .limit(bindparam(most, type_=BigInteger))
        .with_for_update(skip_locked=True)
    )


# Those that were put off have a share of their own: thousands of them, which fail again and again, are not to be in the
# way of new ones, nor a stream of new ones in theirs.
_fresh = _locked(_c.retry_at.is_(None), first=_c.id, most="most").cte("fresh")
_again = _locked(_c.retry_at <= _now, first=_c.retry_at, most="share").cte("again")
_TAKE = union_all(select(_fresh), select(_again))
_SHARE = 5
"""One in so many of a batch may be one that was put off."""
_DELETE = delete(outbox).where(_c.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))))
_wait: Any = bindparam("wait", type_=Interval)
_KEEP = (
    update(outbox)
    .where(_c.id == bindparam("entry"))
    .values(
        attempts=_c.attempts + 1,
        refused_at=case((_wait.is_(None), func.now())),
        retry_at=_now + _wait,
        error_type=bindparam("type"),
        error=bindparam("message"),
    )
)
_REVIVE = (
    update(outbox)
    .where(_c.refused_at.is_not(None), _c.error_type == UNKNOWN_KIND, _c.kind == func.any(_known))
    .values(refused_at=None, error_type=None, error=None)
    .returning(_c.id)
)
_BACKLOG = select(
    func.count().filter(_c.refused_at.is_(None)).label("waiting"),
    func.coalesce(
        _now - func.min(_c.enqueued_at).filter(_c.refused_at.is_(None)), literal(timedelta(), Interval)
    ).label("oldest"),
    func.count().filter(_c.refused_at.is_not(None)).label("refused"),
).select_from(outbox)


class SqlOutbox:
    """Implements `domain.outbox.Outbox`."""

    def __init__(
        self, engine: AsyncEngine, settings: DatabaseSettings, *, alert_window: timedelta = timedelta(minutes=1)
    ) -> None:
        """Share the engine's pool; listen on a connection of its own, by `settings.listen_url` if it is given.

        `alert_window`: how long the alert of a refused entry waits for others, to share a message.
        """
        self._engine = engine
        self._alert_window = alert_window
        self._statements = Statements(engine)
        self._settings = settings

    @asynccontextmanager
    async def take(
        self,
        limit: int,
        *,
        own: Collection[str],
        known: Collection[str],
        patience: timedelta,
        without: Collection[int] = (),
    ) -> AsyncIterator[Batch]:
        """Take the oldest entries; see `domain.outbox.Outbox`.

        They are locked by a transaction that lasts as long as the context: where this process or the database ends in
        between, they are as they were.
        """
        async with contextlib.AsyncExitStack() as stack:
            with translated():
                connection = await stack.enter_async_context(self._engine.begin())
                share = -(-limit // _SHARE)
                which = {"own": list(own), "known": list(known), "patience": patience, "without": list(without)}
                rows = await connection.execute(_TAKE, {**which, "most": limit, "share": share})
                batch = Batch([Entry(**row._mapping) for row in rows])
            yield batch
            with translated():
                await self._settle(connection, batch)
                await stack.aclose()

    async def _settle(self, connection: AsyncConnection, batch: Batch) -> None:
        if batch.started:
            await connection.execute(_DELETE, {"ids": batch.started})
        for entry in batch.entries:
            if (why := batch.kept.get(entry.id)) is None:
                continue
            problem = {"type": why.problem.error_type, "message": _storable(why.problem.message)}
            await connection.execute(_KEEP, {"entry": entry.id, "wait": why.wait, **problem})
            if why.wait is None and entry.kind not in NEVER_ALERTED:
                about = f"{entry.kind}/{why.problem.error_type}"
                alert = Alert(kind=AlertKind.outbox_refused, key=f"{entry.id}/{entry.attempts}", about=about)
                await alerts.add(connection, alert, window=self._alert_window)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever entries have come; until cancelled. A connection that ends is made anew."""
        url = self._settings.listen_url or self._settings.url
        dsn = "postgresql://" + url.get_secret_value().partition("://")[2]
        pause, longest = _RECONNECT
        said = False
        while True:
            try:
                connection = await asyncpg.connect(
                    dsn,
                    timeout=self._settings.connect_timeout,
                    server_settings={"application_name": "durable-jobs-listen"},
                )
            except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                # Entries are found without it too, by looking now and then, which works with another URL perhaps. The
                # driver's text may quote this one.
                if not said:
                    said = True
                    _log.warning(
                        "No call tells when jobs are enqueued, which start some seconds later therefore: correct "
                        "DATABASE_LISTEN_URL, or DATABASE_URL where that is not set, or wait for the database",
                        extra={"action": "outbox-deaf", "error": type(exc).__name__},
                    )
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  # no secret
                pause = min(pause * 2, longest)
                continue
            pause, said = _RECONNECT[0], False
            try:
                await _listen(connection, wake)
            finally:
                connection.terminate()

    async def revive(self, known: Collection[str]) -> int:
        """Let entries of these kinds be tried again that were refused as unknown; returns how many."""
        return len(await self._statements.rows(_REVIVE, known=list(known)))

    async def backlog(self) -> Backlog:
        """Count what is there."""
        row = (await self._statements.rows(_BACKLOG))[0]
        return Backlog(waiting=row.waiting, oldest=row.oldest, refused=row.refused)


async def _listen(connection: asyncpg.Connection, wake: Callable[[], None]) -> None:
    """Listen until the connection ends."""
    ended = asyncio.Event()
    connection.add_termination_listener(lambda *_: ended.set())
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.add_listener(CHANNEL, lambda *_: wake())
        wake()  # for what came before
        await ended.wait()


def _storable(message: str) -> str:
    return message.replace("\0", "").encode(errors="replace").decode()[:ERROR_LIMIT]
