"""The delivery ledger in PostgreSQL."""

from __future__ import annotations

from sqlalchemy import Integer, Text, bindparam, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.statements import Statements
from adapters.db.tables import ANSWER_LIMIT, deliveries

# A claim need not reach the disk before the mail is sent: if PostgreSQL crashes and forgets it, the delivery counts as
# unclaimed, and that is treated as a claim without an answer is. Not waiting saves a flush of the disk a delivery.
# The setting holds for the statement's own transaction.
_WITHOUT_FLUSH = func.set_config("synchronous_commit", "off", True).table_valued(column("setting", Text))

_claim = insert(deliveries).from_select(
    ["key", "claims", "claimed_at"],
    select(bindparam("key", type_=Text), literal_column("1", Integer), func.now()).select_from(_WITHOUT_FLUSH),
)
_CLAIM = _claim.on_conflict_do_update(
    index_elements=["key"],
    set_={"claims": deliveries.c.claims + 1, "claimed_at": func.now()},
    where=deliveries.c.delivered_at.is_(None),
).returning(deliveries.c.claims)

# An insert, not only an update: a claim may have been forgotten as told above, an answer must not be.
_record = insert(deliveries).values(
    key=bindparam("key"), claims=1, claimed_at=func.now(), delivered_at=func.now(), answer=bindparam("answer")
)
_RECORD = _record.on_conflict_do_update(
    index_elements=["key"],
    set_={"delivered_at": func.now(), "answer": _record.excluded.answer},
    where=deliveries.c.delivered_at.is_(None),
).returning(deliveries.c.claims)


class SqlDeliveryLedger:
    """Implements `domain.ports.DeliveryLedger`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._statements = Statements(engine)

    async def claim(self, key: str) -> bool:
        """Claim a delivery; False where the receiver has accepted it before, and it must not be sent again.

        A claim without an answer (its worker was killed) is taken over.
        """
        return bool(await self._statements.rows(_CLAIM, key=key))

    async def record(self, key: str, answer: str) -> None:
        """Keep the receiver's answer to a delivery that it accepted; the first answer stays.

        An answer that PostgreSQL would refuse (too long, with a NUL or half a surrogate pair) is kept as far as it
        goes: that it came matters more than its text.
        """
        kept = answer.replace("\0", "").encode(errors="replace").decode()[:ANSWER_LIMIT]
        await self._statements.rows(_RECORD, key=key, answer=kept)
