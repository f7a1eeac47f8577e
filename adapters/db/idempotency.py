"""Keeps answers with their requests' keys, within the transaction that does what the request asks for.

A key is claimed by a row that only its transaction sees; whoever claims the same one waits at the unique key until that
transaction has ended. Where it has committed, its answer is there; where not, the row is gone with all else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import DateTime, Interval, Text, and_, bindparam, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db.errors import gave_up_waiting
from adapters.db.statements import limit_waits, twice
from adapters.db.tables import idempotency_keys
from domain.errors import OutcomeUnknown
from domain.idempotency import Answer, KeyReused, Repeatable, StillAtWork

WAIT = timedelta(seconds=5)
"""How long a request waits for an earlier one with the same key."""

_REMOVED_AT_ONCE = 10
"""Each kept answer removes up to so many that are kept no longer: there are ever fewer of those."""

_c = idempotency_keys.c
_kept: Any = bindparam("kept", type_=Interval)
_expired = _c.created_at <= func.clock_timestamp(type_=DateTime(timezone=True)) - _kept
_this = and_(
    _c.client == bindparam("of_client", type_=Text),
    _c.key == bindparam("of_key", type_=Text),
)

_new = insert(idempotency_keys).values(
    client=bindparam("client"), key=bindparam("key"), request_hash=bindparam("request_hash")
)
_CLAIM = _new.on_conflict_do_update(
    index_elements=[_c.client, _c.key],
    set_={
        "request_hash": _new.excluded.request_hash,
        "created_at": _new.excluded.created_at,
        "status": None,
        "location": None,
        "body": None,
    },
    where=_expired,
).returning(_c.key)
_FIND = select(_c.request_hash, _c.status, _c.location, _c.body).where(_this)
_KEEP = (
    update(idempotency_keys)
    .where(_this)
    .values(status=bindparam("new_status"), location=bindparam("new_location"), body=bindparam("new_body"))
)
_REMOVE = delete(idempotency_keys).where(
    tuple_(_c.client, _c.key).in_(
        select(_c.client, _c.key)
        .where(_expired)
        .order_by(_c.created_at)
        .limit(_REMOVED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
)


async def answered(
    engine: AsyncEngine,
    repeatable: Repeatable | None,
    work: Callable[[AsyncConnection], Awaitable[Answer]],
    *,
    kept: timedelta,
    wait: timedelta,
    unknown: str,
) -> Answer:
    """Do the work and keep its answer in one transaction, or give the answer that was kept with the request's key.

    Raises KeyReused, StillAtWork, and what the work does; OutcomeUnknown, with the message `unknown`, if the connection
    broke at the commit.
    """

    async def once() -> Answer:
        async with engine.connect() as connection:
            if repeatable is not None:
                before = await _claim(connection, repeatable, kept=kept, wait=wait)
                if before is not None:
                    return before
            answer = await work(connection)
            if repeatable is not None:
                await _keep(connection, repeatable, answer, kept=kept)
            try:
                await connection.commit()
            except (DBAPIError, OSError, TimeoutError):
                raise OutcomeUnknown(unknown) from None
        return answer

    return await twice(once)


async def _claim(
    connection: AsyncConnection, request: Repeatable, *, kept: timedelta, wait: timedelta
) -> Answer | None:
    """Claim the request's key for the transaction, or return the answer that was kept with it."""
    await limit_waits(connection, wait)
    mine = {"client": request.client, "key": request.key, "request_hash": request.request_hash, "kept": kept}
    try:
        claimed = (await connection.execute(_CLAIM, mine)).one_or_none()
    except DBAPIError as error:
        if gave_up_waiting(error):
            raise StillAtWork from None
        raise
    if claimed is not None:
        return None
    found = (await connection.execute(_FIND, _key(request))).one()
    if found.request_hash != request.request_hash:
        raise KeyReused
    return Answer(status=found.status, body=found.body, location=found.location, replayed=True)


async def _keep(connection: AsyncConnection, request: Repeatable, answer: Answer, *, kept: timedelta) -> None:
    """Keep the answer with the key that was claimed, and remove some that are kept no longer."""
    values = {"new_status": answer.status, "new_location": answer.location, "new_body": answer.body}
    await connection.execute(_KEEP, _key(request) | values)
    await connection.execute(_REMOVE, {"kept": kept})


def _key(request: Repeatable) -> dict[str, str]:
    return {"of_client": request.client, "of_key": request.key}
