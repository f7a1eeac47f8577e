"""Payment callbacks as they come in: each event is kept once, for ever, and enqueues its job with it.

What comes in while PostgreSQL is at work is written together, in the next transaction. A commit waits for the disk, and
a statement costs more than what is done for one event in it: so a burst is taken several times as fast, and an event
that comes alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import LargeBinary, Text, any_, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.statements import Statements
from adapters.db.tables import outbox, payment_events
from domain.errors import PermanentError
from domain.payment_callback import PaymentCallbackRequest

_LARGEST_BATCH = 100
_MOST_BATCHES = 2
"""At a time: while one waits for the disk, or for a connection that has died, the next one goes on."""

_COLUMNS = {"id": Text, "type": Text, "payment_id": Text, "body_hash": LargeBinary, "payload": Text, "job_id": Text}
_given = (
    func.unnest(*(bindparam(name, type_=ARRAY(type_)) for name, type_ in _COLUMNS.items()))
    .table_valued(*(column(name, type_) for name, type_ in _COLUMNS.items()))
    .render_derived("given")
)
_kept = ("id", "type", "payment_id", "body_hash")
_received = (
    insert(payment_events)
    # In one order everywhere, or two who write the same events could wait for each other.
    .from_select(_kept, select(*(_given.c[name] for name in _kept)).order_by(_given.c.id))
    .on_conflict_do_nothing(index_elements=["id"])
    .returning(payment_events.c.id)
    .cte("received")
)
_kind = bindparam("kind", type_=Text)
_jobs = (
    select(_kind, cast(_given.c.payload, JSONB), _given.c.job_id)
    .join_from(_given, _received, _given.c.id == _received.c.id)
    .where(_given.c.payload.is_not(None))
)
_enqueued = insert(outbox).from_select(["kind", "payload", "job_id"], _jobs).cte("enqueued")

# One statement, so one transaction and one round trip: the provider waits for the answer.
_RECEIVE = select(_received.c.id).add_cte(_enqueued)
_HASHES = select(payment_events.c.id, payment_events.c.body_hash).where(
    payment_events.c.id == any_(bindparam("ids", type_=ARRAY(Text)))
)


class Reception(Enum):
    """What an event was to us."""

    new = "new"
    repeated = "repeated"
    different = "different"
    """Its id was there with another body: somebody reuses ids, or has our secret."""


@dataclass(frozen=True)
class _Event:
    id: str
    type: str
    payment_id: str | None
    body_hash: bytes
    payload: str | None
    """Of its job, as JSON; None where it has none."""
    job_id: str | None


_Waiting = tuple[_Event, asyncio.Future[Reception]]


class PaymentEvents:
    """Events that were accepted. Belongs to one event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._statements = Statements(engine)
        self._waiting: deque[_Waiting] = deque()
        self._writing: set[asyncio.Task[None] | None] = set()

    async def receive(self, event_id: str, event_type: str, payment_id: str | None, body_hash: bytes) -> Reception:
        """Keep an event, and enqueue its job where it is of a payment: both or neither.

        May run twice, as a connection may break after PostgreSQL has done it. Raises the domain's errors.
        """
        payload = job_id = None
        if payment_id is not None:
            request = PaymentCallbackRequest(event_id=event_id, payment_id=payment_id)
            payload, job_id = json.dumps(request.model_dump(mode="json")), request.workflow_id
        told: asyncio.Future[Reception] = asyncio.get_running_loop().create_future()
        self._waiting.append((_Event(event_id, event_type, payment_id, body_hash, payload, job_id), told))
        if len(self._writing) < _MOST_BATCHES:
            self._writing.add(asyncio.create_task(self._write(), name="payment events"))
        return await told

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_LARGEST_BATCH, len(self._waiting)))]
                await self._write_batch([waiting for waiting in batch if not waiting[1].done()])
        finally:
            # Not when it is done, which is a moment later: what comes in between would wait for nobody.
            self._writing.discard(asyncio.current_task())

    async def _write_batch(self, batch: Sequence[_Waiting]) -> None:
        try:
            receptions = await self._received([event for event, _ in batch])
        except PermanentError as error:
            if len(batch) > 1:
                # One of them cannot be kept: that is not to be the others' fault.
                for one in batch:
                    await self._write_batch([one])
            else:
                _fail(batch, error)
        except Exception as error:  # noqa: BLE001  # those who wait get it
            _fail(batch, error)
        else:
            for (_, told), reception in zip(batch, receptions, strict=True):
                if not told.done():
                    told.set_result(reception)

    async def _received(self, events: Sequence[_Event]) -> list[Reception]:
        if not events:
            return []
        first: dict[str, _Event] = {}
        for event in events:
            first.setdefault(event.id, event)
        rows = await self._statements.rows(_RECEIVE, **_columns(first.values()), kind=PaymentCallbackRequest.kind)
        new = {row.id for row in rows}
        hashes = {event_id: first[event_id].body_hash for event_id in new}
        if known := [event_id for event_id in first if event_id not in new]:
            hashes |= {row.id: row.body_hash for row in await self._statements.rows(_HASHES, ids=known)}

        def reception(event: _Event) -> Reception:
            if event.id in new and first[event.id] is event:
                return Reception.new
            return Reception.repeated if hashes.get(event.id) == event.body_hash else Reception.different

        return [reception(event) for event in events]


def _columns(events: Iterable[_Event]) -> dict[str, list[str | bytes | None]]:
    """As PostgreSQL's `unnest` puts them together again."""
    rows = list(events)
    return {name: [getattr(event, name) for event in rows] for name in _COLUMNS}


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for _, told in batch:
        if not told.done():
            told.set_exception(error)
