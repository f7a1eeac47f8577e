"""Payment callbacks as they come in: each event is kept once, for ever, and enqueues its job with it."""

from __future__ import annotations

from enum import Enum

from sqlalchemy import LargeBinary, Text, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.statements import Statements
from adapters.db.tables import outbox, payment_events
from domain.payment_callback import PaymentCallbackRequest

_columns = {
    "id": bindparam("event_id", type_=Text),
    "type": bindparam("event_type", type_=Text),
    "payment_id": bindparam("payment_id", type_=Text),
    "body_hash": bindparam("body_hash", type_=LargeBinary),
}
_received = (
    insert(payment_events)
    .values(_columns)
    .on_conflict_do_nothing(index_elements=["id"])
    .returning(payment_events.c.id)
    .cte("received")
)
_job = select(bindparam("kind", type_=Text), bindparam("payload", type_=JSONB), bindparam("job_id", type_=Text)).where(
    exists(select(_received.c.id))
)
_enqueued = insert(outbox).from_select(["kind", "payload", "job_id"], _job).cte("enqueued")
_count = select(func.count().label("new")).select_from(_received)

# One statement, so one transaction and one round trip: the provider waits for the answer.
_RECEIVE_WITH_JOB = _count.add_cte(_enqueued)
_RECEIVE = _count
_HASH = select(payment_events.c.body_hash).where(payment_events.c.id == bindparam("event_id", type_=Text))


class Reception(Enum):
    """What an event was to us."""

    new = "new"
    repeated = "repeated"
    different = "different"
    """Its id was there with another body: somebody reuses ids, or has our secret."""


class PaymentEvents:
    """Events that were accepted."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        self._statements = Statements(engine)

    async def receive(self, event_id: str, event_type: str, payment_id: str | None, body_hash: bytes) -> Reception:
        """Keep an event, and enqueue its job where it is of a payment: both or neither.

        May run twice, as a connection may break after PostgreSQL has done it. Raises the domain's errors.
        """
        event = {"event_id": event_id, "event_type": event_type, "payment_id": payment_id, "body_hash": body_hash}
        if payment_id is None:
            rows = await self._statements.rows(_RECEIVE, **event)
        else:
            request = PaymentCallbackRequest(event_id=event_id, payment_id=payment_id)
            rows = await self._statements.rows(
                _RECEIVE_WITH_JOB,
                **event,
                kind=request.kind,
                payload=request.model_dump(mode="json"),
                job_id=request.workflow_id,
            )
        if rows[0].new:
            return Reception.new
        known = await self._statements.rows(_HASH, event_id=event_id)
        return Reception.repeated if known and known[0].body_hash == body_hash else Reception.different
